// Layers with a forward and a backward pass. Images lie as (N,H,W,C), a chunk of samples at a time.

/** Samples that are computed at once: a larger batch is the sum over its chunks. */
export const CHUNK = 64;

/** Memory of one network, which its kernels work in. Everything is taken first; then `open` gives it its views. */
export class Arena {
  /** @param {WebAssembly.Module} kernels */
  constructor(kernels) {
    this.kernels = new WebAssembly.Instance(kernels).exports;
    this.next = 4096; // bytes; the first ones are the kernels' own
    this.places = [];
  }

  /** Room for so many float32. @param {number} count */
  take(count) {
    const place = {at: this.next, count, view: new Float32Array(0)};
    this.next += 16 * Math.ceil(count / 4); // 16: what the kernels load at once
    this.places.push(place);
    return place;
  }

  open() {
    const {memory} = this.kernels, missing = this.next - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / 65536));
    for (const place of this.places) place.view = new Float32Array(memory.buffer, place.at, place.count);
  }
}

/** What all layers have: the layer before, their output and its gradient. `size` is that of one sample. */
class Layer {
  constructor(name, arena, before, shape, ownOutput = true) {
    this.name = name;
    this.before = before;
    this.shape = shape;
    this.size = shape.reduce((a, b) => a * b, 1);
    this.kernels = arena.kernels;
    this.parameters = 0; // how many
    this.out = ownOutput ? arena.take(CHUNK * this.size) : before.out;
    this.gradient = ownOutput ? arena.take(CHUNK * this.size) : before.gradient;
  }

  forward() {}

  backward() {}
}

/** The samples. @param {Arena} arena @param {number[]} shape (H,W,C) */
export class Input extends Layer {
  constructor(arena, shape) {
    super("Input", arena, null, shape);
  }
}

/** A layer with a weight (inputs, outputs), which PyTorch keeps transposed, and a bias. */
class Weighted extends Layer {
  constructor(name, arena, before, shape, inputs, outputs) {
    super(name, arena, before, shape);
    Object.assign(this, {inputs, outputs, parameters: (inputs + 1) * outputs});
    this.turned = arena.take(inputs * outputs); // the weight, transposed
  }

  /** Its part of the network's parameters and gradients. @param {{at: number, view: Float32Array}} all @param {number} from */
  part(all, from, count) {
    return {at: all.at + 4 * from, view: all.view.subarray(from, from + count)};
  }

  /** @param {any} parameters @param {any} gradients of the whole network @param {number} from where this layer's begin */
  settle(parameters, gradients, from) {
    const many = this.inputs * this.outputs;
    this.weight = this.part(parameters, from, many);
    this.bias = this.part(parameters, from + many, this.outputs);
    this.weightGradient = this.part(gradients, from, many);
    this.biasGradient = this.part(gradients, from + many, this.outputs);
  }

  /** Gradient of the bias: the sum over rows. @param {number} rows @param {boolean} add */
  sumBias(rows, add) {
    const {view} = this.gradient, sums = this.biasGradient.view, many = this.outputs, found = new Float64Array(many);
    for (let i = 0, at = 0; i < rows; i++) for (let j = 0; j < many; j++) found[j] += view[at++];
    for (let j = 0; j < many; j++) sums[j] = add ? sums[j] + found[j] : found[j];
  }

  /** Every row of the output begins as the bias. @param {number} rows */
  fillBias(rows) {
    const {view} = this.out, many = this.outputs * rows;
    view.set(this.bias.view);
    for (let done = this.outputs; done < many; done *= 2) view.copyWithin(done, 0, Math.min(done, many - done));
  }

  turn() {
    this.kernels.transpose(this.inputs, this.outputs, this.weight.at, this.turned.at);
  }
}

/** y = x·W + b. */
export class Linear extends Weighted {
  constructor(arena, before, outputs) {
    super("Linear", arena, before, [outputs], before.size, outputs);
    this.title = `Linear ${before.size} → ${outputs}`;
  }

  forward(n) {
    const {inputs, outputs} = this;
    this.fillBias(n);
    this.kernels.gemm(n, outputs, inputs, this.before.out.at, inputs, 1, this.weight.at, this.out.at, true);
  }

