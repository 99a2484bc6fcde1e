// The architectures of Settings that the page trains, laid out as PyTorch has them; their loss and their weights.
import {ACTIVATIONS, Activation, Arena, CHUNK, Conv, Dropout, Flatten, Input, Linear, MaxPool} from "./layers.js";
import {generator, normal} from "./random.js";

const CLASSES = 10;

/** Spread of a weight with so many inputs and outputs; null: PyTorch's own, uniform within 1/sqrt(inputs). */
const INIT_SCHEMES = {
  default: null,
  he: inputs => Math.sqrt(2 / inputs),
  xavier: (inputs, outputs) => Math.sqrt(2 / (inputs + outputs)),
  lecun: inputs => Math.sqrt(1 / inputs),
  normal: () => 1,
  small: () => 0.01,
  zeros: () => 0,
};

/** Adds layers one after the other; a layer's number is that in the PyTorch model. */
const ARCHITECTURES = {
  linear: (add, arena) => {
    add(last => new Flatten(arena, last));
    add(last => new Linear(arena, last, CLASSES));
  },
  mlp: (add, arena, {depth, width, activation}) => {
    add(last => new Flatten(arena, last));
    for (let i = 0; i < depth; i++) {
      add(last => new Linear(arena, last, width));
      add(last => new Activation(arena, last, activation));
      add(last => new Dropout(arena, last));
    }
    add(last => new Linear(arena, last, CLASSES));
  },
  convnet: (add, arena, {depth, width, activation}) => {
    for (let stage = 0; stage < depth + 1; stage++) {
      const channels = Math.max(1, Math.min(width, Math.floor(width / 8) * 2 ** stage));
      add(last => new Conv(arena, last, channels, 5));
      const parts = [last => new Activation(arena, last, activation), last => new MaxPool(arena, last)];
      // pooling first: the same numbers from a quarter of the work, where the activation keeps the order
      const places = ACTIVATIONS[activation].keepsOrder ? [1, 0] : [0, 1];
      places.forEach(place => add(parts[place], place - places.indexOf(place)));
    }
    add(last => new Flatten(arena, last));
    add(last => new Linear(arena, last, width));
    add(last => new Activation(arena, last, activation));
    add(last => new Dropout(arena, last));
    add(last => new Linear(arena, last, CLASSES));
  },
};

export class Network {
  /** @param {WebAssembly.Module} kernels @param {any} settings @param {number[]} shape (H,W,C) of a sample */
  constructor(kernels, settings, shape) {
    const arena = new Arena(kernels);
    this.layers = [];
    this.input = new Input(arena, shape);
    const add = (make, moved = 0) => {
      const layer = make(this.layers.at(-1) ?? this.input);
      layer.path = String(this.layers.length + moved); // its place in the PyTorch model
      this.layers.push(layer);
    };
    ARCHITECTURES[settings.model](add, arena, settings);
    this.weighted = this.layers.filter(layer => layer.parameters);
    const count = this.weighted.reduce((sum, layer) => sum + layer.parameters, 0);
    const parameters = arena.take(count), gradients = arena.take(count);
    arena.open();
    let from = 0;
    for (const layer of this.weighted) {
      layer.settle(parameters, gradients, from);
      from += layer.parameters;
    }
    this.parameters = parameters.view;
    this.gradients = gradients.view;
    this.dropouts = this.layers.filter(layer => layer instanceof Dropout);
    this.last = this.layers.at(-1);
  }

  /** Draw the weights, layer by layer. @param {string} scheme @param {number} seed */
  init(scheme, seed) {
    const uniform = generator(seed, "init"), draw = normal(uniform), spread = INIT_SCHEMES[scheme];
    for (const {weight, bias, inputs, outputs, k} of this.weighted) {
      const bound = 1 / Math.sqrt(inputs), scale = spread?.(inputs, outputs * (k ?? 1) ** 2) ?? 0;
      for (const part of [weight.view, bias.view]) {
        for (let i = 0; i < part.length; i++) {
          part[i] = !spread ? bound * (2 * uniform() - 1) : part === weight.view ? scale * draw() : 0;
        }
      }
    }
  }

