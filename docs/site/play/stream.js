// What the front end is told of a session: plain values that have changed, and new points of the curves as float32.
import * as words from "./words.js";

const COLUMNS = ["train_loss", "val_loss", "train_accuracy", "val_accuracy"];
const FIRST_POINTS = 1000, NEW_POINTS = 240; // of one curve in a message
const NOTHING = "–", GUESSING = Math.log(10); // nats: the loss of guessing
const HANGS = 0.33; // of that loss: above it much is missing
const TWO_ERRORS = 1.96;
const LAST_LOSSES = 30; // whose median is the training loss of now

export class Stream {
  /** @param {import("./session.js").Session} session */
  constructor(session) {
    this.session = session;
    this.facts = {}; // as JSON, as the page knows them
    this.told = new Map(); // run -> {key, counts}
    this.keys = 0;
    this.bands = "";
  }

  /** @param {boolean} anew for a page that knows nothing yet @returns {{facts: any, bytes: Uint8Array}} */
  news(anew) {
    if (anew) Object.assign(this, {facts: {}, told: new Map(), bands: "-"});
    const shown = this.inPicture(), numbers = [], points = [];
    this.told = new Map(shown.map(({run}) => [run, this.told.get(run) ?? {key: ++this.keys, counts: {}}]));
    for (const {run} of shown) this.addPoints(run, points, numbers);
    const now = this.now(shown), facts = anew ? {anew: true} : {};
    for (const [name, value] of Object.entries(now)) {
      const text = JSON.stringify(value);
      if (this.facts[name] !== text) facts[name] = value;
      this.facts[name] = text;
    }
    if (points.length) facts.points = points;
    const bands = this.guessed(), key = JSON.stringify(bands);
    if (key !== this.bands) {
      this.bands = key;
      facts.bands = bands.map(({label, chart, x}) => [label, "guess", chart, x.length]);
      for (const {x, y} of bands) numbers.push(x, y, y, y);
    }
    return {facts, bytes: new Uint8Array(Float32Array.from(numbers.flat()).buffer)};
  }

  addPoints(run, points, numbers) {
    const {key, counts} = this.told.get(run);
    for (const name of COLUMNS) {
      const {x, y} = run.columns[name], known = counts[name] ?? 0, fresh = [];
      for (let i = known; i < x.length; i++) if (Number.isFinite(y[i])) fresh.push(i);
      counts[name] = x.length;
      if (!fresh.length) continue;
      const every = Math.ceil(fresh.length / (known ? NEW_POINTS : FIRST_POINTS)), steps = [], values = [];
      for (let i = 0; i < fresh.length; i += every) { // means of neighbours where there are too many
        const group = fresh.slice(i, i + every);
        steps.push(group.reduce((sum, at) => sum + x[at], 0) / group.length);
        values.push(group.reduce((sum, at) => sum + y[at], 0) / group.length);
      }
      points.push([key, name, steps.length]);
      numbers.push(steps, values);
    }
  }

  /** The runs that are drawn, the newest last. */
  inPicture() {
    const {run, other, over} = this.session, ghost = over.at(-1);
    const found = over.filter(one => one.pinned).map(one => ({run: one, part: "pinned", label: `run ${one.number}`}));
    if (ghost && !ghost.pinned) {
      const differs = run ? words.knobWords(ghost.settings, run.settings) : "";
      found.push({run: ghost, part: "ghost", label: differs ? `before: ${differs}` : "run before"});
    }
    if (other && run) {
      found.push({run: other, part: "other", label: `old: ${words.knobWords(other.settings, run.settings) || "the same settings"}`});
      found.push({run, part: "new", label: `new: ${words.knobWords(run.settings, other.settings) || "the same settings"}`});
    } else if (run) found.push({run, part: "new", label: ""});
    return found;
  }

  guessed() {
    const {guess} = this.session;
    if (!guess) return [];
    const share = guess.column.endsWith("accuracy") ? 100 : 1;
    return [{label: "your guess", chart: share === 100 ? "accuracy" : "loss", x: guess.steps, y: guess.values.map(value => share * value)}];
  }

  /** All plain values as they stand. */
  now(shown) {
    const {session} = this, {run, journey} = session, before = this.before();
    return {
      words: this.words(), diagnosis: diagnosis(run, before), status: this.status(), phase: session.phase, step: run?.steps ?? 0,
      moment: journey ? journey.step : null, replayed: journey ? Math.round(100 * journey.share) / 100 : 1, waits: false,
      tiles: this.tiles(before), list: this.list(shown), was: this.was(before),
      runs: shown.map(({run: one, part, label}) => ({key: this.told.get(one).key, part, label, number: one.number, flags: this.flags(one),
        fork: session.other && part === "new" ? one.atStep : 0})),
      can: {visit: true, network: true, draw: true, foresight: false}, planned: session.settings.max_steps, guessed: session.guess !== null,
      opinion: session.opinion(), described: this.described(shown),
    };
  }

