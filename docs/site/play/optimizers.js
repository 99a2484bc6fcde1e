// The optimisers of Settings that the page has, as PyTorch computes them.

const BETA2 = 0.999, EPSILON = 1e-8; // Kingma and Ba 2015

/** @typedef {{lr: number, momentum: number, weight_decay: number}} Knobs */

function sgd({weights, gradients, first, knobs}, nesterov) {
  const {lr, momentum, weight_decay} = knobs;
  for (let i = 0; i < weights.length; i++) {
    let step = gradients[i] + weight_decay * weights[i];
    if (momentum) {
      first[i] = momentum * first[i] + step;
      step = nesterov ? step + momentum * first[i] : first[i];
    }
    weights[i] -= lr * step;
  }
}

function adam({weights, gradients, first, second, knobs, updates}, decoupled) {
  const {lr, momentum, weight_decay} = knobs;
  const rate = lr / (1 - momentum ** updates), scale = 1 / Math.sqrt(1 - BETA2 ** updates);
  const shrink = decoupled ? 1 - lr * weight_decay : 1, pull = decoupled ? 0 : weight_decay;
  for (let i = 0; i < weights.length; i++) {
    const gradient = gradients[i] + pull * weights[i];
    first[i] = momentum * first[i] + (1 - momentum) * gradient;
    second[i] = BETA2 * second[i] + (1 - BETA2) * gradient * gradient;
    weights[i] = shrink * weights[i] - rate * first[i] / (Math.sqrt(second[i]) * scale + EPSILON);
  }
}

const OPTIMIZERS = {
  sgd: {update: one => sgd(one, false), second: false},
  nesterov: {update: one => sgd(one, true), second: false},
  adam: {update: one => adam(one, false), second: true},
  adamw: {update: one => adam(one, true), second: true},
};

/** Changes `weights` by `gradients`, and remembers what it needs for the next update. */
export class Optimizer {
  /** @param {string} name @param {Float32Array} weights @param {Float32Array} gradients */
  constructor(name, weights, gradients) {
    this.row = OPTIMIZERS[name];
    this.weights = weights;
    this.gradients = gradients;
    this.first = new Float32Array(weights.length); // means of the gradients
    this.second = new Float32Array(this.row.second ? weights.length : 0); // and of their squares
    this.updates = 0;
    /** @type {Knobs} */
    this.knobs = {lr: 0, momentum: 0, weight_decay: 0};
  }

  /** @param {Knobs} knobs */
  step(knobs) {
    this.knobs = knobs;
    this.updates += 1;
    this.row.update(this);
  }
}
