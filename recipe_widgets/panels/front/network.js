// The network as it is now: its layers as blocks, some samples with what it takes them for, its mistakes.
import {fitted, h, mark, say} from "./dom.js";
import {Drawing} from "./drawing.js";
import {paint} from "./pictures.js";
import {plain} from "./scale.js";
import {UnitView} from "./unit.js";

/** @typedef {[number, number, number[]] | []} Counts low, high, shares of the largest in 255ths */
/** @typedef {{path: string, title: string, rest: string, weights: number, gradient: number | null, update: number | null,
 *   gradients: Counts, activations?: Counts, mean?: number, std?: number, dead?: number | null, saturated?: number | null,
 *   of?: string}} Block */
/** @typedef {{step: number, samples: number, classes: string[], weights: number, model: string, usual: number,
 *   blocks: Block[], right: number, confusion: number[][], labels: number[], pictures: number[],
 *   probabilities: number[], filters: number[], mistakes: {shape: number[], told: number[][]}, unit: Unit | null}} Look */
/** @typedef {{path: string, number: number, units: number, means: number[], values: number[], labels: number[], shape: number[]}} Unit */

const FILTERS_SHOWN = 16; // below the first block; its large view has all
const SHARES = 255; // of probabilities

export class Network {
  /** @param {(message: Record<string, any>, buffers?: ArrayBuffer[]) => void} send @param {(name: string) => string} colour */
  constructor(send, colour) {
    this.send = send;
    this.colour = colour;
    this.drawing = new Drawing(send, colour);
    this.unit = new UnitView(send, colour);
    /** @type {Look | null} */
    this.look = null;
    /** @type {Uint8Array} */
    this.bytes = new Uint8Array(0);
    /** @type {string | null} */
    this.large = null; // what the dialog shows: the path of a block, or "confusion"
    this.key = this.largeKey = ""; // what the blocks and the dialog were made for
    this.open = true;
    this.seen = false; // on the screen
    this.told = false; // that the kernel looks
    this.blocks = h("div", {class: "rf-blocks", role: "group", "aria-label": "Layers", tabindex: "0"});
    this.samples = h("div", {class: "rf-samples", role: "list", "aria-label": "Samples and what the network takes them for"});
    this.table = h("button", {type: "button", class: "rf-confusion", "aria-label": "True classes against predicted ones",
      onclick: () => this.enlarge("confusion")}, h("canvas", {"aria-hidden": "true"}), h("span"));
    this.words = h("span", {class: "rf-network-words"}, "Looking inside …");
    this.fold = h("button", {type: "button", class: "rf-fold", "aria-expanded": "true", onclick: () => this.unfold()}, "The network, now");
    this.body = h("div", {class: "rf-network-body"}, this.blocks, this.drawing.element,
      h("div", {class: "rf-part"}, h("span", {class: "rf-small"}, "ten fixed validation samples"), this.samples),
      h("div", {class: "rf-part"}, h("span", {class: "rf-small"}, "true class ↓, predicted →"), this.table));
    this.element = h("section", {class: "rf-network", "aria-label": "The network"},
      h("div", {class: "rf-network-head"}, this.fold, this.words), this.body);
    const close = h("button", {type: "button", class: "rf-close", onclick: () => this.dialog.close()}, "Close");
    this.title = h("h2", {id: `rf-title-${Math.random().toString(36).slice(2)}`});
    this.inside = h("div", {class: "rf-inside"});
    this.dialog = h("dialog", {class: "rf-dialog", "aria-labelledby": this.title.id,
      onclose: () => {
        this.large = null;
        this.send({kind: "no unit"});
      },
      onclick: (/** @type {MouseEvent} */ event) => event.target === this.dialog && this.dialog.close(),
    }, h("div", {class: "rf-dialog-body"}, h("header", {}, this.title, close), this.inside));
    this.element.append(this.dialog);
    this.watcher = new IntersectionObserver(entries => {
      this.seen = entries.some(entry => entry.isIntersecting);
      this.tell();
    });
    this.watcher.observe(this.element);
  }

  unfold() {
    this.open = !this.open;
    mark(this.fold, "aria-expanded", String(this.open));
    this.body.hidden = !this.open;
    this.tell();
  }

  /** Let the kernel look while anybody can see it. */
  tell() {
    const wanted = this.open && (this.seen || this.dialog.open);
    if (wanted !== this.told) this.send({kind: "network", shown: this.told = wanted});
  }

