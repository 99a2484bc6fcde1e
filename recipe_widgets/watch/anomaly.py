"""Findings while the script still runs: at the step where numbers stop being finite, and at the 10th,
20th, 40th, ... step what the events so far prove.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from recipe_widgets.core.findings import CheckResult, severity_named
from recipe_widgets.core.report import FindingsError, Report
from recipe_widgets.reporting.ignore_comments import silence_commented
from recipe_widgets.reporting.script_lines import located_from
from recipe_widgets.rules.curve import NumbersOfStep
from recipe_widgets.rules.rulebook import rule_named
from recipe_widgets.watch.evidence.model_record import parameter_names
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.instrument.call_patches import tuple_of_roots
from recipe_widgets.watch.instrument.source_location import caller_location
from recipe_widgets.watch.judging import Judging

FINITE = "curve"  # the rule about losses that are no numbers
# Rules whose evidence is complete after a few steps and asks for no probe: they need neither the end
# of the run nor its data.
EARLY_RULES = ("clipping", "grads_are_cleared", "loss_fits_targets", "loss_sign", "output_scale")
FIRST_LOOK = 10  # steps; each further look comes after twice as many


class AnomalyError(FindingsError):
    """What `watch(raise_on=...)` raises. finding: the `CheckResult`."""

    def __init__(self, finding: CheckResult) -> None:
        where = f" at {finding.where}" if finding.where else ""
        super().__init__("Watched training", mend=finding.advice,
                         found=f"{finding.name}{where}: {finding.message}{finding.numbers('seen')}")
        self.finding = finding


class AnomalyWatch:
    """Looks before each backward pass and each step, from `install()` to `remove()`.

    Args:
        on_anomaly: called with each finding, once; what it raises reaches the script.
        severity: findings that are less bad are not told.
        select: names of the only rules to judge by; none: all. ignore: rules to leave out.
    """

    def __init__(self, recorder: Recorder, on_anomaly: Callable[[CheckResult], object],
                 severity: str, select: Iterable[str], ignore: Iterable[str]) -> None:
        self._recorder, self._on_anomaly = recorder, on_anomaly
        self._severity, self._folder = severity_named(severity), os.getcwd()
        only = frozenset(select) or {FINITE, *EARLY_RULES}
        self._rules = only - set(ignore)
        self._told: set[tuple[str, str]] = set()
        self._next_look = FIRST_LOOK
        self._hooks: list[Any] = []
        self._backward: Any = None

    def install(self) -> None:
        # after the recorder's own, so that the step at hand is in its records
        self._hooks = [
            register_optimizer_step_pre_hook(lambda optimizer, *_: self._before_step(optimizer)),
            register_optimizer_step_post_hook(lambda *_: self._after_step()),
        ]
        old = self._backward = torch.autograd.backward

        @functools.wraps(old)
        def backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
            tensors = tuple_of_roots(tensors)
            self._before_backward(tensors)
            return old(tensors, *args, **kwargs)

        torch.autograd.backward = backward

    def remove(self) -> None:
        for hook in self._hooks:
            hook.remove()
        if self._hooks:
            torch.autograd.backward = self._backward
        self._hooks = []

    @property
    def _is_on(self) -> bool:
        guard = self._recorder.guard
        return guard.active and guard.in_watched_thread() and not torch.compiler.is_compiling()

    def _before_backward(self, roots: tuple[Any, ...]) -> None:
        # a scaled loss may overflow in half precision: then the scaler skips the step
        looks = self._is_on and FINITE in self._rules and not self._recorder.grad_scaler.used
        # an error of ours in looking is noted as any other; only a finding is raised
        if looks and self._recorder.guard.attempt(all_finite, roots) is False:
            self._tell_number("the loss")

    def _before_step(self, optimizer: torch.optim.Optimizer) -> None:
        # a fused step skips itself where the scaler found infinities
        if not self._is_on or FINITE not in self._rules or hasattr(optimizer, "found_inf"):
            return
        name = self._recorder.guard.attempt(self._bad_gradient, optimizer)
        if name:
            self._tell_number(f"the gradient of {name}")

    def _bad_gradient(self, optimizer: torch.optim.Optimizer) -> str:
        """The first parameter whose gradient is not finite; "" where all are."""
        held = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        if all_finite(p.grad for p in held):
            return ""
        return self._name_of(next(p for p in held if not all_finite([p.grad])))

    def _tell_number(self, what: str) -> None:
        line = caller_location()
        found = rule_named(FINITE)(NumbersOfStep(what, self._recorder.progress.step))
        self._tell(found.at(line) if line else found)

    def _name_of(self, parameter: torch.Tensor) -> str:
        for record in self._recorder.models:
            module = record.module()
            name = parameter_names([module]).get(id(parameter)) if module is not None else None
            if name is not None:
                return f"{record.name}.{name}"
        return f"a parameter {tuple(parameter.shape)}"

    def _after_step(self) -> None:
        if not self._is_on or self._recorder.progress.step < self._next_look:
            return
        self._next_look *= 2
        guard, early = self._recorder.guard, self._rules & set(EARLY_RULES)
        guard.active = False  # what the builders compute is no part of the run
        self._recorder.monitor.close()
        judging = Judging(self._recorder, finished=False)
        try:
            found = judging.run(early) if early else []
        finally:
            guard.active = True
        guard.problems += [one for one in judging.problems if one not in guard.problems]
        for finding in found:
            self._tell(finding)

    def _tell(self, finding: CheckResult) -> None:
        report = Report([located_from(self._folder, finding)], "watch")
        silence_commented(report, self._folder)
        for one in report.at_least(self._severity):
            if (one.name, one.where) not in self._told:
                self._told.add((one.name, one.where))
                self._on_anomaly(one)


def raise_anomaly(finding: CheckResult) -> None:
    """Raises: AnomalyError."""
    raise AnomalyError(finding)


def all_finite(tensors: Iterable[Any]) -> bool:
    """Are all numbers finite? What holds no floats has no others."""
    values = [t._values() if t.is_sparse else t for t in tensors if isinstance(t, torch.Tensor)]
    values = [torch.view_as_real(t) if t.is_complex() else t for t in values]
    floats = [t.detach() for t in values if t.is_floating_point() and t.numel()]
    by_device: dict[torch.device, list[torch.Tensor]] = {}
    for one in floats:
        by_device.setdefault(one.device, []).append(one)
    # the largest amount and not a sum: that may overflow
    return all(
        bool(torch.stack([n.float() for n in torch._foreach_norm(group, float("inf"))]).isfinite().all())
        for group in by_device.values())
