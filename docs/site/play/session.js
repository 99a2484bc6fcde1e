// The session behind the panel: orders, runs side by side, the past, and what they are told to the front end as.
import {asSample} from "./drawing.js";
import {lookAt} from "./look.js";
import {Journey, Run} from "./run.js";
import {Stream} from "./stream.js";
import {Training, canGoOn} from "./training.js";

const SLICE = 20; // ms of training between two looks at the orders
const PAINT_EVERY = 125, LOOK_EVERY = 500, LOOK_SHARE = 0.08; // ms; share of the time
const GHOST_STEPS = 20; // of a run that stays to be compared with
const MOST_LISTED = 8;
const RATE_EVERY = 300, RATE_MEMORY = 0.6; // ms; weight of the old rate in the new one
const REPLACED = "Replaced by a run with other settings.", OTHER_BRANCH = "The other branch goes on.";

export class Session {
  /** @param {WebAssembly.Module} kernels @param {import("./training.js").Data} data @param {any} settings
   * @param {Record<string, number[]>} stops of the sliders @param {(message: any, bytes: Uint8Array) => void} send */
  constructor(kernels, data, settings, stops, send) {
    Object.assign(this, {kernels, data, settings, stops, send, first: settings});
    this.phase = "idle";
    /** @type {Run | null} */
    this.run = null;
    /** @type {Run | null} */
    this.other = null; // the old branch of a fork
    /** @type {Run[]} */
    this.over = []; // oldest first
    this.numbers = 0;
    this.note = "";
    /** @type {Journey | null} */
    this.journey = null;
    this.rewinds = false; // on arrival
    this.guess = null;
    this.digit = null; // a sample (784,) that the reader has drawn
    this.unit = null;
    this.shown = false; // the network
    this.preview = null; // the network before the first run
    this.heard = 0;
    this.held = false; // a slider is in the reader's hand
    /** @type {Run | null} */
    this.passing = null; // the run that it began meanwhile: one for each place on its way
    this.paintAt = this.lookAt = 0;
    this.rate = {at: 0, steps: 0, value: 0};
    this.stream = new Stream(this);
    this.anew = false;
    this.dirty = true;
    this.working = false;
    this.channel = new MessageChannel();
    this.channel.port1.onmessage = () => this.work();
  }

  // --- what the page says ------------------------------------------------------------------------

  /** @param {any} message @param {ArrayBuffer[]} buffers */
  hear(message, buffers) {
    const acts = {
      hello: () => this.anew = true,
      ask: () => this.heard = message.number,
      hold: () => {
        this.held = message.held;
        this.passing = null;
      },
      order: () => this.order(message.action, message.settings),
      visit: () => this.visit(message.step),
      now: () => this.order("resume", this.settings),
      rewind: () => this.rewind(),
      draw: () => {
        this.digit = asSample(new Uint8Array(buffers[0]), message.side);
        this.send({kind: "drawn"}, this.digit.slice());
      },
      "draw nothing": () => this.digit = null,
      guess: () => this.guess = {column: message.column, steps: message.steps, values: message.values},
      "no guess": () => this.guess = null,
      unit: () => this.look({path: message.path, number: message.number}),
      "no unit": () => this.unit = null,
      network: () => {
        this.shown = message.shown;
        this.lookAt = 0;
      },
      pin: () => this.pin(message.number, message.pinned),
    };
    acts[message.kind]?.();
    this.dirty = true;
    this.paintAt = Math.min(this.paintAt, performance.now() + 5);
    this.wake();
  }

  look(unit) {
    this.unit = unit;
    this.lookAt = 0;
  }

  /** @param {string} action @param {any} settings */
  order(action, settings) {
    const acts = {
      restart: () => this.begin(),
      continue: () => this.goOn(),
      fork: () => this.fork(),
      resume: () => this.phase === "running" || this.phase === "paused" ? this.goOn() : this.begin(),
      pause: () => { if (this.phase === "running") this.phase = "paused"; },
      stop: () => {
        for (const run of this.active()) run.stop("Stopped by hand.");
        if (this.run) this.phase = "ended";
      },
      reset: () => {
        Object.assign(this, {run: null, other: null, over: [], phase: "idle", preview: null, guess: null});
        this.anew = true;
      },
    };
    if (settings) this.settings = settings;
    this.note = "";
    this.journey = null;
    acts[action]();
    if (!this.run) this.preview = null; // of the settings as they were
    this.lookAt = 0;
  }

  active() {
    return [this.run, this.other].filter(run => run?.status === "running");
  }

  /** A new run from the seed. */
  begin() {
    this.retire(REPLACED);
    this.run = new Run(++this.numbers, new Training(this.kernels, this.data, this.settings));
    this.passing = this.held ? this.run : null;
    this.start();
  }

  start() {
    this.phase = "running";
    this.rate = {at: performance.now(), steps: 0, value: 0};
  }

  /** Go on, with the settings as they stand; where they need a new run, begin one. */
  goOn() {
    const {run} = this;
    if (!run || run.status !== "running" || !canGoOn(run.settings, this.settings)) {
      this.begin();
      return;
    }
    run.turn(this.settings);
    this.start();
  }

  /** Let the old and the new settings go on side by side, from the same weights. */
  fork() {
    if (this.other?.status === "running" && this.run && this.run === this.passing) { // by the same hand: from the same branch
      this.end(this.run, OTHER_BRANCH);
      this.run = this.other;
      this.other = null;
    }
    const old = this.run;
    const begun = old === this.passing && !this.other; // by the same hand, as there was none to fork
    if (!old || begun || old.status !== "running" || !canGoOn(old.settings, this.settings)) {
      this.begin();
      return;
    }
    if (this.other) this.end(this.other, OTHER_BRANCH);
    this.branch(old, old.training.state());
    this.other = old;
  }