  backward(n, add, needsInput) {
    const {inputs, outputs, kernels} = this;
    kernels.gemm(inputs, outputs, n, this.before.out.at, 1, inputs, this.gradient.at, this.weightGradient.at, add);
    this.sumBias(n, add);
    if (!needsInput) return;
    this.turn();
    kernels.gemm(n, inputs, outputs, this.gradient.at, outputs, 1, this.turned.at, this.before.gradient.at, false);
  }
}

/** Convolution k×k with the same size of the picture, one image at a time: its columns (H·W, k·k·C) times the weight. */
export class Conv extends Weighted {
  constructor(arena, before, outputs, k) {
    const [high, wide, channels] = before.shape;
    super("Conv2d", arena, before, [high, wide, outputs], k * k * channels, outputs);
    this.title = `Conv2d ${channels} → ${outputs}, ${k}×${k}`;
    this.k = k;
    this.columns = arena.take(high * wide * this.inputs);
    this.padded = arena.take((high + k - 1) * (wide + k - 1) * channels);
  }

  fillColumns(i) {
    const [high, wide, channels] = this.before.shape;
    this.kernels.imageToColumns(high, wide, channels, this.k, this.before.out.at + 4 * i * this.before.size, this.padded.at, this.columns.at);
  }

  forward(n) {
    const {inputs, outputs, kernels} = this, pixels = this.shape[0] * this.shape[1];
    this.fillBias(n * pixels);
    for (let i = 0; i < n; i++) {
      this.fillColumns(i);
      kernels.gemm(pixels, outputs, inputs, this.columns.at, inputs, 1, this.weight.at, this.out.at + 4 * i * this.size, true);
    }
  }

  backward(n, add, needsInput) {
    const {inputs, outputs, kernels, before} = this, [high, wide] = this.shape, pixels = high * wide;
    if (needsInput) this.turn();
    for (let i = 0; i < n; i++) {
      const gradient = this.gradient.at + 4 * i * this.size;
      this.fillColumns(i);
      kernels.gemm(inputs, outputs, pixels, this.columns.at, 1, inputs, gradient, this.weightGradient.at, add || i > 0);
      if (!needsInput) continue;
      kernels.gemm(pixels, inputs, outputs, gradient, outputs, 1, this.turned.at, this.columns.at, false);
      kernels.columnsToImage(high, wide, before.shape[2], this.k, this.columns.at, this.padded.at, before.gradient.at + 4 * i * before.size);
    }
    this.sumBias(n * pixels, add);
  }
}

/** Non-linearities: y of x, and the slope by x and y. `keepsOrder`: a larger x gives no smaller y. */
export const ACTIVATIONS = {
  relu: {name: "ReLU", keepsOrder: true, of: x => x > 0 ? x : x === x ? 0 : x, slope: (x, y) => y > 0 ? 1 : 0},
  leaky_relu: {name: "LeakyReLU", keepsOrder: true, of: x => x > 0 ? x : 0.01 * x, slope: x => x > 0 ? 1 : 0.01},
  elu: {name: "ELU", keepsOrder: true, of: x => x > 0 ? x : Math.expm1(x), slope: (x, y) => x > 0 ? 1 : y + 1},
  silu: {name: "SiLU", keepsOrder: false, of: x => x / (1 + Math.exp(-x)),
    slope: x => { const s = 1 / (1 + Math.exp(-x)); return s * (1 + x * (1 - s)); }},
  tanh: {name: "Tanh", keepsOrder: true, of: Math.tanh, slope: (x, y) => 1 - y * y},
  sigmoid: {name: "Sigmoid", keepsOrder: true, of: x => 1 / (1 + Math.exp(-x)), slope: (x, y) => y * (1 - y)},
  identity: {name: "Identity", keepsOrder: true, of: x => x, slope: () => 1},
};

export class Activation extends Layer {
  constructor(arena, before, kind) {
    super(ACTIVATIONS[kind].name, arena, before, before.shape);
    this.row = ACTIVATIONS[kind];
  }

