// Draws one set of axes on a canvas.
import {fitted} from "./dom.js";
import {linearMarks, logMarks, percent, plain} from "./scale.js";

/** @typedef {{label: string, role: string, x: ArrayLike<number>, y: ArrayLike<number>, n: number, raw?: boolean,
 *             whole?: boolean}} Line whole: one point, of the whole validation set */
/** @typedef {{x0: number, x1: number, low: number, high: number, log: boolean}} View */
/** @typedef {{step: number, kind: string, text: string}} Flag */

export const MARGIN = {left: 46, right: 12, top: 24, bottom: 20};
const SIGNS = /** @type {Record<string, string>} */ ({knob: "◆", fork: "fork", rewind: "rewind", alarm: "!"});
const DASHES = /** @type {Record<string, number[]>} */ ({
  "ghost": [5, 3], "other": [], "pin": [2, 3], "line-guess": [2, 4]});

/** One chart. Sizes are in CSS pixels. */
export class Chart {
  /** @param {HTMLCanvasElement} canvas @param {string} title @param {boolean} last whether it carries the step axis */
  constructor(canvas, title, last) {
    this.canvas = canvas;
    this.title = title;
    this.last = last;
    this.width = this.height = 0;
    this.pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    /** @type {View} */
    this.view = {x0: 0, x1: 100, low: 0, high: 1, log: false};
    /** @type {(name: string) => string} */
    this.colour = () => "#000";
  }

  /** Fit the canvas to its place on the page. */
  fit() {
    ({clientWidth: this.width, clientHeight: this.height} = this.canvas);
    fitted(this.canvas);
  }

  get bottom() {
    return this.height - (this.last ? MARGIN.bottom : 6);
  }

  /** @param {number} step */
  x(step) {
    const {x0, x1} = this.view;
    return MARGIN.left + (step - x0) / Math.max(1e-9, x1 - x0) * (this.width - MARGIN.left - MARGIN.right);
  }

  /** @param {number} pixel */
  step(pixel) {
    const {x0, x1} = this.view;
    return x0 + (pixel - MARGIN.left) / Math.max(1, this.width - MARGIN.left - MARGIN.right) * (x1 - x0);
  }

  /** @param {number} pixel from the top */
  value(pixel) {
    const {low, high, log} = this.view, share = Math.min(1, Math.max(0, (this.bottom - pixel) / (this.bottom - MARGIN.top)));
    return log ? low * (high / low) ** share : low + share * (high - low);
  }

  /** Also beyond the axes, where a curve leaves the picture. @param {number} value */
  y(value) {
    const {low, high, log} = this.view;
    const share = log ? Math.log(Math.max(value, 1e-30) / low) / Math.log(high / low) : (value - low) / (high - low);
    return this.bottom - Math.min(3, Math.max(-2, share)) * (this.bottom - MARGIN.top);
  }

  /** Empty axes, with marks. */
  axes() {
    const {pen} = this, {x0, x1, low, high, log} = this.view;
    pen.clearRect(0, 0, this.width, this.height);
    pen.font = `11px ${this.colour("font")}`;
    pen.textBaseline = "middle";
    pen.lineWidth = 1;
    pen.setLineDash([]);
    const count = Math.max(2, Math.floor((this.bottom - MARGIN.top) / 26));
    for (const mark of log ? logMarks(low, high, count) : linearMarks(low, high, count)) {
      const y = Math.round(this.y(mark)) + 0.5;
      pen.strokeStyle = this.colour("grid");
      pen.beginPath();
      pen.moveTo(MARGIN.left, y);
      pen.lineTo(this.width - MARGIN.right, y);
      pen.stroke();
      pen.fillStyle = this.colour("soft");
      pen.textAlign = "right";
      pen.fillText(plain(mark), MARGIN.left - 7, y);
    }
    pen.fillStyle = this.colour("ink");
    pen.textAlign = "left";
    pen.font = `600 12px ${this.colour("font")}`;
    pen.fillText(this.title, 4, 9);
    if (!this.last) return;
    pen.font = `11px ${this.colour("font")}`;
    pen.fillStyle = this.colour("soft");
    pen.fillText("step", 4, this.bottom + 12);
    for (const mark of linearMarks(x0, x1, Math.max(2, Math.floor(this.width / 90)))) {
      const text = mark >= 1e6 ? plain(mark) : Math.round(mark).toLocaleString("en"), half = pen.measureText(text).width / 2;
      const x = Math.min(this.x(mark), this.width - half - 2);
      pen.textAlign = "center";
      pen.fillText(text, x, this.bottom + 12);
    }
  }

