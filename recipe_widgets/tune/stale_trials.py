"""Workers come and die: which trials are finished, which are under way, and which must be run
again.
"""

from __future__ import annotations

import copy
import datetime
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recipe_widgets.tune.storage import Retry, backend, quiet_optuna

if TYPE_CHECKING:
    import optuna

# user attributes of a trial
ALIVE = "worker"  # its first sign of life is in the storage
ERROR = "error"  # it failed by its own fault: running it again would not help
SURPLUS = "surplus"  # two workers took the last place at the same moment, and this one stepped back


@dataclass(frozen=True)
class TrialCounts:
    """Numbers of trials: finished for good, running somewhere, waiting to be run again."""

    finished: int
    running: int
    waiting: int


def trial_counts(study: optuna.Study, retries: int) -> TrialCounts:
    from optuna.trial import TrialState as State

    trials = study.get_trials(deepcopy=False)
    done = [t for t in trials if t.state in (State.COMPLETE, State.PRUNED) or _spent(t, retries)]
    # a grid point counts once, also where two workers ran it
    points = {t.system_attrs.get("grid_id", ("trial", t.number)) for t in done}
    return TrialCounts(len(points), sum(t.state == State.RUNNING for t in trials),
                 sum(t.state == State.WAITING for t in trials))


def _spent(trial: optuna.trial.FrozenTrial, retries: int) -> bool:
    """Whether a failed trial will not be run again."""
    from optuna.trial import TrialState as State

    return trial.state == State.FAIL and SURPLUS not in trial.user_attrs and (ERROR in trial.user_attrs or len(
        trial.system_attrs.get("retry_history", [])) >= retries)


def step_back(study: optuna.Study, trial: optuna.Trial, most: int, retries: int) -> bool:
    """Whether `trial`, just taken, is one too many for a search of `most`; then it is given up.

    Counting and taking are two steps, between which another worker may take a trial, too. Of those
    the one with the lower number stays. A trial that is run again always stays.
    """
    from optuna.trial import TrialState as State

    running = study.get_trials(deepcopy=False, states=(State.RUNNING, ))
    again = {one.number for one in running if one.system_attrs.get("retry_history")}
    before = sum(one.number < trial.number or one.number in again for one in running)
    if trial.number in again or trial_counts(study, retries).finished + before < most:
        return False
    trial.set_user_attr(SURPLUS, True)
    study.tell(trial, state=State.FAIL, skip_if_finished=True)
    return True


def requeue_stale_trials(study: optuna.Study, heartbeat: int, retries: int) -> None:
    """Queue every interrupted trial again.

    Optuna notices trials whose heartbeat stopped. Two gaps are closed here: a worker that died
    between taking a trial and its first heartbeat, and one that died between marking a trial as
    failed and queueing it.
    """
    import optuna
    from optuna.trial import TrialState as State

    with quiet_optuna():
        optuna.storages.fail_stale_trials(study)
        trials = study.get_trials(deepcopy=False)
        # naive local time, as Optuna writes it
        long_ago = datetime.datetime.now() - datetime.timedelta(seconds=2 * heartbeat)
        for trial in trials:
            started = trial.datetime_start
            silent = trial.state == State.RUNNING and ALIVE not in trial.user_attrs
            if silent and started and started < long_ago:
                requeue(study, trial.number, retries)
        queued = _numbers_run_again(trials)
        for trial in trials:
            ended = trial.datetime_complete
            stale = trial.state == State.FAIL and not {ERROR, SURPLUS} & trial.user_attrs.keys()
            if stale and trial.number not in queued and ended and ended < long_ago:
                Retry(retries)(study, copy.deepcopy(trial))


def requeue(study: optuna.Study, number: int, retries: int) -> None:
    """Mark the running trial `number` as failed and queue it again: its worker was told to stop."""
    trial = next(t for t in study.get_trials(deepcopy=False) if t.number == number)
    if _fail(study, trial):
        Retry(retries)(study, copy.deepcopy(trial))


def _fail(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> bool:
    """Whether it was this call that marked the trial as failed, and no other worker's."""
    import optuna

    try:
        return study._storage.set_trial_state_values(trial._trial_id,
                                                     state=optuna.trial.TrialState.FAIL)
    except optuna.exceptions.UpdateFinishedTrialError:
        return False


def _numbers_run_again(trials: Iterable[optuna.trial.FrozenTrial]) -> set[int]:
    return {number for trial in trials for number in trial.system_attrs.get("retry_history", [])}


class Heartbeat:
    """Signs of life of one trial, from a thread, until the block ends.

    Unlike Optuna's own it lives through a database that is away for a moment. The first one is
    written at once.
    """

    def __init__(self, study: optuna.Study, trial: optuna.Trial, seconds: int, worker: str) -> None:
        self._storage = backend(study)
        self._trial, self._seconds, self._worker = trial, seconds, worker
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="recipe-heartbeat", daemon=True)

    def __enter__(self) -> None:
        if self._storage is not None:
            self._storage.record_heartbeat(self._trial._trial_id)
            self._trial.set_user_attr(ALIVE, self._worker)
            self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _beat(self) -> None:
        import optuna

        assert self._storage is not None
        while not self._over.wait(self._seconds / 2):
            try:
                self._storage.record_heartbeat(self._trial._trial_id)
            except (optuna.exceptions.StorageInternalError, OSError):
                continue
            except Exception as error:  # a driver's own error
                if "sqlalchemy" not in type(error).__module__:
                    raise
