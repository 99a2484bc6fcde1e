// What the kernel has told of the runs: the points of their curves, and plain values.

/** Points that a curve holds; a full one averages its neighbours in pairs. */
const MOST_POINTS = 3072;

/** @typedef {{key: number, part: string, label: string, number: number, flags: [number, string, string][],
 *            fork: number}} RunFacts */
/** @typedef {{label: string, role: string, chart: string, x: Float32Array, low: Float32Array, middle: Float32Array,
 *            high: Float32Array}} Band */
/** @typedef {Record<string, any>} Facts */

/** One curve: `n` points, x in steps. */
export class Column {
  constructor() {
    this.x = new Float32Array(256);
    this.y = new Float32Array(256);
    this.n = 0;
    this.stride = 1; // points of the kernel that make one of these
    this.sum = {x: 0, y: 0, count: 0}; // of the one that is not whole yet
  }

  /** @param {Float32Array} x @param {Float32Array} y */
  add(x, y) {
    const {sum} = this;
    for (let i = 0; i < x.length; i++) {
      sum.x += x[i];
      sum.y += y[i];
      if (++sum.count < this.stride) continue;
      if (this.n === this.x.length) this.makeRoom();
      this.x[this.n] = sum.x / sum.count;
      this.y[this.n++] = sum.y / sum.count;
      sum.x = sum.y = sum.count = 0;
    }
  }

  makeRoom() {
    if (this.n >= MOST_POINTS) {
      for (let i = 0; i < this.n >> 1; i++) {
        this.x[i] = (this.x[2 * i] + this.x[2 * i + 1]) / 2;
        this.y[i] = (this.y[2 * i] + this.y[2 * i + 1]) / 2;
      }
      this.n >>= 1;
      this.stride *= 2; // those that come are means of as many, so that their noise looks the same
      return;
    }
    for (const axis of /** @type {const} */ (["x", "y"])) {
      const wider = new Float32Array(Math.min(MOST_POINTS, 2 * this.n));
      wider.set(this[axis]);
      this[axis] = wider;
    }
  }

  get last() { return this.n ? this.x[this.n - 1] : 0; }
}

/** The value of a curve nearest to a step; NaN outside of it. The newest one stands until the next is due.
 * @param {{x: ArrayLike<number>, y: ArrayLike<number>, n: number}} curve @param {number} step */
export function near({x, y, n}, step) {
  if (!n || step < x[0] - 1 || step > x[n - 1] + (n > 1 ? 2 * (x[n - 1] - x[n - 2]) : 1)) return NaN;
  let low = 0, high = n - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x[middle] < step) low = middle + 1; else high = middle;
  }
  return low && step - x[low - 1] < x[low] - step ? y[low - 1] : y[low];
}

/** A run as the page draws it. */
export class Run {
  /** @param {RunFacts} facts */
  constructor(facts) {
    this.facts = facts;
    /** @type {Record<string, Column>} */
    this.columns = {};
  }

  /** @param {string} name */
  column(name) {
    return this.columns[name] ??= new Column();
  }

  get steps() {
    return Math.max(0, ...Object.values(this.columns).map(column => column.last));
  }
}

/** All that is known of a session. */
export class Store {
  constructor() {
    /** @type {Facts} */
    this.facts = {};
    /** @type {Map<number, Run>} */
    this.byKey = new Map();
    /** @type {Run[]} */
    this.runs = [];
    /** @type {Band[]} */
    this.bands = [];
    this.grew = 0; // performance.now() of the newest points
    this.every = 125; // ms between two messages with points, about
    this.head = 0; // step up to which the newest run was drawn when they came
  }

  /** Take in a message. @param {Facts} facts @param {DataView | undefined} bytes */
  hear(facts, bytes) {
    if (facts.anew) {
      this.facts = {};
      this.byKey.clear();
    }
    const numbers = floats(bytes);
    const head = this.shownHead(performance.now());
    const before = this.newest;
    Object.assign(this.facts, facts);
    if (facts.runs) {
      this.runs = facts.runs.map((/** @type {RunFacts} */ one) => {
        const run = this.byKey.get(one.key) ?? new Run(one);
        run.facts = one;
        return run;
      });
      this.byKey = new Map(this.runs.map(run => [run.facts.key, run]));
    }
    let from = 0;
    const take = (/** @type {number} */ n) => numbers.subarray(from, from += n);
    for (const [key, column, n] of facts.points ?? []) {
      const x = take(n), y = take(n), factor = column.endsWith("accuracy") ? 100 : 1; // shares become per cent
      this.byKey.get(key)?.column(column).add(x, y.map(value => factor * value));
    }
    if (facts.bands) {
      this.bands = facts.bands.map((/** @type {[string, string, string, number]} */ [label, role, chart, n]) =>
        ({label, role, chart, x: take(n), low: take(n), middle: take(n), high: take(n)}));
    }
    if (facts.points) {
      const now = performance.now(), waited = now - this.grew;
      if (waited < 600) this.every = 0.8 * this.every + 0.2 * waited;
      this.grew = now;
      this.head = this.newest === before && !facts.anew ? Math.min(head, this.newest?.steps ?? 0) : 0;
    }
  }

  /** The newest run. */
  get newest() { return this.runs.at(-1); }

  /** Points come some times a second, and are drawn as they would have come one by one. @param {number} now */
  shownHead(now) {
    const newest = this.newest?.steps ?? 0;
    const share = Math.min(1, (now - this.grew) / Math.max(16, this.every));
    return this.head + (newest - this.head) * share;
  }

  /** Whether points are still on their way onto the page. @param {number} now */
  moves(now) {
    return now - this.grew < this.every + 50;
  }
}

/** @param {DataView | ArrayBuffer | undefined} bytes @returns {Float32Array} */
function floats(bytes) {
  if (!bytes) return new Float32Array(0);
  const view = bytes instanceof ArrayBuffer ? new DataView(bytes) : bytes;
  // a copy: a view may begin at an address that floats do not
  return new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}
