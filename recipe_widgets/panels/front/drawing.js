// Draw a digit, and see what the running network takes it for; beside it the mistakes that it is surest of.
import {fitted, h, mark, say} from "./dom.js";
import {paint} from "./pictures.js";

/** @typedef {import("./network.js").Look} Look */

const SIDE = 56; // pixels of the drawing as the kernel gets it
const BRUSH = 0.085; // of the canvas
const SEND_EVERY = 80; // ms
const PER = 1000; // of a probability

export class Drawing {
  /** @param {(message: Record<string, any>, buffers?: ArrayBuffer[]) => void} send @param {(name: string) => string} colour */
  constructor(send, colour) {
    this.send = send;
    this.colour = colour;
    this.empty = true;
    /** @type {[number, number] | null} */
    this.last = null; // where the pen is
    this.later = 0; // timer
    this.sent = 0;
    /** @type {number[]} */
    this.opinion = [];
    this.canvas = h("canvas", {class: "rf-draw", width: SIDE, height: SIDE, role: "img",
      "aria-label": "A digit of your own: draw here, or choose one of the mistakes below"});
    this.seen = h("canvas", {class: "rf-seen", "aria-hidden": "true", title: "What the network sees: centred, 28 × 28 pixels"});
    this.bars = h("canvas", {class: "rf-opinion", "aria-hidden": "true"});
    this.hint = h("span", {class: "rf-draw-hint", "aria-hidden": "true"}, "draw a digit here");
    this.clear = h("button", {type: "button", class: "rf-clear", onclick: () => this.wipe()}, "Clear");
    this.said = h("span", {class: "rf-hidden", role: "status"});
    this.mistakes = h("div", {class: "rf-mistakes"});
    this.element = h("div", {class: "rf-part rf-drawing", role: "group", "aria-label": "A digit of your own"},
      h("span", {class: "rf-small"}, "your own digit, and as the network sees it"),
      h("div", {class: "rf-draw-row"}, h("div", {class: "rf-draw-place"}, this.canvas, this.hint),
        h("div", {class: "rf-draw-side"}, this.seen, this.clear), this.bars),
      h("span", {class: "rf-small"}, "surest mistakes: true → predicted"), this.mistakes, this.said);
    this.pen = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d", {willReadFrequently: true}));
    this.wipe(false);
    this.canvas.addEventListener("pointerdown", event => {
      if (event.button) return;
      this.canvas.setPointerCapture(event.pointerId);
      this.last = this.at(event);
      this.stroke(event);
    });
    this.canvas.addEventListener("pointermove", event => this.last && this.stroke(event));
    for (const kind of ["pointerup", "pointercancel"]) this.canvas.addEventListener(kind, () => this.last = null);
  }

  /** @param {PointerEvent} event @returns {[number, number]} */
  at(event) {
    const box = this.canvas.getBoundingClientRect();
    return [SIDE * (event.clientX - box.left) / box.width, SIDE * (event.clientY - box.top) / box.height];
  }

  /** @param {PointerEvent} event */
  stroke(event) {
    const {pen} = this, to = this.at(event), from = this.last ?? to;
    pen.strokeStyle = "#fff";
    pen.lineWidth = BRUSH * SIDE;
    pen.lineCap = pen.lineJoin = "round";
    pen.beginPath();
    pen.moveTo(...from);
    pen.lineTo(to[0] + 0.01, to[1]);
    pen.stroke();
    this.last = to;
    this.tell();
  }

  /** Empty paper. @param {boolean} [tell] */
  wipe(tell = true) {
    this.pen.fillStyle = "#000";
    this.pen.fillRect(0, 0, SIDE, SIDE);
    this.empty = true;
    this.opinion = [];
    this.hint.hidden = this.seen.hidden = false;
    this.seen.getContext("2d")?.clearRect(0, 0, this.seen.width, this.seen.height);
    clearTimeout(this.later);
    if (tell) this.send({kind: "draw nothing"});
    this.show([]);
  }

