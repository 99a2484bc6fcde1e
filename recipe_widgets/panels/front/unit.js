// One unit of a layer: its weights as a picture, and the samples that excite it most.
import {fitted, h, mark, say} from "./dom.js";
import {paint} from "./pictures.js";
import {plain} from "./scale.js";

/** @typedef {import("./network.js").Look} Look */

const COLUMNS = 16; // of the weights of all units

export class UnitView {
  /** @param {(message: Record<string, any>) => void} send @param {(name: string) => string} colour */
  constructor(send, colour) {
    this.send = send;
    this.colour = colour;
    this.path = "";
    this.number = 0;
    this.all = h("canvas", {class: "rf-filters", "aria-hidden": "true", onclick: (/** @type {MouseEvent} */ event) => this.pick(event)});
    this.chosen = h("input", {type: "number", min: 0, max: 0, value: 0, "aria-label": "number of the unit",
      oninput: () => this.choose(this.path, Number(this.chosen.value))});
    this.many = h("span");
    this.weights = h("canvas", {class: "rf-unit-weights", "aria-hidden": "true"});
    this.excited = h("div", {class: "rf-excited", role: "list"});
    this.means = h("canvas", {class: "rf-means", "aria-hidden": "true"});
    this.said = h("p", {class: "rf-unit-words"});
    this.grid = h("figure", {},
      h("figcaption", {}, "weights of the first units as pictures, dark is low, bright is high: press one"), this.all);
    this.element = h("section", {class: "rf-unit", "aria-label": "One unit"}, this.grid,
      h("div", {class: "rf-unit-head"}, h("label", {}, "unit ", this.chosen), this.many), this.said,
      h("div", {class: "rf-unit-row"}, this.weights, this.excited),
      h("figure", {}, h("figcaption", {}, "its mean activation by class"), this.means));
    this.shape = [0, 1, 1, 1];
  }

  /** @param {string} path of the block @param {number} number of the unit */
  choose(path, number) {
    if (path !== this.path) { // nothing of the other block is to stand there meanwhile
      this.excited.replaceChildren();
      say(this.said, "Looking …");
    }
    this.path = path;
    this.number = Math.max(0, Math.round(number) || 0);
    if (Number(this.chosen.value) !== this.number) this.chosen.value = String(this.number);
    this.send({kind: "unit", path, number: this.number});
  }

  /** @param {MouseEvent} event on the weights of all */
  pick(event) {
    const box = this.all.getBoundingClientRect(), rows = Math.ceil(this.shape[0] / COLUMNS);
    const column = Math.floor((event.clientX - box.left) / box.width * COLUMNS);
    const number = Math.floor((event.clientY - box.top) / box.height * rows) * COLUMNS + column;
    if (number < this.shape[0]) this.choose(this.path, number);
  }

  /** @param {Look} look @param {Uint8Array} pictures that excite it @param {Uint8Array} filters weights of the first layer's units */
  show(look, pictures, filters) {
    this.shape = look.filters;
    this.grid.hidden = this.weights.hidden = !filters.length;
    const size = look.filters.slice(1).reduce((a, b) => a * b, 1), {unit} = look;
    if (filters.length) paint(this.all, filters, look.filters, look.filters[0], COLUMNS);
    if (!unit || unit.path !== this.path) return;
    this.chosen.max = String(unit.units - 1);
    say(this.many, `of ${unit.units.toLocaleString("en")} (0 to ${unit.units - 1})`);
    this.weights.hidden ||= unit.number >= look.filters[0];
    if (!this.weights.hidden) {
      paint(this.weights, filters.subarray(unit.number * size, (unit.number + 1) * size), look.filters, 1, 1);
      const pen = /** @type {CanvasRenderingContext2D} */ (this.all.getContext("2d")), [, , high, wide] = look.filters;
      pen.strokeStyle = "#ff9800";
      pen.lineWidth = 2;
      pen.strokeRect(unit.number % COLUMNS * (wide + 1), Math.floor(unit.number / COLUMNS) * (high + 1), wide, high);
    }
    const [best] = unit.values, dead = unit.values.every(value => value === 0);
    say(this.said, dead ? `Unit ${unit.number} is off for every one of these ${look.samples} samples.`
      : `Of ${look.samples} samples these excite unit ${unit.number} most (the first with ${plain(best)}):`);
    const each = unit.shape.slice(1).reduce((a, b) => a * b, 1);
    this.excited.replaceChildren(...dead || !unit.shape.length ? [] : unit.values.map((value, n) => {
      const canvas = h("canvas", {"aria-hidden": "true"});
      paint(canvas, pictures.subarray(n * each, (n + 1) * each), unit.shape, 1, 1);
      return h("div", {role: "listitem", "aria-label": `${look.classes[unit.labels[n]]}, ${plain(value)}`}, canvas,
        h("span", {"aria-hidden": "true"}, `${look.classes[unit.labels[n]]} · ${plain(value)}`));
    }));
    this.bars(unit.means, look.classes);
  }

  /** @param {number[]} means @param {string[]} classes */
  bars(means, classes) {
    const pen = fitted(this.means), {clientWidth: wide, clientHeight: high} = this.means;
    if (!pen) return;
    const top = Math.max(0, ...means), low = Math.min(0, ...means), span = top - low || 1, foot = high - 14, each = wide / means.length;
    const y = (/** @type {number} */ value) => 2 + (foot - 4) * (top - value) / span;
    pen.clearRect(0, 0, wide, high);
    pen.font = `11px ${this.colour("font")}`;
    pen.textAlign = "center";
    means.forEach((mean, k) => {
      pen.fillStyle = this.colour(mean === top && top > 0 ? "train" : "soft");
      pen.fillRect(k * each + 2, Math.min(y(0), y(mean)), each - 4, Math.max(1, Math.abs(y(mean) - y(0))));
      pen.fillStyle = this.colour("ink");
      pen.fillText(classes[k].slice(0, Math.max(2, Math.floor(each / 7))), (k + 0.5) * each, high - 3);
    });
    mark(this.means, "data-best", classes[means.indexOf(top)] ?? "");
  }
}