  forward(n) {
    const {of} = this.row, x = this.before.out.view, y = this.out.view, many = n * this.size;
    for (let i = 0; i < many; i++) y[i] = of(x[i]);
  }

  backward(n) {
    const {slope} = this.row, x = this.before.out.view, y = this.out.view, many = n * this.size;
    const up = this.gradient.view, down = this.before.gradient.view;
    for (let i = 0; i < many; i++) down[i] = up[i] * slope(x[i], y[i]);
  }
}

/** The largest of each 2×2 pixels; of equal ones the first. */
export class MaxPool extends Layer {
  constructor(arena, before) {
    const [high, wide, channels] = before.shape;
    super("MaxPool2d", arena, before, [high >> 1, wide >> 1, channels]);
    this.taken = new Int32Array(CHUNK * this.size); // where in the input
  }

  forward(n) {
    const x = this.before.out.view, y = this.out.view, {taken} = this, [, inputWidth, channels] = this.before.shape, [high, wide] = this.shape;
    let to = 0;
    for (let i = 0; i < n; i++) {
      for (let row = 0; row < high; row++) {
        for (let column = 0; column < wide; column++) {
          const first = i * this.before.size + (2 * row * inputWidth + 2 * column) * channels;
          for (let c = 0; c < channels; c++) {
            let at = first + c, best = x[at];
            const right = at + channels, below = at + inputWidth * channels, across = below + channels;
            if (x[right] > best || x[right] !== x[right]) best = x[at = right];
            if (x[below] > best || x[below] !== x[below]) best = x[at = below];
            if (x[across] > best || x[across] !== x[across]) best = x[at = across];
            y[to] = best;
            taken[to++] = at;
          }
        }
      }
    }
  }

  backward(n) {
    const down = this.before.gradient.view, up = this.gradient.view, {taken} = this, many = n * this.size;
    down.fill(0, 0, n * this.before.size);
    for (let i = 0; i < many; i++) down[taken[i]] += up[i];
  }
}

/** Pictures (H,W,C) to rows in the order that PyTorch has, (C,H,W). */
export class Flatten extends Layer {
  constructor(arena, before) {
    const same = before.shape.length < 3 || before.shape[2] === 1;
    super("Flatten", arena, before, [before.size], !same);
    this.same = same;
  }

  forward(n) {
    if (!this.same) this.swap(n, this.before.out.view, this.out.view, false);
  }

  backward(n) {
    if (!this.same) this.swap(n, this.gradient.view, this.before.gradient.view, true);
  }

  swap(n, from, to, back) {
    const [high, wide, channels] = this.before.shape, pixels = high * wide;
    for (let i = 0; i < n; i++) {
      for (let p = 0; p < pixels; p++) {
        for (let c = 0; c < channels; c++) {
          const plain = i * this.size + p * channels + c, torch = i * this.size + c * pixels + p;
          if (back) to[plain] = from[torch]; else to[torch] = from[plain];
        }
      }
    }
  }
}

/** Silences a share `p` of the values in training, and scales the others up (Srivastava et al. 2014). */
export class Dropout extends Layer {
  constructor(arena, before) {
    super("Dropout", arena, before, before.shape);
    this.p = 0;
    this.uniform = Math.random; // of the step
    this.kept = new Float32Array(CHUNK * this.size);
    this.given = null; // masks from outside, for tests
  }

  forward(n, training) {
    const x = this.before.out.view, y = this.out.view, {kept, p} = this, many = n * this.size, scale = 1 / (1 - p);
    this.active = training && p > 0;
    if (!this.active) {
      y.set(x.subarray(0, many));
      return;
    }
    for (let i = 0; i < many; i++) {
      kept[i] = (this.given ? this.given[i] : this.uniform() >= p) ? scale : 0;
      y[i] = x[i] * kept[i];
    }
  }

  backward(n) {
    const up = this.gradient.view, down = this.before.gradient.view, {kept, active} = this, many = n * this.size;
    if (!active) down.set(up.subarray(0, many));
    else for (let i = 0; i < many; i++) down[i] = up[i] * kept[i];
  }
}
