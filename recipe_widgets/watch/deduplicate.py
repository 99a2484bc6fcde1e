"""One cause, one finding."""

from __future__ import annotations

from recipe_widgets.core import Finding

# A finding on the left explains those on the right, which are then left out.
_EXPLAINS = {
    "grads_are_cleared":
    {"learning_rate", "update_ratio", "curve", "evaluation_trains", "dead_units",
     "saturation"}, "optimizer_steps": {
         "learning_rate", "update_ratio", "curve", "schedule", "optimizer_covers_model",
         "label_alignment"
     }, "optimizer_covers_model":
    {"learning_rate", "update_ratio", "curve", "gradients_flow", "frozen"}, "loss_sign":
    {"learning_rate", "curve", "update_ratio", "loss_reduction", "output_scale"}, "output_scale":
    {"learning_rate", "curve", "loss_at_init", "loss_reduction", "update_ratio",
     "dead_units"}, "loss_reduction": {
         "learning_rate", "curve", "update_ratio", "loss_at_init", "dead_units", "output_scale",
         "clipping"
     }, "gradients_flow": {"learning_rate", "curve", "update_ratio"}, "input_range": {
         "learning_rate", "loss_at_init", "dead_units", "saturation", "curve", "update_ratio",
         "train_eval_preprocessing"
     }, "gradient_check": {"curve", "update_ratio", "learning_rate", "dead_units"}, "init_scale": {
         "learning_rate", "loss_at_init", "curve", "update_ratio", "gradients_flow", "dead_units"
     }, "loss_at_init": {"learning_rate", "dead_units", "saturation", "curve",
                         "update_ratio"}, "batch_independence":
    {"learning_rate", "causal_dependence", "output_scale", "label_alignment"}, "learning_rate": {
        "curve", "dead_units", "saturation", "label_alignment", "update_ratio"
    }, "accumulation": {"curve", "update_ratio", "loss_reduction", "dead_units",
                        "learning_rate"}, "clipping": {"curve", "update_ratio", "learning_rate"},
    "schedule": {"curve", "update_ratio", "learning_rate"}, "class_order": {
        "class_balance", "label_alignment", "train_eval_preprocessing", "learning_rate"
    }, "label_alignment": {"label_errors", "augmentation_keeps_label"}, "augmentation_keeps_label":
    {"train_eval_preprocessing", "label_errors"}, "train_eval_preprocessing": {
        "augmentation_keeps_label"
    }, "evaluation_trains": {"mode_toggles", "split_leak", "metric_recount"}, "loss_fits_targets": {
        "learning_rate", "output_init", "loss_reduction", "output_scale"
    }, "weight_decay": {"curve", "update_ratio", "learning_rate", "dead_units", "label_alignment"},
}


def merged(found: list[Finding]) -> list[Finding]:
    """One cause, one finding: consequences are left out, and the same said twice."""
    loud = {f.check for f in found if f.severity in ("error", "warning")}
    explained = {after for cause in loud for after in _EXPLAINS.get(cause, ()) if after != cause}
    # two that explain one another: the first of them stays
    kept: list[Finding] = []
    for f in found:
        if f.severity != "note" and f.check in explained and any(
                f.check in _EXPLAINS.get(k.check, ()) and k.severity != "note"
                for k in found
                if k is not f and not (
                    k.check in _EXPLAINS.get(f.check, ()) and found.index(k) > found.index(f))):
            continue
        if any(k.check == f.check and (k.where == f.where or k.message == f.message) for k in kept):
            continue
        kept.append(f)
    return kept
