// One look at the whole network, for the front end: its blocks in numbers, some samples, the mistakes.
import {CHUNK} from "./layers.js";

const SAMPLES = 256, BINS = 40, COUNTED = 20_000;
const MOST_FILTERS = 32, MOST_SAMPLES = 10, MOST_MISTAKES = 5, MOST_EXCITING = 9;
const USUAL_UPDATE = 1e-3; // of a weight's size (Karpathy, CS231n)
const BOUNDED = {Sigmoid: [0.03, 0.97], Tanh: [-0.97, 0.97]}; // beyond these the slope is next to nothing

/** [low, high, counts as shares of the largest in 255ths] of some of the values; [] where none is a number. @param {ArrayLike<number>} values */
function counts(values) {
  const every = Math.max(1, Math.floor(values.length / COUNTED)), some = [];
  for (let i = 0; i < values.length; i += every) if (Number.isFinite(values[i])) some.push(values[i]);
  if (!some.length) return [];
  const sorted = Float32Array.from(some).sort(), out = Math.floor(some.length / 1000);
  const low = sorted[out], high = sorted[sorted.length - 1 - out], bars = Array(BINS).fill(0);
  for (const value of sorted) {
    if (value >= low && value <= high) bars[Math.min(BINS - 1, Math.floor(BINS * (value - low) / (high - low || 1)))] += 1;
  }
  const most = Math.max(1, ...bars);
  return [short(low), short(high), bars.map(bar => Math.floor(255 * bar / most))];
}

/** @param {number} value */
function short(value) {
  return Number.isFinite(value) ? Number(value.toPrecision(4)) : null; // JSON has no NaN
}

/** Each weighted layer, the layers up to the next one, and the one whose output the block hands on. */
function blocks(network) {
  const places = network.weighted.map(layer => network.layers.indexOf(layer));
  return places.map((place, number) => {
    const followers = network.layers.slice(place + 1, places[number + 1] ?? network.layers.length)
      .sort((a, b) => Number(a.path) - Number(b.path));
    return {layer: network.layers[place], followers, shown: followers.find(one => one.row) ?? network.layers[place]};
  });
}

/** Look at a run's network as it stands. @param {import("./training.js").Training} training @param {{path: string, number: number} | null} unit
 * @returns {{facts: any, bytes: Uint8Array}} */
export function lookAt(training, unit) {
  const {network, data} = training, {validation, shape, classes} = data, size = network.input.size;
  const found = blocks(network), outputs = found.map(() => []), all = Math.min(SAMPLES, validation.count), shares = [];
  const rows = Int32Array.from({length: all}, (_, i) => i);
  // before the samples go through, as the gradients of the newest batch are still there
  const gradients = found.map(({layer}) => layer.weightGradient.view);
  for (let from = 0; from < all; from += CHUNK) {
    const n = Math.min(CHUNK, all - from);
    training.fill(validation, rows, n, from);
    network.forward(n, false);
    found.forEach(({shown}, number) => outputs[number].push(shown.out.view.slice(0, n * shown.size)));
    shares.push(...network.probabilities(n));
  }
  const parts = [], labels = validation.y.subarray(0, all), many = classes.length;
  const taken = Array.from(labels, (_, i) => largest(shares, i * many, many));
  const confusion = classes.map(() => Array(many).fill(0));
  labels.forEach((label, i) => confusion[label][taken[i]] += 1);
  const pictures = chosen => {
    parts.push(...chosen.map(row => validation.x.subarray(row * size, (row + 1) * size)));
    return chosen.length ? [chosen.length, 1, shape[0], shape[1]] : [];
  };
  const facts = {
    step: training.step, samples: all, classes, weights: network.parameters.length, model: training.settings.model, usual: USUAL_UPDATE,
    blocks: found.map((block, number) => blockFacts(block, outputs[number], gradients[number],
      training.moved?.[number] ?? null, training.step)),
    right: labels.reduce((sum, label, i) => sum + (label === taken[i] ? 1 : 0), 0) / all,
    confusion, labels: Array.from(labels.subarray(0, MOST_SAMPLES)),
  };
  facts.pictures = pictures([...rows.subarray(0, MOST_SAMPLES)]);
  parts.push(Uint8Array.from(shares.slice(0, MOST_SAMPLES * many), share => Math.round(255 * (share || 0))));
  facts.probabilities = [MOST_SAMPLES, many];
  facts.filters = filters(network, shape, parts);
  const sure = i => shares[i * many + taken[i]];
  const wrong = [...rows].filter(i => taken[i] !== labels[i]).sort((a, b) => sure(b) - sure(a)).slice(0, MOST_MISTAKES);
  facts.mistakes = {shape: pictures(wrong), told: wrong.map(i => [labels[i], taken[i], Math.round(100 * sure(i))])};
  const number = unit ? found.findIndex(({layer}) => layer.path === unit.path) : -1;
  facts.unit = number < 0 ? null : unitFacts(found[number].shown, outputs[number], unit, labels, many, pictures);
  return {facts, bytes: joined(parts)};
}