  /** A value in the unit of the axis. @param {number} value */
  say(value) {
    return this.title.includes("%") ? percent(value / 100) : plain(value);
  }

  /** Words in the middle of empty axes. @param {string} text */
  hint(text) {
    const {pen} = this;
    pen.font = `14px ${this.colour("font")}`;
    pen.textAlign = "center";
    pen.fillStyle = this.colour("soft");
    pen.fillText(text, (MARGIN.left + this.width - MARGIN.right) / 2, (MARGIN.top + this.bottom) / 2 - 8);
  }

  /** A curve. @param {Line} line @param {number} head the step up to which it is drawn */
  line(line, head) {
    const {pen} = this, [from, to] = this.range(line, head);
    if (to - from < 1) return;
    if (line.whole) {
      this.diamond(this.x(line.x[0]), this.y(line.y[0]), line.role);
      return;
    }
    pen.save();
    this.clip();
    this.style(line.role, line.raw);
    pen.beginPath();
    for (let i = from; i < to; i++) pen.lineTo(this.x(line.x[i]), this.y(line.y[i]));
    if (to - from === 1) pen.arc(this.x(line.x[from]), this.y(line.y[from]), 1, 0, 7);
    if (to < line.n && to > 0 && line.x[to - 1] < head) { // a part of the way to the next point
      const share = (head - line.x[to - 1]) / (line.x[to] - line.x[to - 1]);
      if (share < 1 && !line.role.endsWith("val")) {
        pen.lineTo(this.x(head), this.y(line.y[to - 1] + share * (line.y[to] - line.y[to - 1])));
      }
    }
    pen.stroke();
    if (line.role.endsWith("val") && to - from < 40 && !line.raw) {
      pen.fillStyle = pen.strokeStyle;
      for (let i = from; i < to; i++) {
        pen.beginPath();
        pen.arc(this.x(line.x[i]), this.y(line.y[i]), 2.4, 0, 7);
        pen.fill();
      }
    }
    pen.restore();
  }

  /** @param {number} x @param {number} y @param {string} role */
  diamond(x, y, role) {
    const {pen} = this;
    if (y < MARGIN.top - 6 || y > this.bottom + 6 || x > this.width) return;
    pen.setLineDash([]);
    pen.lineWidth = 2;
    pen.strokeStyle = this.colour(role);
    pen.fillStyle = this.colour("ground");
    pen.beginPath();
    for (const [right, down] of [[0, -5], [5, 0], [0, 5], [-5, 0]]) pen.lineTo(x + right, y + down);
    pen.closePath();
    pen.fill();
    pen.stroke();
  }

  /** The points from one before the left edge to one after the right edge. @param {Line} line @param {number} head */
  range(line, head) {
    const {x0, x1} = this.view;
    let from = 0, to = line.n;
    while (from + 1 < line.n && line.x[from + 1] < x0) from++;
    while (to > from && (line.x[to - 1] > head || (to > 1 && line.x[to - 2] > x1))) to--;
    return [from, to];
  }

  clip() {
    this.pen.beginPath();
    this.pen.rect(MARGIN.left, MARGIN.top - 2, this.width - MARGIN.left - MARGIN.right + 4, this.bottom - MARGIN.top + 4);
    this.pen.clip();
  }

  /** @param {string} role @param {boolean} [raw] */
  style(role, raw) {
    const {pen} = this;
    pen.strokeStyle = this.colour(role);
    pen.lineWidth = raw ? 1 : role.endsWith("val") || role.startsWith("line-") ? 2.2 : 1.6;
    pen.globalAlpha = raw ? 0.2 : 1;
    pen.lineJoin = "round";
    pen.setLineDash(DASHES[role] ?? DASHES[role.split("-")[0].replace(/\d/, "")] ?? []);
  }

