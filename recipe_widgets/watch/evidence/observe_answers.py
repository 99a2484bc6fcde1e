"""Texts that are generated token by token, and which places of training texts have a gradient."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch import nn

from recipe_widgets.rules.token_weights import AnswerStarts
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds

_MOST_LOOKS, _MOST_STARTS = 40, 200
_MOST_NUMBERS, _MOST_TOKENS = 4_000_000, 200_000


class Answers(Observer):
    """Attributes:
        ends: last token of the prompts of generated texts -> texts. mixed: do prompts differ in it?
        seen, trained: token -> places, as of `AnswerStarts`.
    """

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.ends: Counter[int] = Counter()
        self.mixed = False
        self.seen: Counter[int] = Counter()
        self.trained: Counter[int] = Counter()
        self._last: torch.Tensor | None = None  # tokens of the last evaluation pass
        self._grown = 0  # tokens that were added since its prompt
        self._looks = self._starts = 0

    def after_forward(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any],
                      output: Any) -> None:
        x = args[0] if args else None
        if not isinstance(x, torch.Tensor) or x.ndim != 2 or x.is_floating_point() or x.numel() < 2 \
                or x.dtype == torch.bool:
            return
        if not torch.is_grad_enabled():
            self._generated(x)
        elif self.progress.close and self._looks < _MOST_LOOKS and isinstance(output, torch.Tensor) \
                and output.requires_grad and output.ndim == 3 and output.shape[:2] == x.shape \
                and output.numel() <= _MOST_NUMBERS:
            self._looks += 1
            tokens = x.detach().clone()
            attempt = self.guard.attempt
            output.register_hook(lambda slope: attempt(self._gradient, tokens, slope.detach()))

    def _generated(self, x: torch.Tensor) -> None:
        last, self._last = self._last, None
        if self._starts >= _MOST_STARTS:
            return
        self._last = x.detach().clone()
        longer = last is not None and last.device == x.device and len(x) == len(last) \
            and x.shape[1] == last.shape[1] + 1
        if last is None or not longer or not torch.equal(x[:, :-1], last):
            self._grown = 0
            return
        self._grown += 1
        if self._grown == 1:
            self._starts += 1
            end = last[:, -1]
            self.mixed |= not bool((end == end[0]).all())
            self.ends[int(end[0])] += len(end)

    def _gradient(self, tokens: torch.Tensor, slope: torch.Tensor) -> None:
        trained = slope.abs().amax(-1) > 0  # (N, T)
        behind = trained.long().flip(1).cumsum(1).flip(1) - trained.long() > 0
        if bool(trained.all()) or not 0 <= int(tokens.min()) <= int(tokens.max()) < _MOST_TOKENS:
            self.trained.update(tokens.unique().tolist())  # there is no mask
            return
        for places, counts in ((behind, self.seen), (trained, self.trained)):
            numbers, times = tokens[places].unique(return_counts=True)
            counts.update(dict(zip(numbers.tolist(), times.tolist(), strict=True)))


@builds(AnswerStarts)
def answer_starts(run: WatchedRun) -> Built:
    answers = run.observer(Answers)
    if len(answers.ends) == 1 and not answers.mixed:
        token, generated = answers.ends.most_common(1)[0]
        yield AnswerStarts(token, generated, answers.seen[token], answers.trained[token]), run.model_line
