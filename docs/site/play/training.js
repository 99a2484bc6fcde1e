// One run: batches, steps, looks at the validation set, and states to come back to.
import {CHUNK} from "./layers.js";
import {Network} from "./network.js";
import {Optimizer} from "./optimizers.js";
import {generator, permutation} from "./random.js";

const ACCURACY_EVERY = 10; // steps between two accuracies of the batch
const COLD = ["model", "width", "depth", "activation", "init", "optimizer", "seed"]; // knobs that begin a new run

/** @typedef {{x: Uint8Array, y: Uint8Array, count: number}} Split bytes (N,H,W,C) and labels */
/** @typedef {{train: Split, validation: Split, shape: number[], classes: string[], mean: number, std: number}} Data */

/** Whether a run can go on with other settings. @param {any} now @param {any} then */
export function canGoOn(now, then) {
  return COLD.every(name => now[name] === then[name]);
}

export class Training {
  /** @param {WebAssembly.Module} kernels @param {Data} data @param {any} settings */
  constructor(kernels, data, settings) {
    this.data = data;
    this.settings = settings;
    this.network = new Network(kernels, settings, data.shape);
    this.network.init(settings.init, settings.seed);
    this.optimizer = new Optimizer(settings.optimizer, this.network.parameters, this.network.gradients);
    this.scaled = Float32Array.from({length: 256}, (_, byte) => (byte / 255 - data.mean) / data.std);
    this.step = this.epoch = this.cursor = 0;
    this.order = null; // of the epoch's samples
    this.moved = null; // how far each layer's weights went in the newest measured step, by their length
  }

  /** Rows of the training set that make the next batch. */
  nextRows() {
    const {count} = this.data.train, many = Math.min(this.settings.batch_size, count);
    if (this.cursor + many > count) { // the last, smaller batch of an epoch is left out
      this.epoch += 1;
      this.cursor = 0;
      this.order = null;
    }
    this.order ??= permutation(count, generator(this.settings.seed, "batches", this.epoch));
    const rows = this.order.subarray(this.cursor, this.cursor + many);
    this.cursor += many;
    return rows;
  }

  /** Put samples into the network's input. @param {Split} split @param {ArrayLike<number>} rows @param {number} n @param {number} from */
  fill(split, rows, n, from) {
    const {view} = this.network.input.out, {size} = this.network.input, {x} = split, {scaled} = this;
    for (let i = 0, to = 0; i < n; i++) {
      const start = rows[from + i] * size;
      for (let p = start; p < start + size; p++) view[to++] = scaled[x[p]];
    }
  }

  /** One step. @returns {{loss: number, accuracy: number | null}} of its batch */
  advance() {
    const {network, settings, data} = this, rows = this.nextRows();
    const labels = Uint8Array.from(rows, row => data.train.y[row]);
    const uniform = settings.dropout ? generator(settings.seed, "dropout", this.step) : Math.random;
    for (const layer of network.dropouts) Object.assign(layer, {p: settings.dropout, uniform});
    const {loss, right} = network.gradient((n, from) => this.fill(data.train, rows, n, from), labels);
    const measured = this.step % ACCURACY_EVERY === 0, before = measured ? network.parameters.slice() : null;
    this.optimizer.step(settings);
    if (before) this.measure(before);
    this.step += 1;
    return {loss, accuracy: measured ? right / rows.length : null};
  }

  /** How far each layer's weights went. @param {Float32Array} before all parameters */
  measure(before) {
    let from = 0;
    this.moved = this.network.weighted.map(layer => {
      let way = 0, length = 0;
      const {view} = layer.weight;
      for (let i = 0; i < view.length; i++) {
        way += (view[i] - before[from + i]) ** 2;
        length += before[from + i] ** 2;
      }
      from += layer.parameters;
      return Math.sqrt(way / (length || 1));
    });
  }

  /** Loss and accuracy on the validation set, in parts, so that orders are heard meanwhile. */
  * evaluation() {
    const {validation} = this.data, rows = Int32Array.from({length: validation.count}, (_, i) => i);
    let loss = 0, right = 0;
    for (let from = 0; from < rows.length; from += CHUNK) {
      const n = Math.min(CHUNK, rows.length - from);
      this.fill(validation, rows, n, from);
      this.network.forward(n, false);
      const judged = this.network.judge(n, validation.y, from, rows.length);
      loss += judged.loss;
      right += judged.right;
      yield;
    }
    return {loss, accuracy: right / rows.length};
  }

  /** All that is needed to go on from here. */
  state() {
    const {step, epoch, cursor, settings, optimizer, network} = this;
    return {step, epoch, cursor, settings, updates: optimizer.updates, parameters: network.parameters.slice(),
      first: optimizer.first.slice(), second: optimizer.second.slice()};
  }

  /** @param {ReturnType<Training["state"]>} state of a run that can go on with these settings */
  restore(state) {
    const {step, epoch, cursor, settings} = state;
    Object.assign(this, {step, epoch, cursor, settings, order: null});
    this.optimizer.updates = state.updates;
    this.network.parameters.set(state.parameters);
    this.optimizer.first.set(state.first);
    this.optimizer.second.set(state.second);
  }
}