  /** A look has come. @param {Look} look @param {DataView} bytes */
  hear(look, bytes) {
    this.look = look;
    this.bytes = new Uint8Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
    const when = look.step ? `after step ${look.step.toLocaleString("en")}` : "before any training";
    say(this.words, `${look.model}, ${look.weights.toLocaleString("en")} weights, ${when}`);
    this.showBlocks(look);
    this.showSamples(look);
    this.showTable(look);
    this.drawing.showMistakes(look, this.part("mistakes"));
    if (this.large) this.showLarge();
  }

  /** The bytes of one kind of pictures. @param {"pictures" | "probabilities" | "filters" | "mistakes" | "unit"} kind */
  part(kind) {
    const {look} = this;
    if (!look) return new Uint8Array(0);
    let from = 0;
    for (const [name, shape] of Object.entries({pictures: look.pictures, probabilities: look.probabilities, filters: look.filters,
      mistakes: look.mistakes.shape, unit: look.unit?.shape ?? []})) {
      const size = shape.length ? shape.reduce((a, b) => a * b, 1) : 0;
      if (name === kind) return this.bytes.subarray(from, from + size);
      from += size;
    }
    return new Uint8Array(0);
  }

  // --- blocks ------------------------------------------------------------------------------------

  /** @param {Look} look */
  showBlocks(look) {
    const key = look.blocks.map(block => block.path + block.title + block.rest).join();
    if (key !== this.key) {
      this.key = key;
      this.blocks.replaceChildren(...look.blocks.flatMap((block, i) => {
        const button = h("button", {type: "button", class: "rf-block", "data-path": block.path, onclick: () => this.enlarge(block.path)},
          h("b", {}, block.title), h("span", {class: "rf-small"}, block.rest || "output"),
          ...[["activations"], ["gradients"]].map(([kind]) =>
            h("span", {class: "rf-row"}, h("i", {}, kind), h("canvas", {class: `rf-${kind}`, "aria-hidden": "true"}))),
          h("span", {class: "rf-row"}, h("i", {}, "update"), h("span", {class: "rf-update",
            title: "The size of an update beside the weights. Green: the usual range"}, h("s"), h("em"))),
          h("span", {class: "rf-numbers", title: "Dead: units that are off for every sample"}), h("span", {class: "rf-hidden"}));
        if (i === 0 && look.filters.length) button.append(h("canvas", {class: "rf-filters", "aria-hidden": "true"}));
        return i ? [h("span", {class: "rf-arrow", "aria-hidden": "true"}, "→"), button] : [button];
      }));
    }
    look.blocks.forEach(block => {
      const button = /** @type {HTMLElement} */ (this.blocks.querySelector(`[data-path="${CSS.escape(block.path)}"]`));
      const canvas = (/** @type {string} */ name) => /** @type {HTMLCanvasElement} */ (button.querySelector(name));
      this.histogram(canvas(".rf-activations"), block.activations ?? [], "train");
      this.histogram(canvas(".rf-gradients"), block.gradients, "val");
      this.gauge(/** @type {HTMLElement} */ (button.querySelector(".rf-update")), block.update, look.usual);
      const numbers = /** @type {HTMLElement} */ (button.querySelector(".rf-numbers"));
      say(numbers, [block.update !== null && `update ${plain(block.update)}`,
        block.dead !== null && block.dead !== undefined && `dead ${roughly(block.dead)}`].filter(Boolean).join(" · ") || " ");
      numbers.classList.toggle("rf-bad", (block.dead ?? 0) > 0.5);
      const filters = canvas(".rf-filters");
      if (filters) paint(filters, this.part("filters"), look.filters, Math.min(FILTERS_SHOWN, look.filters[0]), 8);
      const said = facts(block).map(([name, value]) => `${name} ${value}`).join(", ");
      say(/** @type {HTMLElement} */ (button.querySelector(".rf-hidden")), `${said}. Open large.`);
    });
  }

  /** Bars of counts. @param {HTMLCanvasElement} canvas @param {Counts} counts @param {string} role */
  histogram(canvas, counts, role) {
    const pen = fitted(canvas), {clientWidth: wide, clientHeight: high} = canvas;
    if (!pen) return;
    pen.clearRect(0, 0, wide, high);
    pen.fillStyle = this.colour("grid");
    pen.fillRect(0, high - 1, wide, 1);
    if (counts.length !== 3) return;
    const [low, top, bars] = counts, each = wide / bars.length;
    if (low < 0 && top > 0) pen.fillRect(Math.round(wide * -low / (top - low)), 0, 1, high);
    pen.fillStyle = this.colour(role);
    // the square root: a bar of zeros, as a ReLU makes, must not hide all others
    bars.forEach((bar, i) => {
      const size = Math.sqrt(bar / SHARES) * (high - 1);
      pen.fillRect(i * each, high - 1 - size, Math.max(1, each - 0.5), size);
    });
  }

