// The page that trains: sliders and menus around the live panel's front end, whose kernel is a worker.
import front from "../../../recipe_widgets/panels/front/front.js";
import {h, mark, say} from "../../../recipe_widgets/panels/front/dom.js";

/** @typedef {{name: string, label: string, help: string, choices?: string[], stops?: number[], texts?: string[], group: string}} Knob */

const {knobs, settings: first, data} = JSON.parse(document.getElementById("play-facts").textContent);
const WITHOUT_EFFECT = {linear: ["width", "depth", "activation", "dropout"]}; // knobs of a model
const MODES = {restart: "begin anew, from the same seed", continue: "go on with it", fork: "let old and new go on side by side"};
const BUTTONS = {run: "Run", pause: "Pause", stop: "Stop", reset: "Reset"};

/** The front end's other side: what it sends goes to the worker. */
class Model {
  constructor(worker) {
    this.worker = worker;
    this.calls = new Set();
    worker.addEventListener("message", ({data: {message, buffers, problem}}) => {
      if (problem) say(document.getElementById("play-problem"), problem);
      else for (const call of this.calls) call(message, buffers.map(buffer => new DataView(buffer)));
    });
    worker.addEventListener("error", event => say(document.getElementById("play-problem"),
      `The training has ended by a fault of this page: ${event.message}. Load it again.`));
  }

  send(content, _, buffers = []) {
    this.worker.postMessage({content, buffers}, buffers);
  }

  on(_, call) {
    this.calls.add(call);
  }

  off(_, call) {
    this.calls.delete(call);
  }
}

class Panel {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.settings = {...first};
    this.mode = "restart";
    this.fields = {};
    const worker = new Worker(new URL("worker.js", import.meta.url), {type: "module"});
    this.model = new Model(worker);
    worker.postMessage({start: {data, settings: this.settings, base: new URL(".", import.meta.url).href,
      stops: Object.fromEntries(knobs.filter(knob => knob.stops).map(({name, stops}) => [name, stops]))}});
    this.model.on("", message => message.kind === "frame" && message.facts.phase && this.enter(message.facts.phase));
    this.buttons = Object.fromEntries(Object.entries(BUTTONS).map(([action, text]) =>
      [action, h("button", {type: "button", class: "jupyter-button", onclick: () => this.press(action)}, text)]));
    this.modes = Object.entries(MODES).map(([mode, help]) =>
      h("button", {type: "button", class: "jupyter-button", title: help, onclick: () => this.choose(mode)}, mode));
    const groups = new Map();
    for (const knob of knobs) groups.set(knob.group, [...groups.get(knob.group) ?? [], this.field(knob)]);
    const [shown, ...folded] = [...groups];
    const element = h("div");
    root.append(h("div", {class: "recipe-panel"},
      h("div", {class: "recipe-bar"}, ...Object.values(this.buttons), h("span", {class: "widget-toggle-buttons"},
        h("span", {class: "widget-label"}, "When a knob moves:"), ...this.modes)),
      h("div", {class: "recipe-knobs"}, ...shown[1], h("details", {class: "play-more"}, h("summary", {}, "More knobs"),
        ...folded.map(([title, fields]) => h("fieldset", {}, h("legend", {}, title), ...fields)))),
      element));
    this.choose(this.mode);
    this.enter("idle");
    this.enable();
    front.render({model: this.model, el: element});
  }

  /** @param {Knob} knob */
  field({name, label, help, choices, stops, texts}) {
    const id = `knob-${name}`, caption = h("label", {class: "widget-label", for: id}, label);
    if (choices) {
      const menu = h("select", {id, onchange: () => this.move(name, menu.value)},
        ...choices.map(choice => h("option", {value: choice}, choice)));
      menu.value = first[name];
      this.fields[name] = {input: menu, show: value => menu.value = value};
      return h("div", {class: `widget-dropdown recipe-knob-${name}`, title: help}, caption, menu);
    }
    const readout = h("output", {class: "widget-readout", for: id});
    const move = () => this.move(name, stops[Number(slider.value)]);
    const slider = h("input", {id, type: "range", min: 0, max: stops.length - 1, step: 1, onchange: move, oninput: () => {
      tell();
      if (this.mode !== "fork") move(); // two branches are compared: one fork a drag, where it is let go
    }});
    const tell = () => {
      say(readout, texts[Number(slider.value)]);
      mark(slider, "aria-valuetext", texts[Number(slider.value)]);
    };
    const show = value => {
      slider.value = String(stops.indexOf(value));
      tell();
    };
    show(first[name]);
    this.fields[name] = {input: slider, show};
    return h("div", {class: `widget-hslider recipe-knob-${name}`, title: help}, caption,
      h("div", {class: "slider-container"}, h("div", {class: "noUi-base"}, slider)), readout);
  }

  move(name, value) {
    if (this.settings[name] === value) return;
    this.settings = {...this.settings, [name]: value};
    this.enable();
    this.order(this.mode);
  }

  order(action) {
    this.model.send({kind: "order", action, settings: this.settings});
  }

  press(action) {
    if (action === "reset") {
      this.settings = {...first};
      for (const [name, {show}] of Object.entries(this.fields)) show(first[name]);
      this.enable();
    }
    this.order(action === "run" ? "resume" : action);
  }

  choose(mode) {
    this.mode = mode;
    for (const button of this.modes) button.classList.toggle("mod-active", button.textContent === mode);
  }

  /** A knob may take the effect from another. */
  enable() {
    const idle = WITHOUT_EFFECT[this.settings.model] ?? [];
    for (const [name, {input}] of Object.entries(this.fields)) input.disabled = idle.includes(name);
  }

  /** @param {string} phase of the session */
  enter(phase) {
    this.buttons.pause.disabled = phase !== "running";
    this.buttons.stop.disabled = phase !== "running" && phase !== "paused";
    say(this.buttons.run, phase === "paused" ? "Resume" : "Run");
  }
}

new Panel(document.getElementById("play"));
// the second visit needs no network
addEventListener("load", () => navigator.serviceWorker?.register(new URL("offline.js", import.meta.url)).catch(() => {}));
