// The sliders, menus and buttons, which are ipywidgets: what a screen reader and the keyboard lack there is added here.
import {fitted, h, mark, say} from "./dom.js";

const PATIENCE = 700; // ms that an answer may take before the page says why

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
    this.watcher = new MutationObserver(records =>
      records.some(({target}) => !(/** @type {Element} */ (target).closest?.(".recipe-front"))) && this.improve());
    this.watch();
    this.stop = new AbortController();
    const options = {capture: true, signal: this.stop.signal};
    for (const kind of ["click", "change", "keydown"]) root.addEventListener(kind, event => this.pressed(event), options);
    root.addEventListener("pointerup", event => this.moved(/** @type {Element} */ (event.target)), options);
    root.addEventListener("keyup", event => this.moved(/** @type {Element} */ (event.target)), options);
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
      mark(handle, "aria-valuetext", row.querySelector(".widget-readout")?.textContent ?? "");
      if (row.querySelector("[disabled]")) mark(handle, "aria-disabled", "true"); else handle.removeAttribute("aria-disabled");
      const readout = row.querySelector(".widget-readout");
      if (readout?.hasAttribute("contenteditable") || readout?.getAttribute("tabindex")) {
        mark(readout, "role", "textbox");
        mark(readout, "aria-label", `${label}, as a number`);
      }
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
    this.watch();
  }

  /** What each knob was in the run before, and where that lies on its slider. @param {Record<string, [string, number]>} was */
  showWas(was) {
    this.was = was;
    this.watcher.disconnect();
    this.placeMarks();
    this.watch();
  }

  placeMarks() {
    for (const box of this.root.querySelectorAll("[class*='recipe-knob-']")) {
      const name = [...box.classList].find(one => one.startsWith("recipe-knob-"))?.slice("recipe-knob-".length) ?? "";
      const [text, place] = this.was[name] ?? ["", -1], label = box.querySelector(".widget-label"), track = box.querySelector(".noUi-base");
      if (label) mark(label, "data-was", text ? `was ${text}` : "");
      let sign = track?.querySelector(".rf-was");
      if (track && !sign) track.append(sign = h("i", {class: "rf-was", "aria-hidden": "true"}));
      if (sign instanceof HTMLElement) {
        sign.hidden = place < 0;
        sign.style.left = `${100 * place}%`;
      }
    }
  }

  /** Paint what learning rates would come to behind their slider: the mean as a line, the seeds as a band.
   * @param {number[][]} points place, mean, lowest, highest, rate @param {(name: string) => string} colour */
  foresee(points, colour) {
    const row = this.root.querySelector(".recipe-knob-lr"), track = row?.querySelector(".noUi-target");
    if (!(row instanceof HTMLElement) || !track) return;
    this.watcher.disconnect();
    let canvas = track.parentElement?.querySelector("canvas");
    if (!canvas) track.before(canvas = h("canvas", {class: "rf-outlook", "aria-hidden": "true"}));
    const pen = fitted(canvas), {clientWidth: wide, clientHeight: high} = canvas;
    mark(canvas, "data-points", String(points.length));
    const said = points.map(([, mean, low, top, rate]) =>
      `${rate}: ${(100 * mean).toFixed(1)} % (${(100 * low).toFixed(1)} to ${(100 * top).toFixed(1)})`);
    mark(row, "title", points.length ? `Validation accuracy that short runs came to\n${said.join("\n")}` : "");
    if (pen) {
      pen.clearRect(0, 0, wide, high);
      const floor = Math.min(...points.map(point => point[2])), span = Math.max(0.05, Math.max(...points.map(point => point[3])) - floor);
      const y = (/** @type {number} */ share) => 2 + (high - 4) * (1 - (share - floor) / span);
      const path = (/** @type {number[][]} */ all, /** @type {number} */ column) =>
        all.forEach(point => pen.lineTo(wide * point[0], y(point[column])));
      pen.fillStyle = pen.strokeStyle = colour("other-val");
      pen.globalAlpha = 0.3;
      pen.beginPath();
      path(points, 3);
      path([...points].reverse(), 2);
      pen.fill();
      pen.globalAlpha = 1;
      pen.lineWidth = 1.5;
      pen.beginPath();
      path(points, 1);
      pen.stroke();
      for (const [place, mean] of points) pen.fillRect(wide * place - 1.5, y(mean) - 1.5, 3, 3);
    }
    this.watch();
  }

  // --- answers -----------------------------------------------------------------------------------

  /** @param {Event} event */
  pressed(event) {
    const target = /** @type {Element} */ (event.target);
    if (event instanceof KeyboardEvent) {
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
    const value = field ? field.selectedOptions[0]?.textContent : row.querySelector(".widget-readout")?.textContent;
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
    clearTimeout(this.later);
  }
}