  before() {
    return this.session.other ?? this.session.over.at(-1) ?? null;
  }

  // --- words -------------------------------------------------------------------------------------

  words() {
    const {session} = this, {run, journey, phase, settings, first, note, data} = session;
    if (journey && !journey.arrived) return `Going back to step ${words.grouped(journey.step)}: ${Math.round(100 * journey.share)}% done.`;
    if (!run) return `Press Run, or move a slider. Set: ${words.settingsWords(settings, settings)}.`;
    if (journey) {
      return `Looking at step ${words.grouped(journey.step)} of ${words.grouped(run.steps)}. ` +
        "From here a new run can go on, with the knobs as they stand now.";
    }
    const head = {running: "Training", paused: "Paused"}[phase] ?? run.status[0].toUpperCase() + run.status.slice(1);
    const text = `${head} with ${words.settingsWords(run.settings, first)}.`;
    if (run.status === "diverged") return [text, note, run.message].filter(Boolean).join(" ");
    const perEpoch = Math.max(1, Math.floor(data.train.count / Math.min(run.settings.batch_size, data.train.count)));
    const progress = `Step ${words.grouped(run.steps)} of ${words.grouped(run.settings.max_steps)}, ` +
      `epoch ${(run.steps / perEpoch).toFixed(2)} of ${(run.settings.max_steps / perEpoch).toFixed(2)}.`;
    const accuracy = run.value("val_accuracy");
    const score = accuracy === undefined ? "" : `Validation accuracy ${words.percent(accuracy)} (${words.grouped(data.validation.count)} samples).`;
    return [text, note, progress, score, run.message, this.cause()].filter(Boolean).join(" ");
  }

  /** What makes two branches differ. */
  cause() {
    const {run, other} = this.session;
    if (!run || !other) return "";
    const names = words.differing(run.settings, other.settings), step = words.grouped(run.atStep);
    if (!names.length) return `Forked after step ${step}: nothing differs, so both go on to the same numbers.`;
    const causes = names.length > 1 ? `${names.length} causes, which cannot be told apart` : "One cause";
    const batches = names.includes("batch_size") ? ["", " The batches then differ, too."] : [", and the batches", ""];
    return `Forked after step ${step}. ${causes}: ${words.changedWords(run.settings, other.settings)}. ` +
      `Equal: weights, optimiser state and random numbers${batches[0]}.${batches[1]}`;
  }

  status() {
    const {train, validation} = this.session.data;
    return `Trains in this page, on ${words.grouped(train.count)} digits of MNIST; ${words.grouped(validation.count)} others are for validation.`;
  }

  tiles(before) {
    const {run, journey, rate, phase} = this.session, at = journey ? journey.step : run?.steps ?? 0;
    const value = (name, one = run) => one?.value(name, at);
    const accuracy = value("val_accuracy"), loss = value("val_loss");
    const batch = at ? median(run.columns.train_loss.y.slice(0, at).slice(-LAST_LOSSES)) : undefined;
    const then = before && at ? value("val_accuracy", before) : undefined;
    const when = before && before === this.session.other ? "old settings" : before && at > before.steps ? "its end before" : "run before";
    const tiles = [["validation accuracy", accuracy === undefined ? NOTHING : words.percent(accuracy),
      then === undefined ? "" : `${when}: ${words.percent(then)}`]];
    if (loss === undefined) tiles.push(["training loss", batch === undefined ? NOTHING : words.plain(batch), ""]);
    else tiles.push(["validation loss", words.plain(loss), batch === undefined ? "" : `training loss: ${words.plain(batch)}`]);
    if (!rate.value || !run) tiles.push(["speed", NOTHING, ""]);
    else {
      tiles.push(["images per second", words.grouped(Math.round(rate.value * run.settings.batch_size)),
        `${rate.value >= 10 ? Math.round(rate.value) : rate.value.toFixed(1)} steps/s`]);
    }
    const note = run ? `step ${words.grouped(at)} of ${words.grouped(run.settings.max_steps)}` : "";
    if (journey) tiles.push(["looking at", `step ${words.grouped(at)}`, `of ${words.grouped(run.steps)}`]);
    else if (run && phase === "running" && rate.value) {
      tiles.push(["time left", words.secondsWords((run.settings.max_steps - run.steps) / rate.value), note]);
    } else if (!run || phase === "running") tiles.push(["time left", NOTHING, note]);
    else tiles.push(["this run", phase === "paused" ? "paused" : run.status, note]);
    return tiles;
  }