  /** Where an update's size lies from 1e-6 to 1, and what is usual.
   * @param {HTMLElement} gauge @param {number | null} update @param {number} usual */
  gauge(gauge, update, usual) {
    const place = (/** @type {number} */ value) => Math.min(100, Math.max(0, 100 * (Math.log10(value) + 6) / 6));
    const [zone, needle] = /** @type {HTMLCollectionOf<HTMLElement>} */ (gauge.children);
    zone.style.left = `${place(usual / 10)}%`;
    zone.style.width = `${place(usual * 10) - place(usual / 10)}%`;
    needle.style.left = `${place(update || 1e-9)}%`;
    needle.style.visibility = update ? "visible" : "hidden";
  }

  // --- samples and mistakes ----------------------------------------------------------------------

  /** @param {Look} look */
  showSamples(look) {
    const [count, classes] = look.probabilities, shares = this.part("probabilities"), pictures = this.part("pictures");
    while (this.samples.children.length < count) {
      this.samples.append(h("div", {class: "rf-sample", role: "listitem"}, h("canvas", {class: "rf-picture", "aria-hidden": "true"}),
        h("canvas", {class: "rf-bars", "aria-hidden": "true"}), h("span", {class: "rf-guess"})));
    }
    [...this.samples.children].forEach((tile, n) => {
      /** @type {HTMLElement} */ (tile).hidden = n >= count;
      if (n >= count) return;
      const [picture, bars, guess] = tile.children, own = Array.from(shares.subarray(n * classes, (n + 1) * classes));
      const taken = own.indexOf(Math.max(...own)), right = taken === look.labels[n];
      if (look.pictures.length) {
        const size = look.pictures[1] * look.pictures[2] * look.pictures[3];
        paint(/** @type {HTMLCanvasElement} */ (picture), pictures.subarray(n * size, (n + 1) * size), look.pictures, 1, 1);
      }
      /** @type {HTMLElement} */ (picture).hidden = !look.pictures.length;
      const pen = fitted(/** @type {HTMLCanvasElement} */ (bars)), {clientWidth: wide, clientHeight: high} = bars;
      if (pen) {
        pen.clearRect(0, 0, wide, high);
        pen.fillStyle = this.colour("grid");
        pen.fillRect(0, high - 1, wide, 1);
        own.forEach((share, k) => {
          pen.fillStyle = this.colour(k === look.labels[n] ? "train" : k === taken ? "val" : "soft");
          pen.fillRect(k * wide / classes, high - share / SHARES * high, Math.max(1, wide / classes - 1), share / SHARES * high);
        });
      }
      const text = `${look.classes[taken]} · ${roughly(own[taken] / SHARES)}`;
      const long = look.classes[taken].length > 2; // then there is room for its name alone
      const said = long ? look.classes[taken] : text;
      say(guess, right ? said : `✗ ${said}`);
      tile.classList.toggle("rf-wrong", !right);
      mark(tile, "aria-label", right ? `${text}, right` : `${text}, wrong: it is ${look.classes[look.labels[n]]}`);
    });
  }

  /** @param {Look} look */
  showTable(look) {
    const canvas = /** @type {HTMLCanvasElement} */ (this.table.firstElementChild), pen = fitted(canvas), many = look.confusion.length;
    if (!pen) return;
    const {clientWidth: wide, clientHeight: high} = canvas;
    pen.clearRect(0, 0, wide, high);
    const x = (/** @type {number} */ i) => Math.round(i * wide / many), y = (/** @type {number} */ i) => Math.round(i * high / many);
    look.confusion.forEach((row, label) => {
      const sum = Math.max(1, row.reduce((a, b) => a + b, 0));
      row.forEach((count, taken) => {
        pen.globalAlpha = count ? 0.15 + 0.85 * Math.sqrt(count / sum) : 1;
        pen.fillStyle = this.colour(!count ? "cell" : label === taken ? "train" : "val");
        pen.fillRect(x(taken), y(label), x(taken + 1) - x(taken) - 1, y(label + 1) - y(label) - 1);
      });
    });
    pen.globalAlpha = 1;
    const worst = mistakes(look)[0];
    const text = worst ? `mostly ${look.classes[worst.label]} taken for ${look.classes[worst.taken]} (${worst.count})` : "no mistake";
    say(/** @type {Element} */ (this.table.lastElementChild), text);
    mark(this.table, "aria-label", `True classes against predicted ones: ${text}. Open large.`);
  }

  // --- large -------------------------------------------------------------------------------------

