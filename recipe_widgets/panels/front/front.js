// The live panel's own front end: hears the kernel, draws at the display's rate.
import {Controls} from "./controls.js";
import {Curves} from "./curves.js";
import {h, mark, say} from "./dom.js";
import {Network} from "./network.js";
import {Store} from "./store.js";

/** @typedef {{send(content: any, callbacks?: any, buffers?: ArrayBuffer[]): void, on(event: string, call: (...all: any[]) => void): void,
 *             off(event: string, call: (...all: any[]) => void): void}} Model */
/** @typedef {{number: number, depth: number, pinned: boolean, name: string, score: string, part: string, status: string,
 *             settings: string}} Listed */

const NO_NEWS = 10000; // ms without a word of a run that goes on

class Front {
  /** @param {Model} model @param {HTMLElement} element */
  constructor(model, element) {
    this.model = model;
    this.element = element;
    this.store = new Store();
    /** @type {Record<string, string>} */
    this.colours = {};
    this.phase = "";
    this.silence = 0; // timer
    this.pending = 0; // request of a repaint
    this.frames = 0;
    const send = (/** @type {any} */ message, /** @type {ArrayBuffer[]} */ buffers = []) => model.send(message, undefined, buffers);
    this.curves = new Curves(this.store, send, () => this.redraw());
    this.network = new Network(send, name => this.colour(name));
    for (const chart of this.curves.charts) chart.colour = name => this.colour(name);
    this.tiles = h("div", {class: "rf-tiles", role: "group", "aria-label": "Numbers of the run"});
    this.words = h("div", {class: "recipe-words", "data-phase": "idle"});
    this.diagnosis = h("div", {class: "recipe-diagnosis"});
    this.status = h("small", {class: "recipe-status"});
    this.spoken = h("div", {class: "rf-hidden", role: "status"});
    this.runs = h("div", {class: "rf-run-list", role: "group", "aria-label": "Runs", tabindex: "0"});
    this.foresight = h("button", {type: "button", "aria-pressed": false,
      title: "Short runs at neighbouring learning rates, only while nothing else computes; their outcome stands on the slider",
      onclick: () => model.send({kind: "foresight", on: this.foresight.getAttribute("aria-pressed") !== "true"})}, "foresight");
    this.foresaid = h("span", {class: "rf-small"});
    this.asked = h("div", {class: "rf-asked-place"});
    this.takeOver = h("button", {type: "button", class: "rf-take-over", hidden: true, title: "The other panel pauses",
      onclick: () => model.send({kind: "take over"})}, "Train here now");
    element.classList.add("recipe-front");
    element.append(
      h("div", {class: "rf-main"}, this.tiles, this.curves.element),
      h("div", {class: "rf-runs"}, h("div", {class: "rf-foresight"}, this.foresight, this.foresaid),
        h("div", {class: "rf-small"}, "runs (press one to keep it in the picture)"), this.runs),
      h("div", {class: "rf-words", tabindex: "0", role: "group", "aria-label": "What happens"},
        this.asked, this.diagnosis, this.words, this.takeOver, this.status, this.spoken),
      this.network.element);
    this.hear = this.hear.bind(this);
    model.on("msg:custom", this.hear);
    this.resized = new ResizeObserver(() => this.redraw());
    this.resized.observe(this.curves.area);
    this.themed = new MutationObserver(() => this.recolour());
    this.themed.observe(document.body, {attributes: true, attributeFilter: ["data-jp-theme-light", "class", "data-jp-theme-name"]});
    this.scheme = matchMedia("(prefers-color-scheme: dark)");
    this.scheme.addEventListener("change", () => this.recolour());
    requestAnimationFrame(() => this.placed());
  }

  /** The element stands on the page. */
  placed() {
    const root = /** @type {HTMLElement | null} */ (this.element.closest(".recipe-live"));
    if (root) {
      this.controls = new Controls(root, message => this.model.send(message), text => say(this.spoken, text));
      this.asked.append(this.controls.asked);
      this.controls.showWas(this.store.facts.was ?? {});
      this.controls.foresee(this.store.facts.foresight ?? {points: []}, name => this.colour(name));
      this.controls.showKnobs(this.store.facts.knobs ?? {});
    }
    this.redraw();
  }

  // --- what the kernel says ----------------------------------------------------------------------

  /** @param {any} message @param {DataView[]} buffers */
  hear(message, buffers) {
    if (message.kind === "network") this.network.hear(message.look, buffers[0]);
    else if (message.kind === "typed") this.controls?.answered(message.knob, message.says, message.text);
    else if (message.kind === "drawn") this.network.drawing.hear(buffers[0]);
    else if (message.kind === "frame") this.hearFrame(message.facts, buffers[0]);
  }