function blockFacts({layer, followers, shown}, outputs, gradient, moved, step) {
  const values = joinedFloats(outputs), {size} = shown, units = shown.shape.at(-1);
  let sum = 0, squares = 0, saturated = 0;
  const on = new Uint8Array(units), bounds = BOUNDED[shown.name];
  for (let i = 0; i < values.length; i++) {
    sum += values[i];
    squares += values[i] ** 2;
    if (values[i] > 0) on[i % size % units] = 1;
    if (bounds && (values[i] < bounds[0] || values[i] > bounds[1])) saturated += 1;
  }
  const mean = sum / values.length, rest = followers.filter(one => !(one.name === "Identity" || (one.name === "Dropout" && !one.p)));
  return {
    path: layer.path, title: layer.title, rest: rest.map(one => one.name).join(" · "), weights: layer.parameters,
    gradient: step ? short(Math.sqrt(gradient.reduce((total, value) => total + value * value, 0))) : null,
    update: moved === null ? null : short(moved), gradients: step ? counts(gradient) : [],
    mean: short(mean), std: short(Math.sqrt(Math.max(0, squares / values.length - mean * mean))),
    dead: shown.name === "ReLU" ? on.reduce((total, one) => total + 1 - one, 0) / units : null,
    saturated: bounds ? saturated / values.length : null, of: shown.name, activations: counts(values),
  };
}

/** The samples that excite a unit most (of a filter, by the mean over the picture), and its mean value by class. */
function unitFacts(shown, outputs, {path, number}, labels, many, pictures) {
  const values = joinedFloats(outputs), units = shown.shape.at(-1), pixels = shown.size / units, chosen = Math.min(Math.max(0, number), units - 1);
  const each = Array.from(labels, (_, i) => {
    let sum = 0;
    for (let p = 0; p < pixels; p++) sum += values[i * shown.size + p * units + chosen];
    return sum / pixels || 0;
  });
  const rows = [...each.keys()].sort((a, b) => each[b] - each[a]).slice(0, MOST_EXCITING);
  const means = Array.from({length: many}, (_, label) => {
    const own = each.filter((_, i) => labels[i] === label);
    return short(own.reduce((a, b) => a + b, 0) / (own.length || 1));
  });
  return {path, number: chosen, units, means, values: rows.map(row => short(each[row])), labels: rows.map(row => labels[row]),
    shape: pictures(rows)};
}

/** The first layer's weights as pictures, each stretched from its lowest to its highest; their shape (F,1,h,w). */
function filters(network, shape, parts) {
  const [layer] = network.weighted, {inputs, outputs} = layer, shown = Math.min(MOST_FILTERS, outputs);
  const side = layer.k ? [layer.k, layer.k] : shape.slice(0, 2);
  for (let unit = 0; unit < shown; unit++) {
    const own = Float32Array.from({length: inputs}, (_, i) => layer.weight.view[i * outputs + unit]);
    const low = own.reduce((a, b) => Math.min(a, b)), spread = own.reduce((a, b) => Math.max(a, b)) - low || 1e-12;
    parts.push(Uint8Array.from(own, value => Math.round(255 * (value - low) / spread) || 0));
  }
  return [shown, 1, ...side];
}

function largest(values, from, many) {
  let best = 0;
  for (let k = 1; k < many; k++) if (values[from + k] > values[from + best]) best = k;
  return best;
}

function joined(parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let from = 0;
  for (const part of parts) {
    all.set(part, from);
    from += part.length;
  }
  return all;
}

function joinedFloats(parts) {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let from = 0;
  for (const part of parts) {
    all.set(part, from);
    from += part.length;
  }
  return all;
}