  /** The newest run leaves another one at a state. @param {Run} parent @param {any} state */
  branch(parent, state) {
    const training = new Training(this.kernels, this.data, this.settings);
    training.restore(state);
    training.settings = state.settings;
    this.run = new Run(++this.numbers, training, parent);
    this.run.settings = state.settings;
    this.run.turn(this.settings);
    this.passing = this.held ? this.run : null;
    this.start();
  }

  /** @param {string} message why */
  retire(message) {
    for (const run of [this.other, this.run]) if (run) this.end(run, message);
    this.run = this.other = null;
  }

  /** A run is over: it stays to be compared with, or goes where there was nothing to see. @param {Run} run @param {string} message */
  end(run, message) {
    run.stop(message);
    if (run === this.passing && !run.pinned) {
      this.numbers -= run.number === this.numbers ? 1 : 0;
      return;
    }
    const ghost = this.over.at(-1), stub = run.message === REPLACED || run.message === OTHER_BRANCH;
    const fewest = stub ? Math.max(GHOST_STEPS, (ghost?.steps ?? 0) / 2) : 2;
    if (run.steps - run.atStep < fewest && !run.pinned) return;
    run.states = [];
    this.over.push(run);
    const unpinned = this.over.filter(one => !one.pinned);
    for (const one of unpinned.slice(0, -MOST_LISTED)) this.over.splice(this.over.indexOf(one), 1);
  }

  /** All runs that are kept, oldest first. */
  get all() {
    return [...this.over, this.other, this.run].filter(run => run !== null).sort((a, b) => a.number - b.number);
  }

  pin(number, pinned) {
    const run = this.all.find(one => one.number === number);
    if (run) run.pinned = pinned;
  }

  // --- the past ----------------------------------------------------------------------------------

  /** @param {number} step */
  visit(step) {
    const {run} = this;
    if (!run) return;
    if (this.phase === "running") this.phase = "paused";
    this.rewinds = false;
    this.journey = step < run.steps ? new Journey(run, Math.max(step, run.states[0].step), this.kernels) : null;
    this.lookAt = 0;
  }

  rewind() {
    if (this.journey?.arrived) this.leaveFrom(this.journey);
    else this.rewinds = this.journey !== null;
  }

  /** A new run goes on from where the reader has come to. @param {Journey} journey */
  leaveFrom(journey) {
    const parent = journey.run, state = journey.training.state();
    this.journey = null;
    if (!canGoOn(state.settings, this.settings)) {
      this.begin();
      this.note = "These settings need a new run from the start.";
      return;
    }
    this.retire(REPLACED);
    this.branch(parent, state);
  }

  // --- work --------------------------------------------------------------------------------------

  wake() {
    if (this.working) return;
    this.working = true;
    this.channel.port2.postMessage(null);
  }

  /** A slice of training, and what is due then; orders are heard in between. */
  work() {
    const until = performance.now() + SLICE;
    do {
      if (this.journey && !this.journey.arrived) this.journey.advance();
      else if (this.journey && this.rewinds) this.leaveFrom(this.journey);
      else if (this.phase === "running") this.train();
      else break;
      this.dirty = true;
    } while (performance.now() < until);
    this.paint();
    const busy = this.phase === "running" || (this.journey && !this.journey.arrived);
    if (busy) this.channel.port2.postMessage(null);
    else if (this.dirty || (this.shown && performance.now() < this.lookAt)) setTimeout(() => this.work(), 20);
    else this.working = false;
  }

  train() {
    const runs = this.active();
    for (const run of runs) run.advance();
    this.rate.steps += runs.length ? 1 : 0;
    const now = performance.now(), waited = now - this.rate.at;
    if (waited > RATE_EVERY) {
      const fresh = 1000 * this.rate.steps / waited;
      this.rate = {at: now, steps: 0, value: this.rate.value ? RATE_MEMORY * this.rate.value + (1 - RATE_MEMORY) * fresh : fresh};
    }
    if (!this.active().length) {
      this.phase = "ended";
      this.lookAt = this.paintAt = 0;
    }
  }

  /** The network that is looked at: of the past step, of the run, or as a run would begin. */
  get network() {
    if (this.journey) return this.journey.training;
    if (this.run) return this.run.training;
    this.preview ??= new Training(this.kernels, this.data, this.settings);
    return this.preview;
  }

  paint() {
    const now = performance.now();
    if (this.shown && now >= this.lookAt && (!this.journey || this.journey.arrived)) {
      const {facts, bytes} = lookAt(this.network, this.unit);
      this.send({kind: "network", look: facts}, bytes);
      const cost = performance.now() - now;
      this.lookAt = this.phase === "running" ? now + Math.max(LOOK_EVERY, cost / LOOK_SHARE) : Infinity;
    }
    if (!this.dirty || now < this.paintAt) return;
    const {facts, bytes} = this.stream.news(this.anew);
    if (this.heard) facts.heard = this.heard;
    this.heard = 0;
    this.anew = this.dirty = false;
    this.paintAt = now + PAINT_EVERY;
    this.send({kind: "frame", facts}, bytes);
  }

  /** What the network takes the reader's digit for, in thousandths; [] without one. */
  opinion() {
    if (!this.digit) return [];
    const {network: training} = this, split = {x: this.digit, y: new Uint8Array(1), count: 1};
    training.fill(split, [0], 1, 0);
    training.network.forward(1, false);
    return Array.from(training.network.probabilities(1), share => Math.round(1000 * share) || 0);
  }
}
