"""The suite keeps its own rules: metadata, twins that differ in a few lines, scripts that run
and print.
"""

import ast
import contextlib
import difflib
import io
import math
import re
import subprocess
import sys
import tokenize
import warnings

import pytest
import torch

from .catalogue import ROOT, Program, programs

BUGGY, TWINS, HEALTHY = programs("buggy"), programs("twins"), programs("healthy")
ALL = BUGGY + TWINS + HEALTHY

CHECKS = {
    "class_balance", "duplicates", "label_errors", "outliers", "input_range", "split_leak",
    "label_alignment", "augmentation_keeps_label", "train_eval_preprocessing", "loss_at_init",
    "output_init", "init_scale", "input_independent_baseline", "loss_decreases", "gradient_check",
    "batch_independence", "causal_dependence", "optimizer_covers_model", "gradients_flow",
    "output_scale", "mode_toggles", "grads_are_cleared", "bias_before_norm", "loss_reduction",
    "loop_equals_vectorised", "overfit_one_batch", "overfit_few", "memorises_random_labels",
    "generalisation_onset", "dead_units", "saturation", "gradient_norms", "update_ratio",
    "filters_smooth", "recurrent_spectrum", "curve_shape", "fit_diagnosis", "noise_level",
    "lr_verdict", "timing",
}  # fmt: skip
KEYS = {"model", "factory", "loss_fn", "batches"}
MORE_KEYS = {
    "num_classes", "optimizer", "validation", "train_step", "train_epoch", "evaluate", "augment",
    "raw", "preprocess_train", "preprocess_eval", "adapter",
}  # fmt: skip
METADATA = {"BUG", "LINE", "CAUSE", "CHECKS", "VISIBLE", "EXPECT", "TRAP"}
MUST_STAY_SILENT = {
    "zero_init_head", "vgg_style_bias", "log_softmax_into_cross_entropy", "gradient_accumulation",
    "frozen_backbone_head_only", "frozen_backbone_all_params", "unused_path", "mc_dropout",
    "tied_autoencoder", "tied_language_model", "mixup", "label_smoothing", "weighted_sampler",
    "unshuffled_random_order", "adadelta_lr_one", "sgd_lr_tenth", "other_valid_constants",
    "tiny_gan", "reinforce", "sparse_relu", "resnet18", "vgg11_bn", "mobilenet_v3_small",
    "shufflenet_v2", "densenet121", "vision_transformer",
}  # fmt: skip


def each(group: list[Program]):
    return pytest.mark.parametrize("program", group, ids=lambda p: p.path.stem)


@pytest.fixture(autouse=True)
def one_thread():
    """Scripts seed the global generator and may leave it anywhere; put it and the threads back."""
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    torch.set_rng_state(state)


def without_metadata(source: str) -> list[str]:
    """The lines of a script that are code or text, without the metadata and blank lines."""
    hidden = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in METADATA:
            hidden |= set(range(node.lineno, node.end_lineno + 1))
    return [t for i, t in enumerate(source.splitlines(), 1) if i not in hidden and t.strip()]


