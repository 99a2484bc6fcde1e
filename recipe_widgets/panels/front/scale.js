// Axes: limits that one odd number cannot stretch, round marks, plain numbers.

/** The numbers 1, 2, 5 times a power of ten next to `value`. @param {number} value @param {boolean} up */
export function round125(value, up) {
  const decade = 10 ** Math.floor(Math.log10(value) + 1e-9);
  const steps = [1, 2, 5, 10].map(factor => factor * decade);
  return up ? steps.find(step => step >= value * (1 - 1e-9)) ?? 10 * decade
    : steps.findLast(step => step <= value * (1 + 1e-9)) ?? decade;
}

/** A number as people write it. @param {number} value */
export function plain(value) {
  const size = Math.abs(value);
  if (!Number.isFinite(value)) return "–";
  if (size >= 1e6) return value.toExponential(0).replace("e+", "e");
  if (size >= 100) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}

/** A share of all values lies below. @param {number[]} sorted @param {number} share */
function quantile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.round(share * (sorted.length - 1))))];
}

/** Limits of an axis.
 * @param {number[]} values that are drawn
 * @param {{log: boolean, percent: boolean, start: number, first: number}} how start: the largest that a run began with;
 *   first: what must be seen of it */
export function limits(values, {log, percent, start, first}) {
  const sorted = values.filter(value => Number.isFinite(value) && (!log || value > 0)).sort((a, b) => a - b);
  if (!sorted.length) return percent ? [0, 100] : log ? [0.1, 5] : [0, 3];
  // a run that diverges leaves the axis at its top
  const most = percent ? sorted[sorted.length - 1]
    : Math.max(sorted[0], first, Math.min(quantile(sorted, 0.995), start ? 3 * start : Infinity));
  const least = quantile(sorted, 0.005);
  if (percent) {
    const low = Math.max(0, 10 * Math.floor((least - 1) / 10)), high = Math.min(100, 10 * Math.ceil((most + 1) / 10));
    return [low, Math.max(high, low + 10)];
  }
  if (!log) return [0, niceUp(most)];
  const low = round125(least, false), high = round125(most, true);
  return high / low < 4 ? [low / 2, high * 1.5] : [low, high];
}

/** @param {number} value */
function niceUp(value) {
  const step = round125(value / 4, true);
  return step * Math.ceil(value / step - 1e-9);
}

/** Marks on an axis, about `count`. @param {number} low @param {number} high @param {number} count */
export function linearMarks(low, high, count) {
  const step = round125(Math.max(1e-12, (high - low) / count), true);
  const marks = [];
  for (let mark = Math.ceil(low / step - 1e-9) * step; mark <= high + step * 1e-6; mark += step) marks.push(mark || 0); // no -0
  return marks;
}

/** Marks on a log axis: 1, 2, 5 where it is short, else decades. @param {number} low @param {number} high @param {number} count */
export function logMarks(low, high, count) {
  const decades = Math.log10(high / low);
  const factors = decades * 3 <= count ? [1, 2, 5] : decades * 2 <= count ? [1, 3] : [1];
  const marks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const factor of factors) {
      const mark = factor * 10 ** power;
      if (mark >= low * 0.999 && mark <= high * 1.001) marks.push(mark);
    }
  }
  const every = Math.ceil(marks.length / count);
  return marks.filter((_, i) => i % every === 0);
}