  /** @param {string} what the path of a block, or "confusion" */
  enlarge(what) {
    this.large = what;
    this.largeKey = "";
    this.dialog.showModal();
    this.showLarge();
  }

  showLarge() {
    const {look} = this;
    if (!look) return;
    if (this.large === "confusion") {
      say(this.title, `Which class is taken for which: ${look.samples} validation samples`);
      const cell = (/** @type {number} */ count, /** @type {boolean} */ right) =>
        h("td", {class: count ? right ? "rf-right" : "rf-mistake" : ""}, count ? String(count) : "");
      const place = {class: "rf-scroll", tabindex: "0", role: "group", "aria-label": "Table"};
      const worst = mistakes(look).slice(0, 5).map(one => `${look.classes[one.label]} taken for ${look.classes[one.taken]} (${one.count})`);
      this.inside.replaceChildren(h("div", place, h("table", {class: "rf-counts"},
        h("tr", {}, h("th", {scope: "col"}, "true ↓  predicted →"), ...look.classes.map(name => h("th", {scope: "col"}, name))),
        ...look.confusion.map((row, label) => h("tr", {}, h("th", {scope: "row"}, look.classes[label]),
          ...row.map((count, taken) => cell(count, label === taken)))))),
      h("p", {}, `Commonest mistakes: ${worst.join(", ") || "none"}.`));
      return;
    }
    const block = look.blocks.find(one => one.path === this.large);
    if (!block) return;
    say(this.title, `${block.title}${block.rest ? `, then ${block.rest}` : ""}`);
    if (this.largeKey !== block.path) {
      this.largeKey = block.path;
      this.inside.replaceChildren(
        ...[["activations", `what it hands on (${block.of ?? "output"})`], ["gradients", "gradient of its weights, newest batch"]]
          .map(([kind, text]) => h("figure", {}, h("figcaption", {}, text), h("canvas", {class: `rf-${kind}`, "aria-hidden": "true"}),
            h("span", {class: "rf-ends"}, h("span"), h("span")))),
        h("table", {}), this.unit.element);
      this.unit.choose(block.path, 0);
    }
    for (const [kind, role] of [["activations", "train"], ["gradients", "val"]]) {
      const canvas = /** @type {HTMLCanvasElement} */ (this.inside.querySelector(`.rf-${kind}`));
      const counts = kind === "activations" ? block.activations ?? [] : block.gradients;
      this.histogram(canvas, counts, role);
      const [low, high] = /** @type {HTMLElement} */ (canvas.nextElementSibling).children;
      say(low, counts.length ? plain(counts[0]) : "");
      say(high, counts.length ? plain(counts[1]) : "");
    }
    this.inside.querySelector("table")?.replaceChildren(...facts(block).map(([name, value]) =>
      h("tr", {}, h("th", {scope: "row"}, name), h("td", {}, value))));
    const first = block === look.blocks[0];
    this.unit.show(look, this.part("unit"), first ? this.part("filters") : new Uint8Array(0));
  }

  remove() {
    this.watcher.disconnect();
    if (this.told) this.send({kind: "network", shown: this.told = false});
  }
}

/** What is known of a block, in words. @param {Block} block @returns {[string, string][]} */
function facts(block) {
  const known = /** @type {[string, string | false][]} */ ([
    ["in the code", inCode(block.path)],
    ["weights", block.weights.toLocaleString("en")],
    ["activations, mean", number(block.mean)],
    ["activations, spread", number(block.std)],
    ["dead units", block.dead !== null && block.dead !== undefined && roughly(block.dead)],
    ["saturated values", block.saturated !== null && block.saturated !== undefined && roughly(block.saturated)],
    ["gradient, norm", number(block.gradient)],
    ["update, share of the weights", block.update !== null && plain(block.update)],
  ]);
  return /** @type {[string, string][]} */ (known.filter(([, value]) => value));
}

/** A layer as code reaches it: model.stages[0]. @param {string} path */
function inCode(path) {
  return path.split(".").reduce((all, part) => all + (/^\d/.test(part) ? `[${part}]` : part && `.${part}`), "model");
}

/** @param {number | null | undefined} value */
function number(value) {
  return value !== null && value !== undefined && plain(value);
}

/** A probability or a share of units. @param {number} share */
function roughly(share) {
  return `${Math.round(100 * share)}%`;
}

/** The mistakes, the commonest first. @param {Look} look */
function mistakes(look) {
  return look.confusion.flatMap((row, label) => row.map((count, taken) => ({label, taken, count})))
    .filter(one => one.count && one.label !== one.taken).sort((a, b) => b.count - a.count);
}