def comments(source: str) -> list[str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return [t.string for t in tokens if t.type == tokenize.COMMENT]


def test_counts():
    assert {p.bug for p in BUGGY} == set(range(1, 61))
    assert len({p.bug for p in BUGGY if p.visible}) >= 52
    assert {p.name for p in HEALTHY} >= MUST_STAY_SILENT
    assert len(HEALTHY) >= 28


@each(BUGGY)
def test_metadata(program):
    assert program.path.stem == f"b{program.bug:02d}_{program.name}"
    assert program.cause
    assert set(program.checks) <= CHECKS
    assert program.checks
    assert isinstance(program.visible, bool)
    assert program.expect in ("finding", "note")
    code = without_metadata(program.source)
    assert any(program.line in text for text in code), "LINE does not occur in the script"


@each(BUGGY)
def test_twin_differs_in_a_few_lines(program):
    twin = program.partner.read_text(encoding="utf-8")
    old, new = without_metadata(program.source), without_metadata(twin)
    changes = [
        t for t in difflib.unified_diff(old, new, lineterm="", n=0)
        if t[:1] in "+-" and t[:3] not in ("+++", "---")
    ]
    assert changes, "the twin is the same program"
    assert sum(t[0] == "-" for t in changes) <= 6
    assert sum(t[0] == "+" for t in changes) <= 6
    assert set(comments(program.source)) <= set(
        comments(twin)), "a comment of the buggy script gives the bug away"
    assert ast.get_docstring(ast.parse(program.source)) == ast.get_docstring(ast.parse(twin))


def test_every_twin_has_a_buggy_partner():
    assert {p.partner for p in TWINS} == {p.path for p in BUGGY}


@each(HEALTHY)
def test_healthy_scripts_say_what_tempts_a_tool(program):
    assert program.trap


@each(ALL)
def test_script_is_self_contained(program):
    tree = ast.parse(program.source)
    assert ast.get_docstring(tree)
    allowed = set(sys.stdlib_module_names) | {"torch", "torchvision", "numpy", "sklearn"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert {a.name.split(".")[0] for a in node.names} <= allowed
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            assert node.module.split(".")[0] in allowed
            if node.module.startswith("sklearn"):
                assert [a.name for a in node.names] == ["load_digits"]
    assert 'if __name__ == "__main__":' in program.source
    assert not re.search(r"/(home|work|tmp|root|Users|mnt)/", program.source)


@each(ALL)
def test_build(program):
    parts = program.build()
    assert set(parts) >= KEYS
    assert set(parts) <= KEYS | MORE_KEYS
    x, y = next(iter(parts["batches"]))
    assert len(x) == len(y)
    for model in (parts["model"], parts["factory"]()):
        assert isinstance(model, torch.nn.Module)
        output = model.train()(x)
        loss = parts["loss_fn"](output, y)
        assert loss.ndim == 0
        assert torch.isfinite(loss)
    logits = parts.get("adapter", lambda o: o)(output)
    if "num_classes" in parts:
        assert parts["num_classes"] in logits.shape[1:] or program.bug == 9
    if "validation" in parts:
        assert len(next(iter(parts["validation"]))) == 2
    for key in (set(parts) & MORE_KEYS) - {"num_classes", "validation", "raw"}:
        assert callable(parts[key])


@each(ALL)
def test_pieces_of_build_work(program):
    """The optional pieces run on what build() gives; two batches of training, no more."""
    parts = program.build()
    model = parts["model"]
    optimizer = parts["optimizer"](model)
    batches = [b for b, _ in zip(parts["batches"], range(2), strict=False)]
    if "train_step" in parts:
        loss = parts["train_step"](model, optimizer, *batches[0])
        assert torch.is_tensor(loss)
        assert loss.ndim == 0
    if "train_epoch" in parts:
        parts["train_epoch"](model, optimizer, batches)
    if "evaluate" in parts and parts.get("num_classes"):
        assert 0 <= parts["evaluate"](model, parts["validation"]) <= 1
    if "augment" in parts:
        x, y = parts["augment"](*[t[:8] for t in next(iter(parts["validation"]))])
        assert len(x) == len(y) == 8
    if "raw" in parts and "preprocess_eval" in parts:
        raw = parts["raw"]
        a, b = parts["preprocess_train"](raw["train_x"][:8]), parts["preprocess_eval"](
            raw["val_x"][:8])
        assert a.shape == b.shape
        assert a.shape[1:] == next(iter(parts["batches"]))[0].shape[1:]


def run_main(program: Program, monkeypatch) -> list[str]:
    module = program.load()
    monkeypatch.setattr(sys, "argv", [str(program.path)])
    out = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(out):
        warnings.simplefilter("error")
        module.main()
    return out.getvalue().strip().splitlines()


@each(ALL)
def test_main_runs_and_prints(program, monkeypatch):
    lines = run_main(program, monkeypatch)
    losses = [float(m[1]) for t in lines[:-1] if (m := re.search(r"loss[ =:,]*(-?[\d.]+)", t))]
    assert losses, "no loss per epoch"
    final = re.search(r"(-?[\d.]+)$", lines[-1])
    assert final, "the last line ends in the final score"
    a_score = re.search(r"accuracy|r2", lines[-1]) and "a few steps only" not in program.source
    if program.kind != "buggy" and a_score:
        assert math.isfinite(losses[-1])
        assert float(final[1]) >= 0.8, f"not healthy: {lines[-1]}"


@pytest.mark.parametrize(
    "name", ["buggy/b16_no_step.py", "twins/t57_same_numbers_in_workers.py", "healthy/mixup.py"])
def test_runs_as_a_script(name):
    done = subprocess.run([sys.executable, str(ROOT / name)], capture_output=True, text=True,
                          timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    assert "loss" in done.stdout


def test_readme_lists_every_script():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    missing = [p.path.stem for p in BUGGY + HEALTHY if f"`{p.path.stem}`" not in text]
    assert not missing
