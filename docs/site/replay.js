"use strict";
// Replays a recording that stands in the page. Texts enter the page as text, never as HTML; what is drawn as SVG are numbers.
(() => {
  const replay = JSON.parse(document.getElementById("recording").textContent);
  const $ = id => document.getElementById(id);
  const {knobs, looks, classes} = replay;
  const WIDTH = 420, HEIGHT = 246, LEFT = 52, RIGHT = 10, TOP = 26, BOTTOM = 38;
  const CHARTS = [{title: "loss (nats, log)", column: "val_loss", low: replay.limits[0], high: replay.limits[1], log: true},
                  {title: "accuracy (%)", column: "val_accuracy", low: 0, high: 1}];
  let before = null, shown = "", timer = 0;

  // --- what is chosen
  const chosen = () => knobs.map(knob => Number($(knob.name).value));
  const runOf = choice => replay.runs[choice.reduce((number, k, i) => number * knobs[i].values.length + k, 0)];
  const words = choice => knobs.map((knob, i) => `${knob.label} ${knob.values[choice[i]]}`).join(", ");
  const at = () => Number($("time").value);

  // --- numbers as text
  const loss = value => value === null || value === undefined ? "–" : String(Number(value.toPrecision(3)));
  const share = value => value === null || value === undefined ? "–" : `${(100 * value).toFixed(1)} %`;

  // --- charts
  const y = (chart, value) => {
    const scale = chart.log ? Math.log10 : v => v;
    const inside = Math.min(Math.max(value, chart.low), chart.high);
    return TOP + (scale(chart.high) - scale(inside)) / (scale(chart.high) - scale(chart.low)) * (HEIGHT - TOP - BOTTOM);
  };
  const x = step => LEFT + step / replay.steps * (WIDTH - LEFT - RIGHT);
  const path = (chart, points, name) => {
    const good = points.filter(point => typeof point[1] === "number");
    return good.length < 2 ? "" : `<path class="${name}" d="M${good.map(([step, value]) =>
      `${x(step).toFixed(1)},${y(chart, value).toFixed(1)}`).join("L")}"/>`;
  };
  const ticks = chart => {
    if (!chart.log) return [0, .2, .4, .6, .8, 1].map(mark => [mark, String(Math.round(100 * mark))]);
    const marks = [];
    for (let decade = chart.low; decade <= chart.high * 1.001; decade *= 10) marks.push(decade, 3 * decade);
    return marks.filter(mark => mark <= chart.high * 1.001).map(mark => [mark, String(Number(mark.toPrecision(1)))]);
  };
  const axes = chart => ticks(chart).map(([mark, text]) =>
    `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(chart, mark)}" y2="${y(chart, mark)}"/>` +
    `<text x="${LEFT - 6}" y="${y(chart, mark) + 4}" text-anchor="end">${text}</text>`).join("") +
    [0, .25, .5, .75, 1].map(part => `<text x="${x(part * replay.steps)}" y="${HEIGHT - BOTTOM + 17}"` +
      ` text-anchor="${part === 1 ? "end" : "middle"}">${Math.round(part * replay.steps)}</text>`).join("") +
    `<text x="${(LEFT + WIDTH) / 2}" y="${HEIGHT - 4}" text-anchor="middle">step</text>`;
  const columns = (chart, run) => ({val: run.looks.map(look => [look.step, look[chart.column]]), train: chart.log ? run.curve : []});

  function drawn(chart, run, step) {
    const lines = [];
    for (const [kind, points] of Object.entries(columns(chart, run))) {
      if (before) lines.push(path(chart, columns(chart, runOf(before))[kind], `${kind} before`));
      lines.push(path(chart, points, `${kind} later`), path(chart, points.filter(point => point[0] <= step), kind));
    }
    const now = columns(chart, run).val.find(point => point[0] === step);
    const dot = now && now[1] !== null ? `<circle cx="${x(step)}" cy="${y(chart, now[1])}" r="4"/>` : "";
    return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img"><text x="${LEFT}" y="16" font-weight="bold">${chart.title}</text>` +
      `${axes(chart)}<path class="now" d="M${x(step)},${TOP}V${HEIGHT - BOTTOM}"/>${lines.join("")}${dot}</svg>`;
  }

  // --- the page
  function sentence(run, look, step) {
    const ended = run.steps < step || (run.status === "diverged" && run.steps <= step);
    const parts = [`Step ${step} of ${replay.steps} with ${words(chosen())}.`];
    if (look) parts.push(`Training loss ${loss(look.train_loss)}, validation loss ${loss(look.val_loss)}, ` +
                         `validation accuracy ${share(look.val_accuracy)} of ${replay.looked.toLocaleString("en")} samples.`);
    if (ended) parts.push(`The run diverged after ${run.steps} steps: ${run.message}`);
    if (before) {
      const then = runOf(before).looks.find(one => one.step === step);
      parts.push(`Choice before (${words(before)}): ${then ? share(then.val_accuracy) : "diverged"}.`);
    }
    if (step === replay.steps && run.diagnosis) parts.push(run.diagnosis);
    return parts.join(" ");
  }

  function showSamples(look) {
    [...$("samples").children].forEach((tile, k) => {
      const own = replay.samples[k].label, guess = look ? look.guesses[k] : null, wrong = guess !== own;
      tile.classList.toggle("wrong", wrong);
      tile.lastElementChild.textContent = guess === null ? "no guess: the weights are no numbers"
        : `${classes[guess]} (${Math.round(100 * look.sure[k])} %)${wrong ? `, is ${classes[own]}` : ""}`;
    });
  }

  function showFilters(run, step) {
    const seen = run.looks.filter(look => look.step <= step && look.filters !== undefined).pop();
    $("filters").src = seen ? replay.pictures[seen.filters] : "";
    $("filters").alt = seen ? `Eight units' weights after ${seen.step} steps` : "";
    $("filters-words").textContent = seen ? `Those of eight units, as pictures, after ${seen.step} steps: dark is low, bright is high.`
      : "This layer's weights are no pictures.";
  }

  function showTable(run, step) {
    $("numbers").querySelector("tbody").replaceChildren(...run.looks.map(look => {
      const row = document.createElement("tr");
      row.classList.toggle("here", look.step === step);
      row.append(...[look.step, loss(look.train_loss), loss(look.val_loss), share(look.val_accuracy)].map(text => {
        const cell = document.createElement("td");
        cell.textContent = text;
        return cell;
      }));
      return row;
    }));
  }

  function show() {
    const choice = chosen(), run = runOf(choice), step = looks[at()];
    const look = run.looks.find(one => one.step === step);
    knobs.forEach((knob, i) => {
      const text = `${knob.values[choice[i]]}${knob.unit ? ` ${knob.unit}` : ""}`;
      $(`${knob.name}-value`).textContent = String(knob.values[choice[i]]); // the unit is told to a screen reader
      $(knob.name).setAttribute("aria-valuetext", text);
    });
    $("time-value").textContent = `${step} of ${replay.steps}`;
    $("time").setAttribute("aria-valuetext", `step ${step}`);
    $("words").textContent = sentence(run, look, step);
    $("charts").innerHTML = CHARTS.map(chart => drawn(chart, run, step)).join("");
    [...$("charts").children].forEach((svg, k) => svg.setAttribute("aria-label", `${CHARTS[k].title}. ${$("words").textContent}`));
    showSamples(look);
    showFilters(run, step);
    showTable(run, step);
  }

  // --- turning, travelling, playing
  function turned() {
    const now = chosen().join();
    if (now !== shown) before = shown ? shown.split(",").map(Number) : null;
    shown = now;
    show();
    remember();
  }

  function pause() {
    clearInterval(timer);
    timer = 0;
    $("play").textContent = "Play";
    $("words").setAttribute("aria-live", "polite");
    remember();
  }

  function play() {
    if (timer) return pause();
    if (at() === looks.length - 1) $("time").value = 0;
    $("play").textContent = "Pause";
    $("words").setAttribute("aria-live", "off"); // a reader's voice could not follow
    show();
    timer = setInterval(() => {
      $("time").value = at() + 1;
      show();
      if (at() === looks.length - 1) pause();
    }, 300);
  }

  function remember() { // an address that leads back to this choice
    const choice = chosen();
    const place = [...knobs.map((knob, i) => `${knob.name}=${knob.values[choice[i]]}`), `step=${looks[at()]}`].join("&");
    try {
      history.replaceState(null, "", `#${place}`);
    } catch {
      // some browsers forbid it for files: then the address stays as it was
    }
  }

  function recall() {
    const asked = new URLSearchParams(location.hash.slice(1));
    for (const knob of knobs) {
      const k = asked.has(knob.name) ? knob.values.indexOf(Number(asked.get(knob.name))) : -1;
      if (k >= 0) $(knob.name).value = k;
    }
    const k = asked.has("step") ? looks.indexOf(Number(asked.get("step"))) : -1;
    if (k >= 0) $("time").value = k;
  }

  recall();
  shown = chosen().join();
  show();
  for (const knob of knobs) $(knob.name).addEventListener("input", turned);
  $("time").addEventListener("input", () => { if (timer) pause(); show(); });
  $("time").addEventListener("change", remember);
  $("play").addEventListener("click", play);
  addEventListener("hashchange", () => { recall(); turned(); });
})();
