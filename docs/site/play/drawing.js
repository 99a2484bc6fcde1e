// A digit that a reader has drawn, made into a sample like those of MNIST.

const INK = 20; // grey values below count as paper
const BOX = 20, SIDE = 28; // pixels: of the digit's longer side, and of the sample

/** White on black, side×side, to 28×28 as MNIST's were made: the digit fills 20 pixels, its centre of mass is in the
 * middle (LeCun et al. 1998). @param {Uint8Array} drawn @param {number} side */
export function asSample(drawn, side) {
  const sample = new Uint8Array(SIDE * SIDE), inked = [...drawn.keys()].filter(i => drawn[i] > INK);
  if (!inked.length) return sample;
  const rows = inked.map(i => Math.floor(i / side)), columns = inked.map(i => i % side);
  const top = Math.min(...rows), left = Math.min(...columns);
  const high = Math.max(...rows) - top + 1, wide = Math.max(...columns) - left + 1, scale = BOX / Math.max(high, wide);
  const tall = Math.max(1, Math.round(scale * high)), broad = Math.max(1, Math.round(scale * wide));
  const cut = Float64Array.from({length: high * wide}, (_, i) => drawn[(top + Math.floor(i / wide)) * side + left + i % wide]);
  const across = resized(cut, high, wide, broad); // (high,broad), then turned and the other way
  const small = turned(resized(turned(across, high, broad), broad, high, tall), broad, tall);
  const most = Math.max(1, ...small); // a thin line is not to become pale
  const place = (length, at) => {
    let ink = 0, moment = 0;
    small.forEach((value, i) => {
      ink += value;
      moment += value * at(i);
    });
    return Math.min(SIDE - length, Math.max(0, Math.round((SIDE - 1) / 2 - moment / ink)));
  };
  const y = place(tall, i => Math.floor(i / broad)), x = place(broad, i => i % broad);
  small.forEach((value, i) => sample[(y + Math.floor(i / broad)) * SIDE + x + i % broad] = Math.round(255 * value / most));
  return sample;
}

/** Rows of another length; smaller ones by triangles as wide as what they stand for. @returns {Float64Array} (rows,to) */
function resized(values, rows, from, to) {
  const found = new Float64Array(rows * to), scale = from / to, reach = Math.max(1, scale);
  for (let j = 0; j < to; j++) {
    const centre = (j + 0.5) * scale, weights = [];
    const first = Math.max(0, Math.floor(centre - reach)), end = Math.min(from, Math.ceil(centre + reach));
    for (let i = first; i < end; i++) weights.push(Math.max(0, 1 - Math.abs(i + 0.5 - centre) / reach));
    const sum = weights.reduce((a, b) => a + b, 0);
    for (let row = 0; row < rows; row++) {
      weights.forEach((weight, n) => found[row * to + j] += weight / sum * values[row * from + first + n]);
    }
  }
  return found;
}

function turned(values, rows, columns) {
  return Float64Array.from({length: values.length}, (_, i) => values[i % rows * columns + Math.floor(i / rows)]);
}
