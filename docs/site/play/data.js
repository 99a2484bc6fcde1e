// MNIST from its contact sheets: PNG pictures of 100 by 50 digits, decoded in the page.

/** @typedef {{sheets: {file: string, rows: number, columns: number}[], labels: string, train: number, validation: number,
 *            shape: number[], classes: string[]}} About */

/** The bytes of one sheet's digits, (rows·columns, high·wide). */
async function digits({file, rows, columns}, base, [high, wide]) {
  const blob = await (await got(new URL(file, base))).blob();
  const picture = await createImageBitmap(blob, {colorSpaceConversion: "none", premultiplyAlpha: "none"});
  const pen = new OffscreenCanvas(picture.width, picture.height).getContext("2d", {willReadFrequently: true});
  pen.drawImage(picture, 0, 0);
  const {data} = pen.getImageData(0, 0, picture.width, picture.height), found = new Uint8Array(rows * columns * high * wide);
  let to = 0;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      for (let y = 0; y < high; y++) {
        let from = 4 * ((row * high + y) * picture.width + column * wide);
        for (let x = 0; x < wide; x++, from += 4) found[to++] = data[from];
      }
    }
  }
  return found;
}

async function got(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url.pathname} could not be loaded (${answer.status})`);
  return answer;
}

/** Load the digits and deal them: the first for training, the rest for validation. @param {About} about @param {string} base address of the files
 * @returns {Promise<import("./training.js").Data>} */
export async function load(about, base) {
  const {train, validation, shape, classes} = about, size = shape[0] * shape[1];
  const [labels, ...sheets] = await Promise.all([got(new URL(about.labels, base)).then(answer => answer.arrayBuffer()),
    ...about.sheets.map(sheet => digits(sheet, base, shape))]);
  const x = new Uint8Array((train + validation) * size), y = new Uint8Array(labels);
  sheets.reduce((from, sheet) => {
    x.set(sheet.subarray(0, x.length - from), from);
    return Math.min(x.length, from + sheet.length);
  }, 0);
  const part = (from, count) => ({x: x.subarray(from * size, (from + count) * size), y: y.subarray(from, from + count), count});
  return {train: part(0, train), validation: part(train, validation), shape, classes, ...moments(x.subarray(0, train * size))};
}

/** Mean and standard deviation of the training samples, in units of [0,1]. @param {Uint8Array} bytes */
function moments(bytes) {
  const counts = new Float64Array(256);
  for (const byte of bytes) counts[byte] += 1;
  const mean = counts.reduce((sum, count, byte) => sum + count * byte, 0) / bytes.length;
  const variance = counts.reduce((sum, count, byte) => sum + count * (byte - mean) ** 2, 0) / bytes.length;
  return {mean: mean / 255, std: Math.sqrt(variance) / 255};
}