  /** What lies between two curves on the same steps.
   * @param {Line} upper @param {Line} lower @param {string} colour @param {number} alpha */
  between(upper, lower, colour, alpha) {
    if (upper.n < 2 || lower.n < 2) return;
    const {pen} = this;
    pen.save();
    this.clip();
    pen.fillStyle = this.colour(colour);
    pen.globalAlpha = alpha;
    pen.beginPath();
    for (let i = 0; i < upper.n; i++) pen.lineTo(this.x(upper.x[i]), this.y(upper.y[i]));
    for (let i = lower.n - 1; i >= 0; i--) pen.lineTo(this.x(lower.x[i]), this.y(lower.y[i]));
    pen.fill();
    pen.restore();
  }

  /** A line across the chart at a step. @param {number} step @param {string} colour @param {number} width */
  upright(step, colour, width) {
    const {pen} = this, x = Math.round(this.x(step)) + 0.5;
    if (step < this.view.x0 || step > this.view.x1) return;
    pen.strokeStyle = this.colour(colour);
    pen.lineWidth = width;
    pen.setLineDash([]);
    pen.beginPath();
    pen.moveTo(x, MARGIN.top - 2);
    pen.lineTo(x, this.bottom);
    pen.stroke();
  }

  /** Small flags at the top, those side by side as one. @param {Flag[]} flags */
  flags(flags) {
    const {pen} = this;
    let last = -99;
    for (const flag of flags) {
      const x = this.x(flag.step);
      if (flag.step < this.view.x0 || flag.step > this.view.x1) continue;
      pen.strokeStyle = pen.fillStyle = this.colour(flag.kind === "alarm" ? "alarm" : "soft");
      pen.lineWidth = 1;
      pen.setLineDash([2, 3]);
      pen.beginPath();
      pen.moveTo(Math.round(x) + 0.5, MARGIN.top);
      pen.lineTo(Math.round(x) + 0.5, this.bottom);
      pen.stroke();
      if (x - last < 14) continue;
      last = x;
      pen.font = `600 11px ${this.colour("font")}`;
      pen.textAlign = "center";
      pen.save();
      pen.strokeStyle = this.colour("ground");
      pen.lineWidth = 4;
      pen.setLineDash([]);
      pen.strokeText(SIGNS[flag.kind] ?? "◆", x, MARGIN.top + 7);
      pen.fillText(SIGNS[flag.kind] ?? "◆", x, MARGIN.top + 7);
      pen.restore();
    }
  }

  /** Named values beside a step.
   * @param {number} step @param {string[]} head @param {{role: string, text: string, value: number}[]} rows */
  readout(step, head, rows) {
    const {pen} = this;
    this.upright(step, "soft", 1);
    for (const row of rows) {
      pen.fillStyle = this.colour(row.role);
      pen.beginPath();
      pen.arc(this.x(step), Math.min(this.bottom, Math.max(MARGIN.top, this.y(row.value))), 3.2, 0, 7);
      pen.fill();
    }
    pen.font = `11px ${this.colour("font")}`;
    const texts = [...head, ...rows.map(row => `${row.text}  ${this.say(row.value)}`)];
    const width = 24 + Math.max(...texts.map(text => pen.measureText(text).width)), height = 10 + 15 * texts.length;
    const at = this.x(step), x = at + 10 + width < this.width - 2 ? at + 10 : Math.max(2, at - 10 - width);
    const y = Math.max(2, Math.min(MARGIN.top + 2, this.height - height - 2));
    pen.fillStyle = this.colour("ground");
    pen.strokeStyle = this.colour("border");
    pen.setLineDash([]);
    pen.lineWidth = 1;
    pen.beginPath();
    pen.roundRect(x, y, width, height, 4);
    pen.fill();
    pen.stroke();
    pen.textAlign = "left";
    texts.forEach((text, i) => {
      const row = rows[i - head.length];
      pen.fillStyle = this.colour(row ? row.role : "ink");
      if (row) pen.fillRect(x + 7, y + 9 + 15 * i, 8, 3);
      pen.fillStyle = this.colour("ink");
      pen.fillText(text, x + (row ? 19 : 7), y + 11 + 15 * i);
    });
  }
}
