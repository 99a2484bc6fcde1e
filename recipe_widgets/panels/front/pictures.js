// Small pictures and their rows on a canvas.

/** Small pictures in rows, one pixel apart. @param {HTMLCanvasElement} canvas @param {Uint8Array} bytes
 * @param {number[]} shape (n,C,H,W) @param {number} count @param {number} columns */
export function paint(canvas, bytes, [, channels, high, wide], count, columns) {
  const rows = Math.ceil(count / columns), side = {x: wide + 1, y: high + 1};
  if (canvas.width !== columns * side.x) canvas.width = columns * side.x;
  if (canvas.height !== rows * side.y) canvas.height = rows * side.y;
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const all = pen.createImageData(canvas.width, canvas.height);
  for (let n = 0; n < count; n++) {
    for (let y = 0; y < high; y++) {
      for (let x = 0; x < wide; x++) {
        const to = 4 * ((Math.floor(n / columns) * side.y + y) * canvas.width + n % columns * side.x + x);
        for (let c = 0; c < 3; c++) all.data[to + c] = bytes[((n * channels + Math.min(c, channels - 1)) * high + y) * wide + x];
        all.data[to + 3] = 255;
      }
    }
  }
  pen.putImageData(all, 0, 0);
}
