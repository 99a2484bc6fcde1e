// The curves of loss and accuracy: hover, zoom, smoothing, flags, and the way back in time.
import {Chart, MARGIN} from "./chart.js";
import {calm, h, mark, say} from "./dom.js";
import {limits} from "./scale.js";
import {Sound} from "./sound.js";
import {near} from "./store.js";

/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./store.js").Column} Column */
/** @typedef {import("./store.js").Run} Run */
/** @typedef {import("./chart.js").Line} Line */
/** @typedef {(message: Record<string, any>) => void} Send */

const CHARTS = [{name: "loss", title: "loss"}, {name: "accuracy", title: "accuracy (%)"}];
const KINDS = /** @type {Record<string, string>} */ ({train: "training batches", val: "validation"});
const SHORTEST = 40; // steps on the axis, at least
const GUESS_POINTS = 40; // of a drawn curve that are told
const VISIT_EVERY = 80; // ms between two orders while the handle is dragged

export class Curves {
  /** @param {Store} store @param {Send} send @param {() => void} redraw asks for a repaint */
  constructor(store, send, redraw) {
    this.store = store;
    this.send = send;
    this.redraw = redraw;
    this.log = true;
    this.whole = false; // the axis holds all of every run
    this.smoothing = 0.5;
    /** @type {[number, number] | null} */
    this.zoom = null;
    /** @type {[number, number] | null} */
    this.dragged = null; // pixels of a stretch that is being marked
    /** @type {number | null} */
    this.hover = null; // a step
    this.over = 0; // the chart that the pointer is over
    this.limitsAt = -Infinity;
    this.stale = true; // there is more to see than the limits were made for
    this.sent = 0;
    this.held = false; // the handle of time is in the hand
    /** @type {number | null} */
    this.asked = null; // the step that it was drawn to
    this.later = 0; // timer of an order
    this.unforked = 0; // the fork that the reader has zoomed out of
    this.legendKey = "";
    /** @type {number[][]} */
    this.goals = []; // limits that the axes are on their way to
    this.guessing = false; // the reader draws what the next run will do
    /** @type {{number: number, points: [number, number][], last?: number}} */
    this.guess = {number: 0, points: []}; // in steps and units of the chart, as it is drawn
    this.sound = new Sound();
    this.charts = CHARTS.map(({title}, i) => new Chart(h("canvas", {"aria-hidden": "true"}), title, i === CHARTS.length - 1));
    const toggle = (/** @type {string} */ text, /** @type {string} */ title, /** @type {boolean} */ on,
      /** @type {(on: boolean) => void} */ act) => {
      const button = h("button", {type: "button", class: "rf-toggle", title, "aria-pressed": on, onclick: () => {
        const now = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(now));
        act(now);
        this.changed();
      }}, text);
      return button;
    };
    this.legend = h("div", {class: "recipe-legend", role: "list", "aria-label": "Curves", tabindex: "0"});
    const smooth = h("input", {type: "range", min: 0, max: 1, step: 0.05, value: this.smoothing, "aria-label": "smoothing",
      oninput: () => {
        this.smoothing = Number(smooth.value);
        this.changed();
      }});
    this.unzoom = h("button", {type: "button", class: "rf-toggle rf-unzoom", onclick: () => this.zoomTo(null)}, "zoom out");
    this.guessed = toggle("guess", "Draw the curve that you expect, before you press Run", false, on => {
      this.guessing = on;
      if (!on && this.store.facts.guessed) this.send({kind: "no guess"});
      this.guess.points = [];
    });
    this.tools = h("div", {class: "rf-tools"}, this.unzoom, this.guessed,
      h("label", {class: "rf-smooth"}, "smooth", smooth),
      toggle("log", "Logarithmic axis of the loss", true, on => this.log = on),
      toggle("whole runs", "Show all of every run, also where the newest has not come to yet", false, on => this.whole = on),
      toggle("sound", "Hear the loss of the batches: high is bad", false, on => this.sound.turn(on)));
    this.area = h("div", {class: "rf-charts", tabindex: "0", role: "group"}, ...this.charts.map((chart, i) =>
      h("div", {class: `rf-chart rf-chart-${CHARTS[i].name}`}, chart.canvas)));
    this.spoken = h("div", {class: "rf-hidden", role: "status"});
    this.time = h("input", {type: "range", min: 0, max: 1, step: 1, value: 1, class: "rf-time",
      "aria-label": "step to look at", title: "Drag to look at a past step"});
    this.now = h("button", {type: "button", onclick: () => this.send({kind: "now"})}, "Back to now");
    this.rewind = h("button", {type: "button", onclick: () => this.send({kind: "rewind"})}, "Go on from here");
    this.past = h("div", {class: "rf-past"}, this.now, this.rewind);
    this.element = h("div", {class: "rf-curves"}, this.legend, this.tools, this.area,
      h("div", {class: "rf-time-row"}, h("span", {class: "rf-small", "aria-hidden": "true"}, "time"), this.time), this.past, this.spoken);
    this.listen();
  }

  listen() {
    const pointer = (/** @type {PointerEvent} */ event) => event.clientX - this.area.getBoundingClientRect().left;
    this.area.addEventListener("pointerdown", event => {
      if (event.button) return;
      this.dragged = [pointer(event), pointer(event)];
      this.area.setPointerCapture(event.pointerId);
      if (this.guessing) {
        this.guess = {number: this.chartAt(event), points: []};
        this.drawGuess(event);
      }
    });
    this.area.addEventListener("pointermove", event => {
      if (this.dragged) this.dragged[1] = pointer(event);
      if (this.dragged && this.guessing) this.drawGuess(event);
      this.hover = this.charts[0].step(pointer(event));
      this.over = this.chartAt(event);
      this.redraw();
    });
    this.area.addEventListener("pointerup", () => {
      const [from, to] = [...this.dragged ?? [0, 0]].sort((a, b) => a - b);
      this.dragged = null;
      if (this.guessing) this.tellGuess();
      else if (to - from > 6) this.zoomTo([this.charts[0].step(from), this.charts[0].step(to)]);
      this.redraw();
    });
    this.area.addEventListener("pointerleave", () => {
      this.hover = null;
      this.redraw();
    });
    this.area.addEventListener("dblclick", () => this.zoomTo(null));
    this.area.addEventListener("keydown", event => this.key(event));
    this.area.addEventListener("blur", () => {
      this.hover = null;
      this.redraw();
    });
    for (const kind of ["pointerdown", "keydown"]) this.time.addEventListener(kind, () => this.held = true);
    for (const kind of ["pointerup", "keyup", "blur", "change"]) this.time.addEventListener(kind, () => this.held = false);
    this.time.addEventListener("input", () => this.visit());
  }

  /** @param {MouseEvent} event */
  chartAt(event) {
    return event.clientY > this.charts[1].canvas.getBoundingClientRect().top ? 1 : 0;
  }

  /** One more point of the curve that the reader expects; over others they go. @param {MouseEvent} event */
  drawGuess(event) {
    const {number, points} = this.guess, chart = this.charts[number], box = chart.canvas.getBoundingClientRect();
    const step = Math.min(chart.view.x1, Math.max(0, chart.step(event.clientX - box.left)));
    const last = this.guess.last ?? step, [from, to] = [Math.min(last, step), Math.max(last, step)];
    const rest = points.filter(([at]) => at !== step && (at <= from || at >= to));
    rest.push([step, Math.max(0, chart.value(event.clientY - box.top))]);
    this.guess = {number, points: rest.sort((a, b) => a[0] - b[0]), last: step};
    this.redraw();
  }

  tellGuess() {
    const {number, points} = this.guess, every = Math.ceil(points.length / GUESS_POINTS);
    const kept = points.filter((_, i) => i % every === 0 || i === points.length - 1);
    if (kept.length < 2) return;
    this.send({kind: "guess", column: `val_${CHARTS[number].name}`, steps: kept.map(([step]) => step),
      values: kept.map(([, value]) => number ? value / 100 : value)});
    mark(this.guessed, "aria-pressed", "false");
    this.guessing = false;
    this.guess.points = [];
  }

  /** The keys of the curves: along them, closer, further. @param {KeyboardEvent} event */
  key(event) {
    const {x0, x1} = this.charts[0].view, at = this.hover ?? this.store.newest?.steps ?? 0, span = x1 - x0;
    const moved = {ArrowLeft: -0.01, ArrowRight: 0.01, PageUp: 0.1, PageDown: -0.1}[event.key];
    if (moved) {
      this.hover = Math.min(x1, Math.max(x0, at + moved * span));
      const {head, rows} = this.values(this.over, this.hover);
      say(this.spoken, [...head, ...rows.map(row => `${row.text} ${this.charts[this.over].say(row.value)}`)].join(", "));
    } else if (event.key === "ArrowUp" || event.key === "ArrowDown") this.over = event.key === "ArrowUp" ? 0 : 1;
    else if (event.key === "+" || event.key === "=") this.zoomTo([Math.max(0, at - span / 4), at + span / 4]);
    else if (event.key === "-" || event.key === "0" || event.key === "Escape") this.zoomTo(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
    this.redraw();
  }

  /** @param {[number, number] | null} range */
  zoomTo(range) {
    this.zoom = range && [Math.max(0, range[0]), range[1]];
    this.whole = this.whole && !range;
    this.unforked = range ? this.unforked : this.store.newest?.facts.fork ?? 0;
    this.changed();
  }

  changed() {
    this.limitsAt = -Infinity;
    this.redraw();
  }

  // --- time --------------------------------------------------------------------------------------

  /** Ask for the step that the handle stands at: at once, and then some times a second. */
  visit() {
    const steps = this.store.facts.step ?? 0;
    this.asked = Math.min(steps, Number(this.time.value));
    this.time.value = String(this.asked);
    const go = () => {
      this.sent = performance.now();
      this.send({kind: "visit", step: this.asked});
    };
    clearTimeout(this.later);
    const wait = VISIT_EVERY - (performance.now() - this.sent);
    if (wait <= 0) go(); else this.later = window.setTimeout(go, wait);
    this.showTime();
    this.redraw();
  }

  /** The past step that is looked at, or asked for. @returns {number | null} */
  get moment() {
    return this.held && this.asked !== null ? this.asked : this.store.facts.moment ?? null;
  }

  showTime() {
    const {facts} = this.store, steps = facts.step ?? 0, at = this.moment ?? steps;
    const {x0, x1} = this.target();
    this.time.min = String(Math.round(x0));
    this.time.max = String(Math.max(1, Math.round(x1)));
    if (!this.held) this.time.value = String(at);
    this.time.disabled = !steps || !facts.can?.visit;
    mark(this.time, "aria-valuetext", `step ${at.toLocaleString("en")} of ${steps.toLocaleString("en")}`);
    this.past.classList.toggle("rf-off", this.moment === null);
  }

  // --- what is drawn -----------------------------------------------------------------------------

  /** New facts have come. */
  show() {
    const {facts, runs, bands} = this.store;
    /** @type {Map<string, Set<string>>} */
    const entries = new Map();
    const add = (/** @type {string} */ label, /** @type {string} */ role) =>
      entries.set(label, (entries.get(label) ?? new Set()).add(role));
    for (const run of [...this.lines(0), ...this.lines(1)].reverse()) add(run.label, run.role); // the newest first
    if (runs.length > 1 && runs.at(-1)?.facts.label) add("thin line: training batches", "none");
    for (const band of bands) add(band.label, band.role === "guess" ? "line-guess" : `band-${band.role}`);
    const key = JSON.stringify([...entries].map(([label, roles]) => [label, ...roles]));
    if (key !== this.legendKey) {
      this.legendKey = key;
      this.legend.replaceChildren(...[...entries].map(([label, roles]) => h("span", {role: "listitem"}, ...[...roles].map(role =>
        h("i", {class: `rf-swatch rf-is-${role}`, "data-role": role, "aria-hidden": "true"})), label)));
      if (!entries.size) this.legend.append(h("span", {role: "listitem"}, "no curve yet"));
    }
    this.stale = true;
    mark(this.area, "aria-label", `Curves; arrow keys read values, plus and minus zoom. ${facts.described ?? ""}`);
    const loss = this.store.newest?.column("train_loss");
    if (loss?.n) this.sound.hear(loss.y[loss.n - 1], facts.phase === "running");
    this.guessed.disabled = facts.phase === "running" || facts.phase === "waiting" || !facts.can?.network;
    this.area.dataset.points = String(runs.reduce((sum, run) => sum + run.column("train_loss").n, 0));
    this.showTime();
  }

  /** The lines of a chart, in the order in which they are drawn. @param {number} number @returns {Line[]} */
  lines(number) {
    const {name} = CHARTS[number];
    /** @type {Line[]} */
    const found = [];
    let pins = 0;
    for (const run of this.store.runs) {
      const {part, label} = run.facts;
      if (part === "pinned") pins = pins % 4 + 1;
      const validation = run.column(`val_${name}`), pinned = part === "pinned" && validation.n;
      for (const kind of pinned ? ["val"] : ["train", "val"]) {
        const column = run.column(`${kind}_${name}`);
        if (!column.n) continue;
        const role = part === "new" ? kind : part === "pinned" ? `pin${pins}` : `${part}-${kind}`;
        const text = label || KINDS[kind];
        if (kind === "train" && this.smoothing) {
          if (part === "new" || part === "other") found.push({label: text, role, x: column.x, y: column.y, n: column.n, raw: true});
          found.push({label: text, role, x: column.x, y: this.smooth(column, number ? 100 : 20 * column.y[0]), n: column.n});
        } else found.push({label: text, role, x: column.x, y: column.y, n: column.n});
        const whole = run.column(`whole_val_${name}`);
        const ended = whole.n && whole.last >= run.steps; // it may have been given more steps
        if (kind === "val" && ended && part !== "pinned") {
          found.push({label: text, role, x: [whole.last], y: [whole.y[whole.n - 1]], n: 1, whole: true});
        }
      }
    }
    return found;
  }

  /** Means over neighbours on both sides, within a share of what is seen: no lag.
   * @param {Column} column @param {number} most one leap is not the level */
  smooth({x, y, n}, most) {
    const {x0, x1} = this.charts[0].view, memory = Math.max(1e-9, this.smoothing ** 2 * 0.03 * (x1 - x0));
    const out = new Float32Array(n), weights = new Float32Array(n);
    for (const way of [1, -1]) {
      let mean = 0, weight = 0;
      for (let i = way > 0 ? 0 : n - 1; i >= 0 && i < n; i += way) {
        const keep = Math.exp(-(weight ? Math.abs(x[i] - x[i - way]) : 1) / memory);
        mean = keep * mean + (1 - keep) * Math.min(most, y[i]);
        weight = keep * weight + (1 - keep);
        out[i] += mean;
        weights[i] += weight;
      }
    }
    return out.map((sum, i) => sum / weights[i]);
  }

  /** Steps that the axis is to hold. */
  target() {
    if (this.guessing) return {x0: 0, x1: this.store.facts.planned ?? 1000};
    if (this.zoom) return {x0: this.zoom[0], x1: this.zoom[1]};
    const {newest, runs} = this.store, steps = newest?.steps ?? 0, fork = newest?.facts.fork ?? 0;
    const longest = Math.max(SHORTEST, ...runs.map(run => run.steps + 1)); // steps count from 0
    // beside a longer run before it the newest one has the larger part
    const x1 = this.whole ? longest : Math.min(longest, Math.max(SHORTEST, 1.3 * steps));
    const x0 = fork && fork !== this.unforked && !this.whole ? Math.max(0, fork - 0.25 * (steps - fork) - 10) : 0;
    return {x0, x1: Math.max(x1, steps)};
  }

  /** @param {number} now performance.now() @returns {boolean} whether more is to come */
  draw(now) {
    const head = this.store.facts.phase === "running" && !calm() ? this.store.shownHead(now) : Infinity;
    let moving = this.move(now);
    this.charts.forEach((chart, number) => this.drawOne(chart, number, head));
    moving = moving || (head !== Infinity && this.store.moves(now));
    mark(this.unzoom, "class", `rf-toggle rf-unzoom${this.zoom || this.charts[0].view.x0 > 0 ? "" : " rf-off"}`);
    return moving;
  }

  /** Let the axes go to where they belong. @param {number} now */
  move(now) {
    const {x0, x1} = this.target(), first = this.charts[0].view, span = Math.max(1, first.x1 - first.x0);
    const near = Math.abs(x1 - first.x1) + Math.abs(x0 - first.x0) < 0.04 * span || calm();
    const part = near ? 1 : 0.25;
    let moving = !near;
    const fresh = now - this.limitsAt > 150;
    moving = moving || (this.stale && !fresh);
    if (fresh) {
      this.limitsAt = now;
      this.stale = false;
    }
    this.charts.forEach((chart, number) => {
      const {view} = chart, log = number === 0 && this.log, changed = log !== view.log;
      view.x0 += part * (x0 - view.x0);
      view.x1 += part * (x1 - view.x1);
      view.log = log;
      if (fresh) this.goals[number] = this.limitsOf(number);
      const [low, high] = this.goals[number] ?? [view.low, view.high];
      const ease = (/** @type {number} */ from, /** @type {number} */ to) => {
        if (calm() || changed || !(from > 0 || !log)) return to;
        const next = log ? Math.exp(Math.log(from) + 0.3 * Math.log(to / from)) : from + 0.3 * (to - from);
        if (Math.abs(next - to) < 0.003 * Math.abs(high - low)) return to;
        moving = true;
        return next;
      };
      view.low = ease(view.low, low);
      view.high = ease(view.high, high);
    });
    return moving;
  }

  /** @param {number} number */
  limitsOf(number) {
    const {x0, x1} = this.target(), values = [], percent = number === 1;
    if (this.guessing) return percent ? [0, 100] : this.log ? [0.01, 5] : [0, 3];
    for (const line of this.lines(number)) {
      if (line.raw) { // its noise may leave the picture, but not all of it
        const seen = Array.from(line.y).slice(0, line.n).filter((_, i) => line.x[i] >= x0 && line.x[i] <= x1).sort((a, b) => a - b);
        if (!percent && seen.length) values.push(seen[Math.floor(0.05 * seen.length)]);
        continue;
      }
      const every = Math.max(1, Math.floor(line.n / 300));
      for (let i = 0; i < line.n; i += every) if (line.x[i] >= x0 && line.x[i] <= x1) values.push(line.y[i]);
    }
    for (const band of this.store.bands) {
      if (band.chart === CHARTS[number].name) values.push(...band.low, ...band.high);
    }
    const start = Math.max(0, ...this.store.runs.map(run => run.column("train_loss").n ? run.column("train_loss").y[0] : 0));
    const log = !percent && this.log, now = log === this.charts[number].view.log ? this.goals[number] : undefined;
    return limits(values, {log, percent, start, first: x0 > 0 ? 0 : start, falls: this.store.facts.phase === "running", now});
  }

  /** @param {Chart} chart @param {number} number @param {number} head */
  drawOne(chart, number, head) {
    const {store} = this, {pen} = chart;
    chart.fit();
    if (!chart.width) return;
    chart.title = CHARTS[number].title + (number === 0 && this.log ? ", log axis" : "");
    chart.axes();
    if (!store.runs.length && number === 0 && !this.guessing) chart.hint("Press Run, or move a knob: the curves begin here.");
    for (const {chart: name, role, x, low, middle, high} of store.bands) {
      if (name !== CHARTS[number].name) continue;
      const line = (/** @type {Float32Array} */ y) => ({label: "", role: `line-${role}`, x, y, n: x.length});
      if (low[0] !== high[0] || low.at(-1) !== high.at(-1)) chart.between(line(high), line(low), `band-${role}`, 0.22);
      chart.line(line(middle), Infinity);
    }
    if (this.guessing) {
      if (!this.guess.points.length) chart.hint("Draw here what you expect of validation, from left to right.");
      if (this.guess.number === number) {
        const [x, y] = [0, 1].map(axis => this.guess.points.map(point => point[axis]));
        chart.line({label: "", role: "line-guess", x, y, n: x.length}, Infinity);
      }
      return;
    }
    const lines = this.lines(number);
    const of = (/** @type {string} */ role) => lines.find(line => line.role === role && !line.raw);
    const [mine, other] = of("val") && of("other-val") ? [of("val"), of("other-val")] : [of("train"), of("other-train")];
    if (mine && other) chart.between(after(mine, store.newest?.facts.fork ?? 0), after(other, store.newest?.facts.fork ?? 0), "shade", 0.2);
    for (const line of lines) chart.line(line, line.role.startsWith("ghost") || line.role.startsWith("pin") ? Infinity : head);
    const flags = (store.newest?.facts.flags ?? []).map(([step, kind, text]) => ({step, kind, text}));
    chart.flags(number === 0 ? flags : flags.filter(flag => flag.kind !== "knob"));
    const {moment} = this;
    if (moment !== null) {
      pen.fillStyle = chart.colour("ground");
      pen.globalAlpha = 0.6;
      const x = Math.max(MARGIN.left, chart.x(moment));
      if (x < chart.width) pen.fillRect(x, MARGIN.top - 2, chart.width - x - MARGIN.right, chart.bottom - MARGIN.top + 2);
      pen.globalAlpha = 1;
      chart.upright(moment, "accent", 2);
    }
    if (this.dragged && !this.guessing) {
      pen.fillStyle = chart.colour("accent");
      pen.globalAlpha = 0.15;
      pen.fillRect(Math.min(...this.dragged), MARGIN.top - 2, Math.abs(this.dragged[1] - this.dragged[0]), chart.bottom - MARGIN.top + 2);
      pen.globalAlpha = 1;
    } else if (this.hover !== null && this.hover >= chart.view.x0 && this.hover <= chart.view.x1) {
      const {head: said, rows} = this.values(number, this.hover);
      if (this.over === number && rows.length) chart.readout(this.hover, said, rows);
      else chart.upright(this.hover, "soft", 1);
    }
  }

  /** What stands at a step. @param {number} number of the chart @param {number} step */
  values(number, step) {
    const {x0, x1} = this.charts[0].view, close = 0.015 * (x1 - x0);
    const rows = this.lines(number).filter(line => !line.raw).map(line => {
      const kind = line.role.endsWith("val") ? KINDS.val : line.role.startsWith("pin") ? "" : KINDS.train;
      const text = (line.label === kind ? kind : `${line.label}, ${kind}`) + (line.whole ? " at the end, whole set" : "");
      return {role: line.role, text, value: line.whole ? Math.abs(line.x[0] - step) < close ? line.y[0] : NaN : near(line, step)};
    }).filter(row => Number.isFinite(row.value)).reverse();
    const all = this.store.newest?.facts.flags ?? [];
    const flags = all.filter(([at]) => Math.abs(at - step) < close);
    return {head: [`step ${Math.round(step).toLocaleString("en")}`, ...flags.map(([, , text]) => text)], rows};
  }
}

/** The part of a line from a step on. @param {Line} line @param {number} step @returns {Line} */
function after(line, step) {
  let from = 0;
  while (from < line.n && line.x[from] < step) from++;
  const cut = (/** @type {ArrayLike<number>} */ all) => Array.prototype.slice.call(all, from, line.n);
  return {...line, x: cut(line.x), y: cut(line.y), n: line.n - from};
}
