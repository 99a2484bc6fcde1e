"""How soon a slider is answered, while the MLP trains: in the kernel, and in a real browser.

    python benchmarks/live.py [--moves 60] [--no-browser] [--rounds 5]

kernel   from setting `slider.value` to the first step of the new run in its `History`
tabs     steps per second with each tab of "look inside" open, and with all closed again, over those
         before any was opened
beside   steps per second of a live MLP alone, and beside one busy process, in turns
network  share of the panel's pace that is left with the view of the whole network open
tick     processor time of the kernel for one message to the page, and its size
heavy    from a command to its words, and from Stop to the end of the run, for models whose step takes
         long; the first step after the command
browser  from the key press in Chromium to the first new point of a new curve (a DOM change that the
         page reports), with the front end and with SVG (plain); repaints of the page a second; a
         JupyterLab of its own, on a copy of notebook 00
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from recipe_widgets import LivePanel, Settings, load
from recipe_widgets.live.inspector import TABS
from recipe_widgets.live.pacing import REPAINT_EVERY
from recipe_widgets.live.page_stream import PageStream

LONG = Settings(max_steps=1_000_000)


def in_kernel(moves: int, settings: Settings = LONG) -> list[float]:
    """Milliseconds per move."""
    panel, answers = LivePanel(load("mnist"), settings), []
    panel.start()
    for number in range(moves + 3):
        time.sleep(0.15)
        before, start = panel.run, time.perf_counter()
        name = ("lr", "momentum", "dropout")[number % 3]
        value = 0.01 + 0.001 * number if name == "lr" else 0.3 + 0.005 * number
        panel.sliders[name].value = value
        while panel.run is before or panel.run is None or panel.run.steps_done < 1:
            time.sleep(0.0005)
        if number >= 3:
            answers.append(1000 * (time.perf_counter() - start))
    panel.close()
    return answers


def beside_a_busy_process(rounds: int, seconds: float = 2.0) -> list[float]:
    """Steps per second alone over steps per second beside it, one ratio per round."""
    panel, ratios = LivePanel(load("mnist"), LONG), []
    panel.start()
    while panel.run is None or panel.run.steps_done < 1:  # in a fresh Python that takes seconds
        time.sleep(0.1)
    time.sleep(1.0)
    for _ in range(rounds):
        alone = _rate(panel, seconds)
        busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        try:
            time.sleep(1.0)  # the session notices a neighbour within a second
            ratios.append(alone / _rate(panel, seconds))
        finally:
            busy.kill()
            busy.wait()
        time.sleep(0.3)
        panel.start()  # chooses its threads anew
        time.sleep(1.0)
    panel.close()
    return ratios


def with_tabs_open(model: str, rounds: int, seconds: float = 2.0) -> dict[str, list[float]]:
    """Share of the pace that is left with each tab open; "": closed again. Each is beside a look
    at closed ones.
    """
    panel = LivePanel(load("mnist"), LONG.replace(model=model))
    panel.start()
    time.sleep(2.0)
    shares: dict[str, list[float]] = {tab: [] for tab in ("", *TABS)}
    for _ in range(rounds):
        for tab, found in shares.items():
            panel.look("")
            time.sleep(0.3)
            closed = _rate(panel, seconds)
            panel.look(tab)
            time.sleep(0.3)
            found.append(_rate(panel, seconds) / closed)
    panel.close()
    return shares


def with_the_network_open(model: str, rounds: int, seconds: float = 2.0) -> list[float]:
    """Share of the pace that is left while the whole network is looked at."""
    panel, shares = LivePanel(load("mnist"), LONG.replace(model=model)), []
    panel.start()
    time.sleep(2.0)
    for _ in range(rounds):
        paces = []
        for shown in (False, True):
            panel._session.show_network(shown)
            time.sleep(0.3)
            paces.append(_rate(panel, seconds))
        shares.append(paces[1] / paces[0])
    panel.close()
    return shares


def of_a_tick(ticks: int) -> tuple[list[float], list[int]]:
    """Milliseconds of processor time, and bytes, of messages to the page while an MLP trains."""
    panel, costs, sizes = LivePanel(load("mnist"), LONG), [], []
    panel.start()
    while panel.run is None or panel.run.steps_done < 100:
        time.sleep(0.1)
    session = panel._session
    stream = PageStream(session)
    stream.everything(session.frame())
    for _ in range(ticks):
        time.sleep(REPAINT_EVERY)
        start = time.thread_time()
        message = stream.news(session.frame())
        costs.append(1000 * (time.thread_time() - start))
        sizes.append(len(json.dumps(message.facts)) + len(message.numbers))
    panel.close()
    return costs, sizes


def of_heavy_models(rounds: int) -> dict[str, tuple[list[float], list[float], list[float]]]:
    """Milliseconds by model: until the words name it, until its first step, and from Stop to the
    end.
    """
    panel = LivePanel(load("mnist"), LONG)
    session = panel._session
    session.show_network(True)
    times: dict[str, tuple[list[float], list[float], list[float]]] = {}
    for model in ("resnet", "vgg", "gru"):
        named, begun, stopped = times[model] = [], [], []
        for _ in range(rounds):
            panel.turn(model="mlp")
            time.sleep(0.7)
            start = time.perf_counter()
            panel.turn(model=model)
            while model not in panel.words:
                time.sleep(0.0005)
            named.append(1000 * (time.perf_counter() - start))
            while panel.run is None or panel.run.settings.model != model or not panel.run.steps_done:
                time.sleep(0.0005)
            begun.append(1000 * (time.perf_counter() - start))
            time.sleep(1.1)
            start = time.perf_counter()
            panel.stop()
            while session.phase != "ended":
                time.sleep(0.0005)
            stopped.append(1000 * (time.perf_counter() - start))
    panel.close()
    return times


def _rate(panel: LivePanel, seconds: float) -> float:
    assert panel.run is not None
    before, start = panel.run.steps_done, time.perf_counter()
    time.sleep(seconds)
    return (panel.run.steps_done - before) / (time.perf_counter() - start)


# The page itself takes the times: a key press, then the first change of the curves that shows a
# run's beginning.
WATCH = """() => {
    const answers = window.recipeAnswers = [];
    let pressed = 0;
    const started = () => { const words = document.querySelector('.recipe-words');
                            const step = /Step ([\\d,]+) of/.exec(words ? words.innerText : '');
                            return step ? parseInt(step[1].replaceAll(',', '')) : -1; };
    let last = started();
    new MutationObserver(() => {
        const now = started();
        if (pressed && now >= 1 && now < last) { answers.push(performance.now() - pressed); pressed = 0; }
        last = now;
    }).observe(document.querySelector('.jp-Notebook'), {childList: true, subtree: true, characterData: true});
    document.addEventListener('keydown', () => { pressed = performance.now(); }, true);
}"""


REPAINTS = """async () => {
    const charts = document.querySelector('.rf-charts'), before = Number(charts.dataset.frames);
    await new Promise(done => setTimeout(done, 3000));
    return (Number(charts.dataset.frames) - before) / 3;
}"""


def in_browser(moves: int, plain: bool) -> tuple[list[float], float]:
    """Milliseconds per move; repaints of the page a second, while it trains."""
    from tests.e2e.lab import open_notebook, running_browser, running_lab, slider

    with tempfile.TemporaryDirectory() as folder, running_lab(
            Path(folder)) as lab, running_browser() as browser:
        text = (lab.folder / "00_start_here.ipynb").read_text()
        (lab.folder / "live.ipynb").write_text(_only_the_panel(text, plain))
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        open_notebook(page, lab, "live.ipynb")
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        page.locator(".recipe-words").first.wait_for()
        handle = slider(page, "momentum")
        handle.focus()
        handle.press("ArrowLeft")
        page.wait_for_timeout(4000)
        page.evaluate(WATCH)
        for number in range(moves):
            handle.press("ArrowLeft" if number % 2 else "ArrowRight")
            page.wait_for_timeout(700 + 37 * (number % 5))
        repaints = 0.0 if plain else float(page.evaluate(REPAINTS))
        return [float(answer) for answer in page.evaluate("window.recipeAnswers")], repaints


def _only_the_panel(text: str, plain: bool) -> str:
    import nbformat

    notebook = nbformat.reads(text, as_version=4)
    source = ("from recipe_widgets import LivePanel, Settings, load\n"
              "panel = LivePanel(load('mnist'), Settings(max_steps=1_000_000)); panel")
    if plain:  # as where anywidget is not installed
        source = ("import recipe_widgets.panels.live_view as view; view.make_front_widget = "
                  f"lambda: None\n{source}")
    notebook.cells = [nbformat.v4.new_code_cell(source)]
    return str(nbformat.writes(notebook))


def report(name: str, answers: list[float]) -> None:
    answers = sorted(answers)
    p95 = answers[min(len(answers) - 1, int(0.95 * len(answers)))]
    print(
        f"{name:8} n = {len(answers):3}   median {statistics.median(answers):6.1f} ms   p95 {p95:6.1f} ms   "
        f"worst {answers[-1]:6.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moves", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-browser", action="store_true")
    chosen = parser.parse_args()
    report("kernel", in_kernel(chosen.moves))
    for model in ("mlp", "convnet"):
        for tab, shares in with_tabs_open(model, chosen.rounds).items():
            print(
                f"tabs     n = {len(shares):3}   {model}: {statistics.median(shares):.3f} of the pace with "
                f"{tab or 'all closed again'} ({min(shares):.3f} to {max(shares):.3f})")
    ratios = sorted(beside_a_busy_process(chosen.rounds))
    print(
        f"beside   n = {len(ratios):3}   {statistics.median(ratios):.2f} times slower beside one busy process "
        f"({ratios[0]:.2f} to {ratios[-1]:.2f})")
    shares = with_the_network_open("mlp", chosen.rounds)
    print(f"network  n = {len(shares):3}   {statistics.median(shares):.3f} of the pace with all of it open "
          f"({min(shares):.3f} to {max(shares):.3f})")
    costs, sizes = of_a_tick(chosen.moves)
    report("tick", costs)
    print(f"tick     n = {len(sizes):3}   median {statistics.median(sizes):,.0f} bytes, most {max(sizes):,}")
    for model, (named, begun, stopped) in of_heavy_models(chosen.rounds).items():
        report(f"heavy {model}: words", named)
        report(f"heavy {model}: first step", begun)
        report(f"heavy {model}: stop", stopped)
    if not chosen.no_browser:
        for name, plain in (("plain", True), ("browser", False)):
            answers, repaints = in_browser(chosen.moves, plain)
            report(name, answers)
        print(f"repaints {repaints:.0f} a second")


if __name__ == "__main__":
    main()
