"""One cause, one finding."""

from __future__ import annotations

from recipe_widgets.core import CheckResult

_SIZE_OF_STEPS = {"learning_rate", "update_ratio", "curve"}
# A finding on the left explains those on the right, which are then left out.
_EXPLAINS: dict[str, set[str]] = {
    "accumulation": {*_SIZE_OF_STEPS, "loss_reduction", "dead_units"},
    "augmentation_keeps_label": {"train_eval_preprocessing", "label_errors"},
    "batch_axis": {"batch_independence", "learning_rate", "causal_dependence", "output_scale",
                   "label_alignment", "curve", "curve_shape", "padding"},
    "batch_independence": {"learning_rate", "causal_dependence", "output_scale",
                           "label_alignment", "token_order"},
    "checkpoint": {"target_network"},
    "class_order": {"class_balance", "label_alignment", "train_eval_preprocessing",
                    "learning_rate"},
    "clipping": _SIZE_OF_STEPS,
    "evaluation_trains": {"mode_toggles", "split_leak", "metric_recount"},
    "gradient_check": {*_SIZE_OF_STEPS, "dead_units"},
    "gradients_flow": {*_SIZE_OF_STEPS, "optimizer_covers_model", "loss_terms"},
    "grads_are_cleared": {*_SIZE_OF_STEPS, "evaluation_trains", "dead_units", "saturation"},
    "init_scale": {*_SIZE_OF_STEPS, "loss_at_init", "gradients_flow", "dead_units"},
    "input_range": {*_SIZE_OF_STEPS, "loss_at_init", "dead_units", "saturation",
                    "train_eval_preprocessing"},
    "label_alignment": {"label_errors", "augmentation_keeps_label"},
    "learning_rate": {"curve", "dead_units", "saturation", "label_alignment", "update_ratio"},
    "loss_at_init": {*_SIZE_OF_STEPS, "dead_units", "saturation"},
    "loss_fits_targets": {"learning_rate", "output_init", "loss_reduction", "output_scale"},
    "loss_reduction": {*_SIZE_OF_STEPS, "loss_at_init", "dead_units", "output_scale", "clipping"},
    "loss_sign": {*_SIZE_OF_STEPS, "loss_reduction", "output_scale"},
    "optimizer_covers_model": {*_SIZE_OF_STEPS, "gradients_flow", "frozen"},
    "registered_weights": {"optimizer_covers_model"},
    "rebuilt_layers": {*_SIZE_OF_STEPS, "optimizer_covers_model", "registered_weights"},
    "optimizer_steps": {*_SIZE_OF_STEPS, "schedule", "optimizer_covers_model", "label_alignment"},
    "output_scale": {*_SIZE_OF_STEPS, "loss_at_init", "loss_reduction", "dead_units"},
    "plateau_metric": _SIZE_OF_STEPS,
    "sample_order": {"random_numbers", "label_alignment", "class_order", "class_balance"},
    "padding": {*_SIZE_OF_STEPS, "label_alignment"},
    "schedule": _SIZE_OF_STEPS,
    "stored_samples": {*_SIZE_OF_STEPS, "input_range", "train_eval_preprocessing", "dead_units",
                       "label_alignment"},
    "update_precision": _SIZE_OF_STEPS,
    "train_eval_preprocessing": {"augmentation_keeps_label"},
    "zero_weights": {*_SIZE_OF_STEPS, "gradients_flow", "optimizer_covers_model", "init_scale"},
    "weight_decay": {*_SIZE_OF_STEPS, "dead_units", "label_alignment"},
}


def deduplicated(found: list[CheckResult]) -> list[CheckResult]:
    """Leaves out consequences of other findings, and what is said twice. Of two findings that
    explain one another the first stays.
    """
    kept: list[CheckResult] = []
    for position, finding in enumerate(found):
        if finding.severity != "note" and any(
                _explains(cause, finding) and not (at > position and _explains(finding, cause))
                for at, cause in enumerate(found)):
            continue
        twice = any(
            (other.name == finding.name and other.message == finding.message) or
            (other.name == finding.name and other.where == finding.where) for other in kept)
        if not twice:
            kept.append(finding)
    return kept


def _explains(cause: CheckResult, finding: CheckResult) -> bool:
    """Is the finding a consequence of the cause? A note causes nothing."""
    return cause.severity != "note" and finding.name in _EXPLAINS.get(cause.name, set())
