// The sliders, menus and buttons, which are ipywidgets: what a screen reader and the keyboard lack there is added here.
import {fitted, h, mark, say} from "./dom.js";
import {percent} from "./scale.js";

const PATIENCE = 700; // ms that an answer may take before the page says why
const NEXT_KEY = 700; // ms within which keys on a slider are one move
const SAID = 6000; // ms that a word on a typed number stays
const SLIDERS = ".widget-hslider, .widget-vslider";

/** @typedef {[number, number, number, number, number]} Outlook place on the slider, mean, lowest, highest accuracy, learning rate */

/** Names and states of the controls in `root`; what each knob was; whether the kernel answers. */
export class Controls {
  /** @param {HTMLElement} root the whole panel @param {(message: Record<string, any>) => void} send
   * @param {(text: string) => void} speak for those who hear the page */
  constructor(root, send, speak) {
    this.root = root;
    this.send = send;
    this.speak = speak;
    root.setAttribute("data-lm-suppress-shortcuts", "true"); // JupyterLab's keys are not for here
    this.asked = h("span", {class: "rf-asked"});
    this.number = 0; // of the newest question to the kernel
    this.waits = false;
    this.later = 0; // timer
    /** @type {Record<string, [string, number]>} */
    this.was = {};
    /** @type {Record<string, string>} */
    this.knobs = {}; // their values as the kernel words them
    this.held = false; // a slider is in the hand
    this.letGo = this.saidNo = 0; // timers
    /** @type {Outlook[]} */
    this.outlook = [];
    this.shown = 0; // the rate of the bar that the words are about
    /** @type {Record<string, string>} */
    this.told = {}; // typed numbers that the kernel has not answered
    this.watcher = new MutationObserver(records =>
      records.some(({target}) => !(/** @type {Element} */ (target).closest?.(".recipe-front"))) && this.improve());
    this.watch();
    this.stop = new AbortController();
    const options = {capture: true, signal: this.stop.signal};
    for (const kind of ["click", "change", "keydown"]) root.addEventListener(kind, event => this.pressed(event), options);
    root.addEventListener("pointerdown", event => this.hold(event), options);
    for (const kind of ["pointerup", "pointercancel"]) window.addEventListener(kind, () => this.release(0), options);
    root.addEventListener("pointerup", event => this.moved(/** @type {Element} */ (event.target)), options);
    root.addEventListener("keyup", event => {
      this.release(NEXT_KEY);
      if (/^(Arrow|Page|Home|End)/.test(/** @type {KeyboardEvent} */ (event).key)) this.moved(/** @type {Element} */ (event.target));
    }, options);
    this.improve();
  }

  watch() {
    this.watcher.observe(this.root, {subtree: true, childList: true, attributes: true,
      attributeFilter: ["class", "aria-valuenow", "disabled"]});
  }

  // --- names and states --------------------------------------------------------------------------

  improve() {
    this.watcher.disconnect(); // what follows is no news
    for (const row of this.root.querySelectorAll(".widget-hslider, .widget-vslider")) {
      const handle = row.querySelector(".noUi-handle");
      if (!handle) continue;
      const label = row.querySelector(".widget-label")?.textContent?.trim() ?? "";
      mark(handle, "aria-label", label || "value");
      mark(handle, "aria-valuetext", this.valueOf(row));
      if (row.querySelector("[disabled]")) mark(handle, "aria-disabled", "true"); else handle.removeAttribute("aria-disabled");
      const field = /** @type {HTMLInputElement | null} */ (row.querySelector(".rf-value"));
      if (field) field.disabled = handle.hasAttribute("aria-disabled");
    }
    for (const group of this.root.querySelectorAll(".widget-toggle-buttons")) {
      mark(group, "role", "group");
      mark(group, "aria-label", group.querySelector(".widget-label")?.textContent?.trim() || "what a moved knob does");
      for (const button of group.querySelectorAll("button")) mark(button, "aria-pressed", String(button.classList.contains("mod-active")));
    }
    for (const box of this.root.querySelectorAll(".widget-dropdown, .widget-select, .widget-select-multiple, .widget-text")) {
      const field = box.querySelector("select, input"), label = box.querySelector(".widget-label")?.textContent?.trim();
      if (field) mark(field, "aria-label", label || field.getAttribute("placeholder") || "choice");
    }
    for (const fold of /** @type {NodeListOf<HTMLElement>} */ (this.root.querySelectorAll(".jupyter-widget-Collapse-header"))) {
      mark(fold, "role", "button");
      mark(fold, "tabindex", "0");
      mark(fold, "aria-expanded", String(Boolean(fold.parentElement?.classList.contains("jupyter-widget-Collapse-open"))));
    }
    this.placeMarks();
    this.showValues();
    this.watch();
  }

  // --- the numbers beside the sliders ------------------------------------------------------------

