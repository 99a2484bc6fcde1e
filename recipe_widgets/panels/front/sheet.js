// Panels besides the live one: their sliders, menus and buttons have names, and say at once what was asked for.
import {Controls} from "./controls.js";
import {h, mark, say} from "./dom.js";

const SOON = 700; // ms: what takes no longer is not read out

/** Those of a live panel, and sliders with two handles. Here the kernel computes while the page waits. */
class SheetControls extends Controls {
  /** @param {string} what */
  ask(what) {
    super.ask(what);
    clearTimeout(this.later);
    this.later = window.setTimeout(() => this.speak(`${what}: computing`), SOON);
  }

  improve() {
    super.improve();
    for (const handle of this.root.querySelectorAll(".noUi-handle-upper")) {
      const label = handle.closest(".widget-hslider")?.querySelector(".widget-label")?.textContent?.trim() ?? "";
      mark(handle, "aria-label", `${label}, highest`);
    }
  }
}

export default {
  /** @param {{model: {on: Function, off: Function, send: (message: any) => void}, el: HTMLElement}} here */
  render({model, el}) {
    const spoken = h("span", {class: "rf-hidden", role: "status"});
    /** @type {SheetControls | undefined} */
    let controls;
    let frame = 0;
    const heard = (/** @type {{number: number}} */ message) => controls?.heard(message.number);
    const begin = () => {
      const root = /** @type {HTMLElement | null} */ (el.closest(".recipe-sheet"));
      if (!root) { // not on the page yet
        frame = requestAnimationFrame(begin);
        return;
      }
      controls = new SheetControls(root, message => model.send(message), text => say(spoken, text));
      el.append(controls.asked, spoken);
    };
    model.on("msg:custom", heard);
    begin();
    return () => {
      cancelAnimationFrame(frame);
      model.off("msg:custom", heard);
      controls?.remove();
    };
  },
};
