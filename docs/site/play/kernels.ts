// The heavy part of training as WebAssembly (AssemblyScript): products of matrices, and the columns of a convolution.
// Addresses are bytes, strides are numbers of float32. Matrices lie row by row.

/** C (M,N) = A (M,K) · B (K,N), or C += where `add`. A's strides are free, so that it may be read transposed.
 * Four rows and eight columns of C stay in registers while k runs. */
export function gemm(M: i32, N: i32, K: i32, A: usize, rowOfA: i32, columnOfA: i32, B: usize, C: usize, add: bool): void {
  const nextA = <usize>columnOfA << 2, nextB = <usize>N << 2, rowA = <usize>rowOfA << 2, rowC = <usize>N << 2;
  let j = 0;
  for (; j + 8 <= N; j += 8) {
    let i = 0;
    for (; i + 4 <= M; i += 4) {
      const c = C + <usize>i * rowC + (<usize>j << 2);
      let c00 = f32x4.splat(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00, c30 = c00, c31 = c00;
      let a = A + <usize>i * rowA, b = B + (<usize>j << 2);
      for (let k = 0; k < K; k++) {
        const b0 = v128.load(b), b1 = v128.load(b, 16);
        let s = v128.load32_splat(a);
        c00 = f32x4.add(c00, f32x4.mul(s, b0)); c01 = f32x4.add(c01, f32x4.mul(s, b1));
        s = v128.load32_splat(a + rowA);
        c10 = f32x4.add(c10, f32x4.mul(s, b0)); c11 = f32x4.add(c11, f32x4.mul(s, b1));
        s = v128.load32_splat(a + 2 * rowA);
        c20 = f32x4.add(c20, f32x4.mul(s, b0)); c21 = f32x4.add(c21, f32x4.mul(s, b1));
        s = v128.load32_splat(a + 3 * rowA);
        c30 = f32x4.add(c30, f32x4.mul(s, b0)); c31 = f32x4.add(c31, f32x4.mul(s, b1));
        a += nextA;
        b += nextB;
      }
      put(c, c00, c01, add);
      put(c + rowC, c10, c11, add);
      put(c + 2 * rowC, c20, c21, add);
      put(c + 3 * rowC, c30, c31, add);
    }
    for (; i < M; i++) {
      let c0 = f32x4.splat(0), c1 = c0;
      let a = A + <usize>i * rowA, b = B + (<usize>j << 2);
      for (let k = 0; k < K; k++) {
        const s = v128.load32_splat(a);
        c0 = f32x4.add(c0, f32x4.mul(s, v128.load(b)));
        c1 = f32x4.add(c1, f32x4.mul(s, v128.load(b, 16)));
        a += nextA;
        b += nextB;
      }
      put(C + <usize>i * rowC + (<usize>j << 2), c0, c1, add);
    }
  }
  for (; j < N; j++) { // columns that make no eight
    for (let i = 0; i < M; i++) {
      const c = C + <usize>i * rowC + (<usize>j << 2);
      let sum: f32 = 0, a = A + <usize>i * rowA, b = B + (<usize>j << 2);
      for (let k = 0; k < K; k++) {
        sum += load<f32>(a) * load<f32>(b);
        a += nextA;
        b += nextB;
      }
      store<f32>(c, add ? sum + load<f32>(c) : sum);
    }
  }
}

// @ts-ignore: decorator
@inline
function put(c: usize, first: v128, second: v128, add: bool): void {
  if (add) {
    first = f32x4.add(first, v128.load(c));
    second = f32x4.add(second, v128.load(c, 16));
  }
  v128.store(c, first);
  v128.store(c, second, 16);
}

/** (rows, columns) at `from` to (columns, rows) at `to`. */
export function transpose(rows: i32, columns: i32, from: usize, to: usize): void {
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      store<f32>(to + (<usize>(j * rows + i) << 2), load<f32>(from + (<usize>(i * columns + j) << 2)));
    }
  }
}

/** The k·k·C inputs of each output pixel in a row: an image (H,W,C) at `image` to columns (H·W, k·k·C) at `columns`.
 * `padded` is room for (H+k-1, W+k-1, C), whose border is zero. */
export function imageToColumns(H: i32, W: i32, C: i32, k: i32, image: usize, padded: usize, columns: usize): void {
  const wide = <usize>(W + k - 1) * C << 2, row = <usize>W * C << 2, run = <usize>k * C << 2, half = k >> 1;
  for (let y = 0; y < H; y++) {
    memory.copy(padded + <usize>(y + half) * wide + (<usize>half * C << 2), image + <usize>y * row, row);
  }
  let to = columns;
  for (let y = 0; y < H; y++) {
    for (let x = 0; x < W; x++) {
      let from = padded + <usize>y * wide + (<usize>x * C << 2);
      for (let i = 0; i < k; i++) {
        copy(to, from, run);
        to += run;
        from += wide;
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function copy(to: usize, from: usize, bytes: usize): void { // short runs: quicker than memory.copy
  let i: usize = 0;
  for (; i + 16 <= bytes; i += 16) v128.store(to + i, v128.load(from + i));
  for (; i < bytes; i += 4) store<f32>(to + i, load<f32>(from + i));
}

/** The way back: gradients of the columns, summed into that of the image. `padded` is overwritten, its border left zero. */
export function columnsToImage(H: i32, W: i32, C: i32, k: i32, columns: usize, padded: usize, image: usize): void {
  const wide = <usize>(W + k - 1) * C << 2, row = <usize>W * C << 2, run = <usize>k * C << 2, half = k >> 1;
  memory.fill(padded, 0, <usize>(H + k - 1) * wide);
  let from = columns;
  for (let y = 0; y < H; y++) {
    for (let x = 0; x < W; x++) {
      let to = padded + <usize>y * wide + (<usize>x * C << 2);
      for (let i = 0; i < k; i++) {
        let n: usize = 0;
        for (; n + 16 <= run; n += 16) v128.store(to + n, f32x4.add(v128.load(to + n), v128.load(from + n)));
        for (; n < run; n += 4) store<f32>(to + n, load<f32>(to + n) + load<f32>(from + n));
        from += run;
        to += wide;
      }
    }
  }
  for (let y = 0; y < H; y++) {
    memory.copy(image + <usize>y * row, padded + <usize>(y + half) * wide + (<usize>half * C << 2), row);
  }
  memory.fill(padded, 0, <usize>(H + k - 1) * wide);
}