  /** Send what is drawn: at once, and then some times a second. */
  tell() {
    this.empty = false;
    this.hint.hidden = true;
    clearTimeout(this.later);
    const go = () => {
      this.sent = performance.now();
      const {data} = this.pen.getImageData(0, 0, SIDE, SIDE), grey = new Uint8Array(SIDE * SIDE);
      for (let i = 0; i < grey.length; i++) grey[i] = data[4 * i];
      this.send({kind: "draw", side: SIDE}, [grey.buffer]);
    };
    const wait = SEND_EVERY - (performance.now() - this.sent);
    if (wait <= 0) go(); else this.later = window.setTimeout(go, wait);
  }

  /** What the kernel has made of it. @param {DataView} bytes */
  hear(bytes) {
    if (!this.empty) paint(this.seen, new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength), [1, 1, 28, 28], 1, 1);
  }

  /** What the network takes it for. @param {number[]} opinion shares in thousandths */
  show(opinion) {
    this.opinion = opinion;
    const pen = fitted(this.bars), {clientWidth: wide, clientHeight: high} = this.bars;
    if (!pen) return;
    const shares = opinion.length ? opinion : Array(10).fill(0), each = high / shares.length, most = Math.max(...shares);
    const room = wide - 54; // of a whole bar
    pen.clearRect(0, 0, wide, high);
    pen.font = `11px ${this.colour("font")}`;
    pen.textBaseline = "middle";
    shares.forEach((share, k) => {
      const y = (k + 0.5) * each, first = share === most && most > 0;
      pen.fillStyle = this.colour("grid");
      pen.fillRect(14, y - each / 2 + 1, room, each - 2);
      pen.fillStyle = this.colour(first ? "train" : "soft");
      pen.fillRect(14, y - each / 2 + 1, room * share / PER, each - 2);
      pen.fillStyle = this.colour(first ? "ink" : "soft");
      pen.textAlign = "left";
      pen.fillText(String(k), 2, y);
      pen.textAlign = "right";
      if (share >= 5) pen.fillText(`${Math.round(100 * share / PER)}%`, wide, y);
    });
    const best = opinion.indexOf(most);
    mark(this.canvas, "data-taken", best < 0 ? "" : String(best));
    if (best >= 0 && !this.last) say(this.said, `The network takes your digit for ${best}.`);
  }

  /** The mistakes that the network is surest of. @param {Look} look @param {Uint8Array} bytes of their pictures */
  showMistakes(look, bytes) {
    const {shape, told} = look.mistakes, size = shape.slice(1).reduce((a, b) => a * b, 1);
    while (this.mistakes.children.length < told.length) {
      const number = this.mistakes.children.length;
      this.mistakes.append(h("button", {type: "button", onclick: () => this.take(number)},
        h("canvas", {"aria-hidden": "true"}), h("span")));
    }
    [...this.mistakes.children].forEach((button, n) => {
      /** @type {HTMLElement} */ (button).hidden = n >= told.length || !shape.length;
      if (n >= told.length || !shape.length) return;
      const [label, taken, sure] = told[n], [canvas, text] = button.children;
      paint(/** @type {HTMLCanvasElement} */ (canvas), bytes.subarray(n * size, (n + 1) * size), shape, 1, 1);
      say(text, `${label} → ${taken}`);
      const what = `a ${look.classes[label]}, taken for ${look.classes[taken]} with ${sure}%`;
      mark(button, "aria-label", `${label} → ${taken}: ${what}. Take it as your digit.`);
      mark(button, "title", what);
    });
  }

  /** Go on from a mistake: it can be drawn over. @param {number} number */
  take(number) {
    this.wipe(false);
    this.pen.imageSmoothingEnabled = true;
    this.pen.drawImage(/** @type {HTMLCanvasElement} */ (this.mistakes.children[number].firstElementChild), 0, 0, 28, 28, 0, 0, SIDE, SIDE);
    this.tell();
  }
}