  /** The runs that are kept, the newest first, each below the one that it left. */
  list(shown) {
    const {session} = this, {all, first} = session, found = [], parts = new Map(shown.map(({run, part}) => [run, part]));
    const numbers = new Set(all.map(run => run.number));
    const add = (parent, depth) => {
      for (const run of [...all].reverse()) {
        if ((numbers.has(run.parent) ? run.parent : null) !== parent) continue;
        const accuracy = run.value("val_accuracy");
        found.push({number: run.number, depth, pinned: run.pinned, name: `run ${run.number}`,
          score: accuracy !== undefined && run.status !== "running" ? words.percent(accuracy) : "", part: parts.get(run) ?? "",
          status: run.status, settings: words.knobWords(run.settings, first) || "as it began"});
        add(run.number, depth + 1);
      }
    };
    add(null, 0);
    return found;
  }

  /** What the knobs were in the run before, where they differ, and the place of that on the slider. */
  was(before) {
    const {run, stops} = this.session;
    if (!before || !run) return {};
    return Object.fromEntries(words.differing(before.settings, run.settings).map(name => {
      const value = before.settings[name], at = stops[name]?.indexOf(value) ?? -1; // a menu has no place
      return [name, [words.numberWords(value), at < 0 ? -1 : at / (stops[name].length - 1)]];
    }));
  }

  flags(run) {
    const {other} = this.session, found = [];
    if (run.parent !== null) {
      const forked = other?.number === run.parent;
      found.push([run.atStep, forked ? "fork" : "rewind", `${forked ? "forked from" : "goes on from"} run ${run.parent}`]);
    }
    for (const {step, from, to} of run.changes) {
      found.push([step, "knob", words.differing(to, from).map(name => words.valueWords(name, to[name])).join(", ")]);
    }
    if (run.status === "diverged") found.push([run.steps, "alarm", "diverged"]);
    return found;
  }

  /** The curves in words; anew when a run begins and ends, not at each repaint. */
  described(shown) {
    const runs = this.session.phase === "running" && this.facts.phase === '"running"';
    if (runs && this.facts.described) return JSON.parse(this.facts.described);
    return shown.toReversed().map(({run, label}) => {
      const losses = run.columns.train_loss.y, accuracy = run.value("val_accuracy");
      if (!losses.length) return `${label || "This run"}: no point yet.`;
      const [first, last] = [losses[0], losses.at(-1)].map(words.plain);
      return `${label || "This run"}: training loss from ${first} to ${last} in ${run.steps} steps` +
        `${accuracy === undefined ? "" : `, validation accuracy ${words.percent(accuracy)}`}.`;
    }).join(" ") || "No curve yet.";
  }
}

/** One judgement with the numbers it rests on; "" while it is too early. */
function diagnosis(run, before) {
  if (!run || run.steps < Math.min(100, run.settings.max_steps) || run.status === "diverged") return "";
  const level = median(run.columns.train_loss.y.slice(-LAST_LOSSES));
  const compared = beside(run, before);
  if (level <= HANGS * GUESSING) return compared;
  const stands = `training loss ${words.plain(level)}, guessing gives ${words.plain(GUESSING)}`;
  const {settings} = run;
  if (settings.init === "zeros" && settings.model !== "linear" && level > 0.98 * GUESSING) {
    return `Nothing is learnt (${stands}): all weights began at zero, so all units of a layer get the same gradient.`;
  }
  if (level > GUESSING / 0.98) {
    const momentum = settings.momentum > 0.9 ? ", or less momentum" : "";
    return `Worse than guessing (${stands}): the steps are too long. Try a lower learning rate${momentum}.`;
  }
  return `${compared} Much is missing still (${stands}).`.trim();
}

/** For example "Learning rate 0.05 → 0.16: 96.0% → 84.6%, worse." */
function beside(run, before) {
  if (!before || run.status === "running" || before.steps !== run.steps) return "";
  const changed = words.changedWords(run.settings, before.settings);
  const [then, now] = [before, run].map(one => one.value("val_accuracy"));
  if (!changed || then === undefined || now === undefined) return "";
  const error = Math.sqrt((then * (1 - then) + now * (1 - now)) / run.training.data.validation.count);
  const word = Math.abs(now - then) > TWO_ERRORS * error ? now < then ? "worse" : "better" : "no difference beyond chance";
  return `${changed[0].toUpperCase()}${changed.slice(1)}: ${words.percent(then)} → ${words.percent(now)}, ${word}.`;
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}
