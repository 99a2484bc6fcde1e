// One run of the session: its numbers, what was changed on the way, and states to come back to.
import {Training} from "./training.js";

const EARLY_LOOKS = [10, 40, 160, 640]; // most happens early in a run
const MOST_STATES = 24;

export class Run {
  /** @param {number} number @param {Training} training @param {Run | null} parent the run that it leaves */
  constructor(number, training, parent = null) {
    Object.assign(this, {number, training, parent: parent?.number ?? null, atStep: parent ? training.step : 0, pinned: false});
    this.settings = training.settings; // the newest
    this.status = "running";
    this.message = "";
    /** @type {{step: number, from: any, to: any}[]} */
    this.changes = parent ? parent.changes.filter(one => one.step <= training.step) : [];
    /** @type {Record<string, {x: number[], y: number[]}>} */
    this.columns = {};
    for (const name of ["train_loss", "train_accuracy", "val_loss", "val_accuracy"]) {
      const {x, y} = parent?.columns[name] ?? {x: [], y: []}, end = x.filter(step => step < training.step).length;
      this.columns[name] = {x: x.slice(0, end), y: y.slice(0, end)};
    }
    this.every = 10; // steps between two states
    this.states = [training.state()];
    this.looking = null; // a look at the validation set that is on its way
  }

  get steps() { return this.training.step; }

  /** The newest value of a column before a step. @param {string} name @param {number} step @returns {number | undefined} */
  value(name, step = Infinity) {
    const {x, y} = this.columns[name];
    let end = x.length;
    while (end && x[end - 1] >= step) end--;
    return y[end - 1];
  }

  add(name, value) {
    this.columns[name].x.push(this.training.step - 1);
    this.columns[name].y.push(value);
  }

  /** Go on with other settings. @param {any} settings */
  turn(settings) {
    if (settings === this.settings) return;
    this.changes.push({step: this.steps, from: this.settings, to: settings});
    this.settings = this.training.settings = settings;
  }

  /** A step, or a part of a look at the validation set. */
  advance() {
    if (this.looking) {
      const {done, value} = this.looking.next();
      if (!done) return;
      this.looking = null;
      this.add("val_loss", value.loss);
      this.add("val_accuracy", value.accuracy);
    } else {
      const {loss, accuracy} = this.training.advance();
      this.add("train_loss", loss);
      if (accuracy !== null) this.add("train_accuracy", accuracy);
      if (!Number.isFinite(loss)) {
        this.status = "diverged";
        this.message = `The loss is no number any more after step ${this.steps}: the steps were too long. Try a lower learning rate.`;
        return;
      }
      if (this.steps % this.every === 0) this.keep();
      if (this.due()) this.looking = this.training.evaluation();
    }
    if (!this.looking && this.steps >= this.settings.max_steps) this.status = "finished";
  }

  due() {
    const perEpoch = Math.max(1, Math.floor(this.training.data.train.count / this.settings.batch_size));
    return this.steps % perEpoch === 0 || this.steps === this.settings.max_steps || (this.steps < perEpoch && EARLY_LOOKS.includes(this.steps));
  }

  keep() {
    this.states.push(this.training.state());
    if (this.states.length <= MOST_STATES) return;
    this.every *= 2;
    this.states = this.states.filter((state, i) => !i || state.step % this.every === 0);
  }

  stop(message) {
    if (this.status === "running") Object.assign(this, {status: "stopped", message});
    this.looking = null;
  }
}

/** The way to a past step: from the nearest state before it, step by step, with the changes of then. */
export class Journey {
  /** @param {Run} run @param {number} step @param {WebAssembly.Module} kernels */
  constructor(run, step, kernels) {
    Object.assign(this, {run, step});
    const start = run.states.filter(state => state.step <= step).at(-1);
    this.training = new Training(kernels, run.training.data, start.settings);
    this.training.restore(start);
    this.first = start.step;
  }

  get share() { return this.step > this.first ? (this.training.step - this.first) / (this.step - this.first) : 1; }

  get arrived() { return this.training.step >= this.step; }

  advance() {
    const {step} = this.training;
    // of several changes at one step the last one holds
    const change = this.run.changes.filter(one => one.step === step).at(-1);
    if (change) this.training.settings = change.to;
    this.training.advance();
  }
}