  /** @param {Record<string, any>} facts @param {DataView} bytes */
  hearFrame(facts, bytes) {
    this.store.hear(facts, bytes);
    const all = this.store.facts;
    say(this.words, all.words ?? "");
    say(this.diagnosis, all.diagnosis ?? "");
    say(this.status, all.status ?? "");
    mark(this.words, "data-phase", all.phase);
    this.words.classList.remove("rf-no-news");
    clearTimeout(this.silence);
    if (all.phase === "running") this.silence = window.setTimeout(() => this.words.classList.add("rf-no-news"), NO_NEWS);
    if (facts.tiles) this.showTiles(facts.tiles);
    if (facts.list) this.showRuns(facts.list);
    if (facts.was) this.controls?.showWas(facts.was);
    if (facts.heard) this.controls?.heard(facts.heard);
    if (facts.knobs || facts.heard) this.controls?.showKnobs(all.knobs ?? {});
    this.takeOver.hidden = !all.waits;
    if (facts.can) {
      this.network.element.hidden = !facts.can.network;
      this.network.drawing.element.hidden = !facts.can.draw;
      this.foresight.hidden = facts.can.foresight === false;
    }
    if (facts.foresight) {
      mark(this.foresight, "aria-pressed", String(facts.foresight.on));
      say(this.foresaid, facts.foresight.says);
      this.controls?.foresee(facts.foresight, name => this.colour(name));
    }
    if (facts.opinion) this.network.drawing.show(facts.opinion);
    if (all.phase !== this.phase) { // read out when something happens, not while numbers run
      this.phase = all.phase;
      if (all.phase !== "waiting") say(this.spoken, `${all.words} ${all.diagnosis ?? ""}`);
    }
    this.network.element.classList.toggle("rf-old", all.moment !== null && all.replayed < 1);
    this.curves.show();
    this.redraw();
  }

  /** @param {[string, string, string][]} tiles label, value, note */
  showTiles(tiles) {
    if (!this.tiles.children.length) {
      this.tiles.append(...tiles.map(() => h("div", {}, h("span", {class: "rf-small"}), h("b"), h("span", {class: "rf-small"}))));
    }
    tiles.forEach((texts, i) => texts.forEach((text, k) => say(this.tiles.children[i].children[k], text)));
  }

  /** The runs, each below the one that it left. @param {Listed[]} list */
  showRuns(list) {
    const focused = document.activeElement instanceof HTMLElement && this.runs.contains(document.activeElement)
      ? document.activeElement.dataset.number : undefined;
    this.runs.replaceChildren(...list.map(run => {
      const role = {new: "val", other: "other-val", ghost: "ghost-val", pinned: "pin1"}[run.part] ?? "none";
      const what = `${run.name}: ${run.settings}`;
      return h("button", {type: "button", class: "rf-run", "data-number": run.number, "aria-pressed": run.pinned,
        style: `padding-left:${6 + 14 * Math.min(run.depth, 4)}px`, title: `${what}, ${run.status}${run.score && `, ${run.score}`}`,
        onclick: () => this.model.send({kind: "pin", number: run.number, pinned: !run.pinned})},
      h("i", {class: `rf-swatch rf-is-${role}`, "aria-hidden": "true"}), h("span", {class: "rf-run-name"}, what),
      h("span", {class: "rf-run-score"}, run.status === "diverged" ? "diverged" : run.score), run.pinned ? "★" : "");
    }));
    if (!list.length) this.runs.append(h("span", {class: "rf-small"}, "none yet"));
    if (focused) /** @type {HTMLElement | null} */ (this.runs.querySelector(`[data-number="${focused}"]`))?.focus();
  }

  // --- drawing -----------------------------------------------------------------------------------

  /** A colour of the style sheet. @param {string} name */
  colour(name) {
    return this.colours[name] ??= getComputedStyle(this.curves.element).getPropertyValue(`--rf-${name}`).trim() || "#888";
  }

  recolour() {
    this.colours = {};
    this.network.drawing.show(this.network.drawing.opinion);
    this.controls?.foresee(this.store.facts.foresight ?? {points: []}, name => this.colour(name));
    if (this.network.look) this.network.hear(this.network.look, new DataView(this.network.bytes.buffer));
    this.redraw();
  }

  redraw() {
    this.pending ||= requestAnimationFrame(now => {
      this.pending = 0;
      this.frames += 1;
      this.curves.area.dataset.frames = String(this.frames);
      if (this.curves.draw(now)) this.redraw();
    });
  }

  remove() {
    this.model.off("msg:custom", this.hear);
    cancelAnimationFrame(this.pending);
    clearTimeout(this.silence);
    this.resized.disconnect();
    this.themed.disconnect();
    this.controls?.remove();
    this.curves.sound.turn(false);
    this.network.remove();
  }
}

export default {
  /** @param {{model: Model, el: HTMLElement}} here */
  render({model, el}) {
    const front = new Front(model, el);
    for (const wait of [0, 2000, 10_000]) // a busy kernel may have missed the first one
      setTimeout(() => { if (!front.words.textContent) model.send({kind: "hello"}); }, wait);
    return () => front.remove();
  },
};