  /** The kernel's words for the knobs that are numbers. @param {Record<string, string>} knobs */
  showKnobs(knobs) {
    this.knobs = knobs;
    this.improve();
  }

  /** What stands beside a slider: while it moves its own number, else the kernel's. @param {Element} row */
  valueOf(row) {
    const own = row.querySelector(".widget-readout")?.textContent ?? "", number = Number.parseFloat(own.replaceAll(",", ""));
    if (row.querySelectorAll(".noUi-handle").length > 1) return own; // a range
    const known = this.held || this.waits ? undefined : this.knobs[knobOf(row)];
    return known ?? (Number.isNaN(number) ? own : String(number));
  }

  /** Each slider has a field for its number, where the kernel takes it. */
  showValues() {
    for (const row of this.root.querySelectorAll("[class*='recipe-knob-']")) {
      const name = knobOf(row), label = row.querySelector(".widget-label")?.textContent?.trim() ?? "";
      if (!(name in this.knobs) || !row.matches(SLIDERS)) continue;
      let field = /** @type {HTMLInputElement | null} */ (row.querySelector(".rf-value"));
      if (!field) {
        const made = h("input", {class: "rf-value", type: "text", inputmode: "decimal", "aria-label": `${label}, as a number`,
          title: "Type a number, then Enter", onfocus: () => made.select(), onchange: () => this.typed(name, made.value),
          onkeydown: (/** @type {KeyboardEvent} */ event) => event.key === "Enter" && this.typed(name, made.value)});
        row.append(field = made, h("span", {class: "rf-typed", role: "status"}));
      }
      if (document.activeElement !== field) field.value = this.valueOf(row);
    }
  }

  /** By Enter, and when the field is left: told once. @param {string} knob @param {string} text */
  typed(knob, text) {
    if (text === (this.told[knob] ?? this.knobs[knob])) return;
    this.told[knob] = text;
    this.send({kind: "type", knob, text});
    this.ask(`${this.root.querySelector(`.recipe-knob-${knob} .widget-label`)?.textContent?.trim()} ${text}`);
  }

  /** The kernel has taken a typed number. @param {string} knob @param {string} says what became of it, "" where nothing
   * @param {string} text where the slider stands now */
  answered(knob, says, text) {
    const row = this.root.querySelector(`.recipe-knob-${knob}`), note = row?.querySelector(".rf-typed");
    if (!row || !note) return;
    delete this.told[knob];
    say(note, says);
    clearTimeout(this.saidNo);
    this.saidNo = window.setTimeout(() => say(note, ""), SAID);
    const field = /** @type {HTMLInputElement} */ (row.querySelector(".rf-value"));
    if (says) field.value = text;
  }

  // --- one move of a slider ----------------------------------------------------------------------

  /** A slider is taken into the hand: until it is let go all its moves are one. @param {Event} event */
  hold(event) {
    const target = /** @type {Element} */ (event.target);
    if (!target.closest(SLIDERS) || target.matches(".rf-value")) return;
    clearTimeout(this.letGo);
    if (!this.held) this.send({kind: "hold", held: this.held = true});
  }

  /** @param {number} wait ms until it is let go */
  release(wait) {
    if (!this.held) return;
    clearTimeout(this.letGo);
    this.letGo = window.setTimeout(() => this.send({kind: "hold", held: this.held = false}), wait);
  }

  // --- what was, what may come -------------------------------------------------------------------

  /** What each knob was in the run before, and where that lies on its slider. @param {Record<string, [string, number]>} was */
  showWas(was) {
    this.was = was;
    this.watcher.disconnect();
    this.placeMarks();
    this.watch();
  }

  placeMarks() {
    for (const box of this.root.querySelectorAll("[class*='recipe-knob-']")) {
      const [text, place] = this.was[knobOf(box)] ?? ["", -1];
      const label = box.querySelector(".widget-label"), track = box.querySelector(".noUi-base");
      if (label) mark(label, "data-was", text ? `was ${text}` : "");
      let sign = track?.querySelector(".rf-was");
      if (track && !sign) track.append(sign = h("i", {class: "rf-was", "aria-hidden": "true"}));
      if (sign instanceof HTMLElement) {
        sign.hidden = place < 0;
        sign.style.left = `${100 * place}%`;
      }
    }
  }

  /** Above the slider of the learning rate: what short runs at each rate came to, as bars with their numbers, and in words.
   * @param {{points: Outlook[], steps?: number}} outlook @param {(name: string) => string} colour */
  foresee({points, steps}, colour) {
    const row = this.root.querySelector(".recipe-knob-lr"), track = row?.querySelector(".slider-container");
    if (!(row instanceof HTMLElement) || !track) return;
    this.watcher.disconnect();
    this.outlook = points;
    let canvas = /** @type {HTMLCanvasElement | null} */ (row.querySelector(".rf-outlook"));
    if (!canvas && points.length) {
      const made = canvas = h("canvas", {class: "rf-outlook", "aria-hidden": "true",
        onpointermove: (/** @type {PointerEvent} */ event) => tell(event.offsetX / made.clientWidth), onpointerleave: () => tell()});
      const tell = (place = NaN) => {
        this.tellOutlook(row, steps ?? 0, place);
        this.paintOutlook(made, colour);
      };
      row.append(canvas, h("span", {class: "rf-outlook-words"}));
    }
    row.classList.toggle("rf-foreseen", points.length > 0);
    if (canvas) {
      mark(canvas, "data-points", String(points.length));
      this.tellOutlook(row, steps ?? 0);
      this.paintOutlook(canvas, colour);
    }
    this.watch();
  }