  /** Logits of `n` samples that lie in `input`; they stand in `last.out`. @param {number} n @param {boolean} training */
  forward(n, training) {
    for (const layer of this.layers) layer.forward(n, training);
  }

  /** Mean cross-entropy of a batch and its gradient, chunk by chunk.
   * @param {(n: number, from: number) => void} fill puts `n` samples from the batch's `from` on into `input`
   * @param {ArrayLike<number>} labels @returns {{loss: number, right: number}} loss in nats, right answers */
  gradient(fill, labels) {
    const first = this.layers.indexOf(this.weighted[0]);
    let loss = 0, right = 0;
    for (let from = 0; from < labels.length; from += CHUNK) {
      const n = Math.min(CHUNK, labels.length - from);
      fill(n, from);
      this.forward(n, true);
      const judged = this.judge(n, labels, from, labels.length);
      loss += judged.loss;
      right += judged.right;
      // nothing before the first weights needs a gradient
      for (let i = this.layers.length - 1; i >= first; i--) this.layers[i].backward(n, from > 0, i > first);
    }
    return {loss, right};
  }

  /** Loss of `n` logits, as their part of the mean over `many`; its gradient goes into `last.gradient`.
   * @param {number} n @param {ArrayLike<number>} labels @param {number} from @param {number} many */
  judge(n, labels, from, many) {
    const logits = this.last.out.view, gradient = this.last.gradient.view;
    let loss = 0, right = 0;
    for (let i = 0; i < n; i++) {
      const row = i * CLASSES, label = labels[from + i];
      let best = 0, sum = 0;
      for (let k = 1; k < CLASSES; k++) if (logits[row + k] > logits[row + best]) best = k;
      for (let k = 0; k < CLASSES; k++) sum += Math.exp(logits[row + k] - logits[row + best]);
      loss += (Math.log(sum) + logits[row + best] - logits[row + label]) / many;
      right += best === label ? 1 : 0;
      for (let k = 0; k < CLASSES; k++) {
        gradient[row + k] = (Math.exp(logits[row + k] - logits[row + best]) / sum - (k === label ? 1 : 0)) / many;
      }
    }
    return {loss, right};
  }

  /** Class probabilities of the `n` newest logits. @param {number} n */
  probabilities(n) {
    const logits = this.last.out.view, found = new Float32Array(n * CLASSES);
    for (let i = 0; i < n; i++) {
      const row = logits.subarray(i * CLASSES, (i + 1) * CLASSES), most = Math.max(...row);
      const powers = Array.from(row, value => Math.exp(value - most)), sum = powers.reduce((a, b) => a + b, 0);
      powers.forEach((power, k) => found[i * CLASSES + k] = power / sum);
    }
    return found;
  }

  /** Take weights as PyTorch lists them: weight (out,in) or (out,C,k,k), bias, layer by layer. @param {Float32Array[]} tensors */
  take(tensors) {
    this.weighted.forEach((layer, number) => {
      const [weight, bias] = tensors.slice(2 * number, 2 * number + 2);
      forEachWeight(layer, (own, torch) => layer.weight.view[own] = weight[torch]);
      layer.bias.view.set(bias);
    });
  }

  /** The gradients, or the weights, as PyTorch lists them. @param {"weight" | "weightGradient"} what @returns {Float32Array[]} */
  listed(what) {
    return this.weighted.flatMap(layer => {
      const values = layer[what].view, turned = new Float32Array(values.length);
      forEachWeight(layer, (own, torch) => turned[torch] = values[own]);
      return [turned, Float32Array.from(layer[what === "weight" ? "bias" : "biasGradient"].view)];
    });
  }
}

/** Where a weight lies here (k,k,C,out) and in PyTorch (out,C,k,k). */
function forEachWeight({inputs, outputs, k = 1}, call) {
  const channels = inputs / (k * k);
  for (let place = 0; place < k * k; place++) {
    for (let c = 0; c < channels; c++) {
      for (let out = 0; out < outputs; out++) call((place * channels + c) * outputs + out, (out * channels + c) * k * k + place);
    }
  }
}
