// What the page says of a run: the sentences of the live panel.
export {percent, plain} from "../../../recipe_widgets/panels/front/scale.js";

export const ALWAYS_TOLD = ["lr", "batch_size", "dropout", "momentum"];
const LABELS = {lr: "learning rate", batch_size: "batch size", weight_decay: "weight decay", max_steps: "steps"};
const COUNTS = ["batch_size", "max_steps", "width", "depth", "seed"];

/** @param {unknown} value */
export function numberWords(value) {
  return typeof value === "number" ? String(Number(value.toPrecision(6))) : String(value);
}

/** For example "learning rate 0.05". @param {string} name @param {unknown} value */
export function valueWords(name, value) {
  return `${LABELS[name] ?? name} ${COUNTS.includes(name) ? value : numberWords(value)}`;
}

/** Names of the knobs that differ. */
export function differing(one, other) {
  return Object.keys(one).filter(name => one[name] !== other[name]);
}

/** Where `settings` stands on the knobs in which it differs from `other`. */
export function knobWords(settings, other) {
  return differing(settings, other).map(name => valueWords(name, settings[name])).join(", ");
}

/** The recipe's four knobs, and which others differ from `base`. */
export function settingsWords(settings, base) {
  const more = differing(settings, base).filter(name => !ALWAYS_TOLD.includes(name));
  return [...ALWAYS_TOLD, ...more].map(name => valueWords(name, settings[name])).join(", ");
}

/** For example "learning rate 0.05 → 0.16". */
export function changedWords(now, then) {
  return differing(now, then).map(name =>
    `${LABELS[name] ?? name} ${numberWords(then[name])} → ${numberWords(now[name])}`).join("; ");
}

/** @param {number} seconds */
export function secondsWords(seconds) {
  return seconds < 10 ? `${seconds.toFixed(1)} s` : seconds < 120 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}

/** @param {number} count */
export function grouped(count) {
  return count.toLocaleString("en");
}
