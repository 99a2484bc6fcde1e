"""Sequences of different length in one tensor: where they are filled up at their ends."""

from __future__ import annotations

import torch

_FEWEST_ROWS, _FEWEST_STEPS, _FEWEST_POSITIONS = 4, 3, 4  # of a batch, of inputs, of targets
_FEWEST_LENGTHS = 3  # that differ; two may come of two kinds of samples
_PADDED_SHARE = 0.5  # of the rows, that are filled up with two positions or more


def _last_runs(same: torch.Tensor) -> torch.Tensor:
    """(N, T) True in the run of True at the end of each row; same (N, T)."""
    return same.flip(1).long().cumprod(1).flip(1).bool()


def padding_of(x: torch.Tensor) -> torch.Tensor | None:
    """(N, T) where sequences (N, T) of tokens or (N, T, D) of numbers are padded at their ends:
    rows of different length that end in one token, or in zeros, which are nowhere else. None where
    there is no such thing.
    """
    tokens = x.ndim == 2 and not x.is_floating_point() and x.dtype != torch.bool
    if not (tokens or (x.ndim == 3 and x.is_floating_point())) or len(x) < _FEWEST_ROWS \
            or x.shape[1] < _FEWEST_STEPS:
        return None
    empty = x == x[:, -1].mode().values if tokens else (x == 0).all(-1)  # (N, T)
    behind = _last_runs(empty)
    lengths = (~behind).sum(1)
    several = len(lengths.unique()) >= _FEWEST_LENGTHS and int(lengths.min()) >= 1
    return behind if several and torch.equal(empty, behind) else None


def padding_that_counts(rows: torch.Tensor, counted: torch.Tensor, fill: int | None = None,
                        shown: float | None = None) -> tuple[float, float] | None:
    """(value, share of it among the positions that count) where the ends of the rows are filled up
    with one value that is found nowhere else; rows (N, T) or (T, N).

    Of each run the first position is left out: it may be the end of the sequence.
    """
    for table, reached in ((rows, counted), (rows.t(), counted.t())):
        if len(table) < _FEWEST_ROWS or table.shape[1] < _FEWEST_POSITIONS:
            continue
        for turned, mask in ((table, reached), (table.flip(1), reached.flip(1))):
            ends = turned[:, -1]
            value = int(ends.mode().values) if fill is None else fill
            same = turned == value
            run = _last_runs(same)
            lengths = run.sum(1)
            only_there = int(same.sum()) == int(lengths.sum())
            ragged = len(lengths.unique()) >= _FEWEST_LENGTHS and int(lengths.min()) < turned.shape[1]
            if only_there and ragged and float((lengths >= 2).float().mean()) >= _PADDED_SHARE:
                later = run[:, :-1] & run[:, 1:]  # positions 2, 3, ... of the run
                hits = int((later & mask[:, 1:]).sum())
                return float(value if shown is None else shown), hits / max(1, int(mask.sum()))
    return None
