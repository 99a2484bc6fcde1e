// Axes: limits that one odd number cannot stretch, round marks, plain numbers.

/** The numbers 1, 2, 5 times a power of ten next to `value`. @param {number} value @param {boolean} up */
export function round125(value, up) {
  const decade = 10 ** Math.floor(Math.log10(value) + 1e-9);
  const steps = [1, 2, 5, 10].map(factor => factor * decade);
  return up ? steps.find(step => step >= value * (1 - 1e-9)) ?? 10 * decade
    : steps.findLast(step => step <= value * (1 + 1e-9)) ?? decade;
}

/** A number that was measured: three digits; "1.2e-5" and "3e7" where there were too many zeros. As the kernel's
 * number_words.py writes it. @param {number} value */
export function plain(value) {
  const size = Math.abs(value);
  if (!Number.isFinite(value)) return "–";
  if (size >= 1e6 || (size > 0 && size < 1e-4)) return value.toExponential(1).replace("e+", "e").replace(".0e", "e");
  if (size >= 100) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}

/** A share as "96.1%". @param {number} share */
export function percent(share) {
  return Number.isFinite(share) ? `${(100 * share).toFixed(1)}%` : "–";
}

/** A share of all values lies below. @param {number[]} sorted @param {number} share */
function quantile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.round(share * (sorted.length - 1))))];
}

const PAD = 0.06, ROOM = 0.2; // of the axis around what is seen; below it while a loss falls

/** Limits of an axis, with room around what is seen. Those that still fit stay, so that nothing jumps.
 * @param {number[]} values that are drawn
 * @param {{log: boolean, percent: boolean, start: number, first: number, falls: boolean, now: number[] | undefined}} how
 *   start: the largest that a run began with; first: what must be seen of it; falls: a run goes on; now: the limits as they stand */
export function limits(values, {log, percent, start, first, falls, now}) {
  const seen = values.filter(value => Number.isFinite(value) && (!log || value > 0)).sort((a, b) => a - b);
  if (!seen.length) return percent ? [-2, 102] : log ? [0.1, 5] : [-0.1, 3];
  const to = log ? Math.log : Number, back = log ? Math.exp : Number;
  // the best value is never hidden; a run that diverges leaves the axis at its top
  const most = percent ? seen[seen.length - 1] : Math.max(seen[0], first, Math.min(quantile(seen, 0.995), start ? 3 * start : Infinity));
  let low = log || percent ? to(seen[0]) : 0, high = to(most);
  const least = log ? Math.log(!first ? 1.6 : falls ? 4 : 2) : percent ? 8 : 0.1 * most, lacks = Math.max(0, least - (high - low));
  low -= first ? lacks : lacks / 2; // at its beginning a loss has yet to fall
  high += first ? 0 : lacks / 2;
  const span = high - low;
  if (now) {
    const [below, above] = [low - to(now[0]), to(now[1]) - high], size = span + below + above;
    if (Math.min(below, above) > 0.02 * size && size < 1.5 * span) return now;
  }
  low -= (falls && log ? ROOM : PAD) * span;
  high += PAD * span;
  return percent ? [Math.max(low, -0.03 * span), Math.min(high, 100 + 0.03 * span)] : [back(low), back(high)];
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
  if (marks.length < 2) return linearMarks(low, high, count).filter(mark => mark > 0);
  const every = Math.ceil(marks.length / count);
  return marks.filter((_, i) => i % every === 0);
}
