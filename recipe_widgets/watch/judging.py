"""From evidence to findings: each judgement gets what was seen; one cause gives one finding."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from recipe_widgets.core import CheckResult, Finding, rng_guard
from recipe_widgets.rules import events, seen_loss
from recipe_widgets.rules import seen_run as run
from recipe_widgets.rules.bias_before_norm import BiasesBeforeNorm, bias_before_norm
from recipe_widgets.rules.dead_units import DeadUnits, dead_units
from recipe_widgets.rules.gradients_flow import GradientReach, gradients_flow
from recipe_widgets.rules.init_scale import SignalSizes, init_scale
from recipe_widgets.rules.optimizer_covers_model import OptimizerContents, optimizer_covers_model
from recipe_widgets.rules.saturation import Saturation, saturation
from recipe_widgets.watch.data_judging import data_findings
from recipe_widgets.watch.deduplicate import merged
from recipe_widgets.watch.evidence import model_probes as probes
from recipe_widgets.watch.instrument.source_location import text
from recipe_widgets.watch.recorder import Recorder


class Verdict:
    """Collects findings; a judgement that fails is left out."""

    def __init__(self, recorder: Recorder, finished: bool, own_process: bool,
                 seconds: float = 20.0) -> None:
        self.r, self.finished, self.own_process = recorder, finished, own_process
        self.until = time.monotonic() + seconds
        self.found: list[Finding] = []

    def say(self, result: CheckResult | None, at: Any = None) -> None:
        if result is not None and result.status in ("fail", "warn", "note"):
            self.found.append(result.at(at, text(at)))

    @contextlib.contextmanager
    def part(self) -> Iterator[None]:
        """One judgement; its own error is no finding."""
        try:
            yield
        except Exception as error:
            if not self.r.problem:
                self.r.problem = f"{type(error).__name__}: {error}"

    def all(self) -> list[Finding]:
        with rng_guard():
            judgements: list[Callable[[], None]] = [
                self.loaded, self.optimizers, self.orphans, self.losses, self.schedules, self.modes,
                self.models, self.functions, self.activations, self.sizes,
                lambda: data_findings(self), self.curve
            ]
            for judgement in judgements:
                with self.part():
                    judgement()
        return merged(self.found)

    # questions that several judgements ask

    def several_models(self) -> bool:
        """Do several models or losses train, so that inputs and labels have no one meaning?"""
        return len([m for m in self.r.modules.all if m.trained > 0.05 * max(1, self.r.t)]) > 1

    def repeats(self) -> bool:
        """Do training samples come again bit for bit?"""
        rows = [rows for _, rows in self.r.seen.train_rows]
        whole = np.concatenate(rows) if rows else np.zeros(0)
        return len(whole) > 1.5 * len(np.unique(whole))

    def trains_badly(self) -> bool:
        """Is the training loss still above 0.7 of where it began?"""
        losses = [v for _, v, _ in self.r.seen.curve if v == v]
        return len(losses) >= 20 and float(np.median(
            losses[-10:])) > 0.7 * float(np.median(losses[:5]))

    # events

    def optimizers(self) -> None:
        r = self.r
        for h in r.helds:
            g = h.facts
            self.say(events.gradients_cleared(g), h.back_at)
            self.say(events.cleared_too_early(g), h.zero_at)
            if self.finished or g.backwards >= 20:
                self.say(events.never_stepped(g), h.back_at)
            foreign = events.foreign_gradients(g, frozenset(r.seen.eval_lines))
            self.say(foreign, foreign.details["line"] if foreign else None)
            self.say(events.tail_dropped(g), h.back_at)
            scales = [s for seen in r.seen.losses.values() for s in seen if s.scale is not None]
            if scales and len(r.seen.losses) == 1 and not r.scaler_used:
                self.say(events.accumulation_scaled(g, scales[-1].scale, scales[-1].samples),
                         h.back_at)
            self.say(events.clipping(g), h.clip_at)

    def schedules(self) -> None:
        r = self.r
        inner = {id(part) for s in r.schedulers for part in getattr(s["keep"], "_schedulers", ())}
        for s in r.schedulers:
            scheduler, optimizer = s["keep"], s["optimizer"]()
            if id(scheduler) in inner:  # stepped by the schedule it is part of, when its turn comes
                continue
            held = r.held(optimizer) if optimizer is not None else None
            if held is None or s["kind"] in ("SWALR", "SequentialLR", "ChainedScheduler"):
                continue
            calls = scheduler.last_epoch - s["start"]
            self.say(
                events.schedule(
                    events.Schedule(s["kind"], calls, held.facts.steps, s["plan"], held.lrs,
                                    self.finished and r.last_step is None)), s["at"])

    def modes(self) -> None:
        r = self.r
        for m in r.modules.all:
            runs = [(mode, n) for mode, n in m.runs]
            self.say(events.modes(runs, m.sensitive), self.step_line())
        trained = {m.number for m in r.modules.all if m.trained}
        phases = [p for p in r.seen.phases if any(f.number in trained for f in p.forwards)]
        rare = len({p.step for p in phases}) <= max(3, 0.34 * r.t)
        if not rare:
            return
        loose = [
            p for p in phases
            if p.step > 0 and (p.loose_dropout or p.loose_norm) and p.forwards[0].training
        ]
        judged = [
            p for p in loose if p.forwards[0].hits is not None or len(p.forwards) > 1 or p.last
            or r.seen.compared or p.printed
        ]
        if judged and not any(run.repeats_one_input([f.rows for f in p.forwards]) for p in judged):
            p = judged[0]
            self.say(
                run.eval_in_train(len(judged), any(q.loose_norm for q in judged),
                                  any(f.hits is not None for q in judged for f in q.forwards)),
                p.at)
        for at, what in r.seen.fresh_dropout.items():
            self.say(run.dropout_ignores_mode(what), at)

    def step_line(self) -> Any:
        for h in reversed(self.r.helds):
            if h.facts.steps:
                return h.step_at
        return None

    # what is connected to what

    def orphans(self) -> None:
        """Parameters that get gradients and are in no optimiser."""
        r = self.r
        held = {i for h in r.helds for i in h.ids}
        lost = {
            k: o
            for k, o in r.seen.orphans.items()
            if k not in held and o["count"] >= 2 and o["first"] == o["last"]
        }
        for m in r.modules.all:
            module = r.keep.get(m.number)
            if module is None:
                continue
            own = {id(p): n for n, p in module.named_parameters()}
            unregistered = {
                name for name, ids in m.unregistered.items() if any(
                    lost.get(i, {}).get("fresh") for i in ids)
            }
            missing = [own[k] for k, o in lost.items() if k in own and o["fresh"]]
            part = [h for h in r.helds if h.facts.steps and h.ids & set(own)]
            stale = [
                h for h in r.helds
                if h.facts.steps and h.with_grad is not None and h.ids - h.with_grad - set(own)
            ]
            used = any(h.facts.steps or h.facts.backwards for h in r.helds)
            if not used or not (unregistered or missing):
                continue
            h = (part or stale or r.helds)[-1]
            number = sum(len(s.ids - s.with_grad - set(own)) for s in stale)
            if missing and not unregistered and not number and not part:
                continue
            whole = not unregistered and not number and _whole_modules(module, missing)
            contents = OptimizerContents(len(set(own) & h.ids), missing, number,
                                         sorted(unregistered), whole_branches=whole)
            self.say(optimizer_covers_model(contents), m.at if unregistered else h.made_at)

    def models(self) -> None:
        r = self.r
        for m in r.modules.all:
            module = r.keep.get(m.number)
            if module is None or time.monotonic() > self.until:
                continue
            with self.part():
                mixed = probes.batch_independence(m, module)
                torn = next(iter(r.seen.tears), None) or next(iter(r.seen.batch_softmax), None)
                if mixed is not None and mixed.status == "fail":
                    self.say(mixed, torn or m.at)
            with self.part():
                peeks = probes.causal_dependence(m, module)
                if peeks is not None and peeks.status == "fail":
                    self.say(peeks, torn or m.at)
            with self.part():
                self.detached(m, module)
            linear = [w for is_linear, w in m.graph_linear if is_linear]
            self.say(run.no_nonlinearity(len(m.graph_linear), linear, _widths(module)), m.at)
        for at, (old, new) in r.seen.tears.items():
            self.say(run.torn_axes(old, new), at)
        for name, steps in r.seen.constant.items():
            if len(steps) >= 4 and max(steps) >= 10:
                self.say(wiring_constant(name),
                         next((m.at for m in r.modules.all if m.trained), None))
        for name, (p, at) in r.seen.dropouts.items():
            self.say(run.strong_dropout(name, p), at)
        # frozen for a while only, as a GAN's discriminator is
        learnt = {i for h in r.helds for i in h.with_grad}
        norms = {
            n: at for n, (at, ids) in r.seen.frozen.get("norms", {}).items() if not ids & learnt
        }
        for name, at in list(norms.items())[:1]:
            self.say(run.frozen_norm(name, len(norms)), at)
        if r.seen.biases:
            self.say(bias_before_norm(BiasesBeforeNorm(sorted(r.seen.biases))),
                     next((m.at for m in r.modules.all if m.trained), None))
        frozen = [n for n, (_, ids) in r.seen.frozen.get("random", {}).items() if not ids & learnt]
        if frozen:
            self.say(run.frozen_random(frozen), r.seen.frozen["random"][frozen[0]][0])

    def detached(self, m: Any, module: Any) -> None:
        """Layers in use that never get a gradient."""
        helds = [h for h in self.r.helds if h.ids & m.ids and h.facts.steps >= 5]
        if not helds:
            return
        silent = []
        for name, p in module.named_parameters():
            held = any(id(p) in h.ids for h in helds)
            if held and p.requires_grad and p.grad is None and not any(id(p) in h.with_grad for h in helds) \
                    and name.rpartition(".")[0] in m.called | {""}:
                silent.append((name, p))
        if not silent or len(silent) == len(list(module.parameters())):
            return
        changing = probes.changes_output(m, module, [n for n, _ in silent])
        if changing:
            fresh = any(self.r.modules._fresh(p) for n, p in silent if n in changing)
            at = next(iter(self.r.seen.detached), None) or m.at
            self.say(gradients_flow(GradientReach(changing, pretrained=not fresh)), at)

    def functions(self) -> None:
        for own, inputs in self.r.seen.functions.items():
            if inputs is None or time.monotonic() > self.until:
                continue
            with contextlib.suppress(Exception):
                share = probes.wrong_derivative(own, inputs[0])
                if share is not None:
                    self.say(run.wrong_backward(own.__name__, share), inputs[1])

    # losses and sizes

    def losses(self) -> None:
        r = self.r
        several = len([h for h in r.helds if h.facts.steps]) > 1
        for (at, _), seen in r.seen.losses.items():
            if r.t <= 1 and len(seen) < 2:
                continue
            helds = [h for h in r.helds if h.facts.steps and not h.settings.get("maximize")]
            if not helds:
                continue
            h = helds[-1]
            passes = max(g.facts.accumulates for g in helds)
            sgd, clipped = not events.scale_free(h.facts.kind), bool(h.facts.clips)
            early = [s for s in seen if s.step < 400]
            self.say(seen_loss.coupling(seen), at)
            self.say(seen_loss.clipped_loss(seen), at)
            self.say(seen_loss.outputs_fit(seen), at)
            if not several or len(r.seen.losses) == 1:
                self.say(seen_loss.reduction(early, passes, sgd, clipped), at)
            self.say(seen_loss.classes_regressed(seen, r.seen.compared), at)
            self.say(seen_loss.first_loss(seen, bool(r.seen.loads)), at)
            self.say(seen_loss.output_bias(seen), at)
        for at, times in r.seen.divergences.items():
            self.say(seen_loss.divergence(times), at)

    def activations(self) -> None:
        acts = [a for a in self.r.seen.acts.values() if a.samples >= 32]
        dead = {
            a.name: (float((~a.alive).float().mean()), a)
            for a in acts
            if a.kind == "relu" and a.samples >= 128
        }
        if dead:
            worst = max(dead, key=lambda k: dead[k][0])
            self.say(
                _only_bad(
                    dead_units(
                        DeadUnits({k: v[0] for k, v in dead.items()}, dead[worst][1].samples))),
                dead[worst][1].at)
        full = {
            a.name: (sum(a.saturated) / len(a.saturated), a)
            for a in acts
            if a.saturated and a.kind != "relu"
        }
        if full:
            worst = max(full, key=lambda k: full[k][0])
            self.say(_only_bad(saturation(Saturation({k: v[0] for k, v in full.items()}))),
                     full[worst][1].at)

    def sizes(self) -> None:
        """Learning rate, weight decay, eps."""
        curve = self.r.seen.curve
        for h in self.r.helds:
            if h.facts.steps < 20 or h.facts.stale or h.facts.lost:
                continue
            mine = [v for t, v, at in curve if at == h.back_at]
            self.say(
                run.step_size(h.facts.kind, h.ratios, mine, h.looks,
                              several=len([g for g in self.r.helds if g.facts.steps]) > 1),
                h.made_at)

    def curve(self) -> None:
        self.say(run.not_finite([(t, v) for t, v, _ in self.r.seen.curve], self.r.scaler_used),
                 self.r.seen.curve[-1][2] if self.r.seen.curve else None)

    def loaded(self) -> None:
        for facts in self.r.seen.loads:
            self.say(run.loading(facts), facts["at"])


def wiring_constant(name: str) -> CheckResult:
    return init_scale(SignalSizes(identical=[name]))


def _only_bad(result: CheckResult) -> CheckResult | None:
    return None if result.ok else result


def _whole_modules(module: Any, missing: list[str]) -> bool:
    """Are the parameters that are left out whole branches directly under the model?"""
    names = {n for n, _ in module.named_parameters()}
    tops = {n.partition(".")[0] for n in missing}
    return {n for n in names if n.partition(".")[0] in tops} == set(missing)


def _widths(module: Any) -> list[tuple[int, int]]:
    """(in, out) of each layer with weights, in order."""
    return [(w.shape[1], w.shape[0])
            for m in module.modules()
            if (w := getattr(m, "weight", None)) is not None and w.ndim >= 2
            and not hasattr(m, "num_embeddings")]