  /** @param {HTMLCanvasElement} canvas @param {(name: string) => string} colour */
  paintOutlook(canvas, colour) {
    const pen = fitted(canvas), {clientWidth: wide, clientHeight: high} = canvas;
    if (!pen) return;
    const best = Math.max(...this.outlook.map(([, mean]) => mean)), named = this.outlook.find(([, mean]) => mean === best);
    pen.clearRect(0, 0, wide, high);
    pen.textAlign = "center";
    pen.font = `600 11px ${colour("font")}`;
    for (const [place, mean, , , rate] of this.outlook) {
      const size = Math.max(1, mean * (high - 14)), first = mean === best;
      pen.fillStyle = colour(first ? "accent" : rate === this.shown ? "ink" : "border");
      pen.fillRect(wide * place - 4, high - size, 8, size);
      if (rate === named?.[4]) pen.fillText(`${Math.round(100 * mean)}%`, wide * place, high - size - 3);
    }
  }

  /** One bar in words: the one that is pointed at, else the nearest to where the slider stands.
   * @param {Element} row @param {number} steps @param {number} place */
  tellOutlook(row, steps, place = NaN) {
    const words = row.querySelector(".rf-outlook-words"), stands = Number(this.valueOf(row));
    const far = (/** @type {Outlook} */ one) => Number.isNaN(place) ? Math.abs(Math.log(one[4] / stands)) : Math.abs(one[0] - place);
    const near = [...this.outlook].sort((a, b) => far(a) - far(b))[0];
    if (!words || !near) return;
    const [, mean, low, high, rate] = near;
    this.shown = rate;
    say(words, `At ${rate}: about ${percent(mean)} expected after ${steps} steps (${percent(low)} to ${percent(high)}).`);
  }

  // --- answers -----------------------------------------------------------------------------------

  /** @param {Event} event */
  pressed(event) {
    const target = /** @type {Element} */ (event.target);
    if (event instanceof KeyboardEvent) {
      if (/^(Arrow|Page|Home|End)/.test(event.key)) this.hold(event);
      const fold = target.closest(".jupyter-widget-Collapse-header");
      if (fold && (event.key === "Enter" || event.key === " ")) {
        event.preventDefault();
        /** @type {HTMLElement} */ (fold).click();
      }
      return;
    }
    const button = target.closest("button.jupyter-button");
    if (event.type === "click" && button) this.ask(button.textContent?.trim() ?? "");
    if (event.type === "change" && target.closest("select")) this.moved(target);
  }

  /** A slider or a menu may have another value. @param {Element} target */
  moved(target) {
    const row = target.closest(".widget-hslider, .widget-dropdown, .widget-select-multiple"), field = row?.querySelector("select");
    if (!row) return;
    if (target.matches(".rf-value")) return;
    const value = field ? field.selectedOptions[0]?.textContent : this.valueOf(row);
    this.ask(`${row.querySelector(".widget-label")?.textContent?.trim() ?? ""} ${value ?? ""}`);
  }

  /** Say at once what was asked for, and whether the kernel is there to hear it. @param {string} what */
  ask(what) {
    this.number += 1;
    this.waits = true;
    say(this.asked, `${what} …`);
    this.asked.classList.add("rf-waits");
    this.send({kind: "ask", number: this.number});
    clearTimeout(this.later);
    this.later = window.setTimeout(() => {
      say(this.asked, `${what}: the kernel is busy with another cell, this waits for its turn`);
      this.speak(this.asked.textContent ?? "");
    }, PATIENCE);
  }

  /** The kernel has heard a question. @param {number} number */
  heard(number) {
    if (number < this.number || !this.waits) return;
    this.waits = false;
    clearTimeout(this.later);
    this.asked.classList.remove("rf-waits");
    say(this.asked, "");
  }

  remove() {
    this.watcher.disconnect();
    this.stop.abort();
    for (const timer of [this.later, this.letGo, this.saidNo]) clearTimeout(timer);
    if (this.held) this.send({kind: "hold", held: false});
  }
}

/** @param {Element} row a slider or a menu @returns {string} the name of its setting */
function knobOf(row) {
  return [...row.classList].find(one => one.startsWith("recipe-knob-"))?.slice("recipe-knob-".length) ?? "";
}
