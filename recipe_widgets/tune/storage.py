"""Where trials are kept: in memory, in a SQLite file, or in a database that many machines share."""

from __future__ import annotations

import contextlib
import sqlite3
import time
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from recipe_widgets.core import RecipeError, Settings
from recipe_widgets.tune.storage_url import as_url, hidden, parsed_url, without_secrets

if TYPE_CHECKING:
    import optuna

# workers that start at the same moment all want to make the tables; the losers look again
TRIES = 20
_WANTED = "tuning.db, or an address like postgresql+psycopg://user:password@host:5432/name"


def open_storage(storage: str | None, heartbeat: int, retries: int) -> optuna.storages.BaseStorage:
    """Optuna's storage for an address; one that outlives the process notices workers that died.

    Args:
        heartbeat: seconds between signs of life of a trial. After twice as many without one it
            counts as interrupted.
        retries: how often an interrupted trial is run again.
    Raises:
        RecipeError: what cannot be opened; without the password.
    """
    import optuna

    if storage is None:
        return optuna.storages.InMemoryStorage()
    if parsed_url(storage) is None:
        raise RecipeError("Storage", found=f"{hidden(storage)}, which cannot be taken apart",
                          expected=_WANTED,
                          mend="In a password write @ as %40, / as %2F, : as %3A.")
    for attempt in range(TRIES):
        try:
            return _open(as_url(storage), heartbeat, retries)
        except ImportError as error:
            raise _unusable(
                storage, error,
                "Install its driver; for PostgreSQL: pip install 'psycopg[binary]'.") from None
        except Exception as error:  # each driver has errors of its own
            if attempt == TRIES - 1 or not _made_by_another(error):
                raise _unusable(
                    storage, error,
                    "For example tuning.db, or postgresql+psycopg://user@host/name.") from None
            time.sleep(0.05 * (attempt + 1))
    raise AssertionError


def open_study(storage: str | None, name: str, metric: str, sampler: Any, pruner: Any,
               heartbeat: int, retries: int) -> optuna.Study:
    import optuna

    opened = open_storage(storage, heartbeat, retries)
    try:
        return optuna.create_study(storage=opened, study_name=name, sampler=sampler, pruner=pruner,
                                   load_if_exists=True,
                                   direction="minimize" if metric == "val_loss" else "maximize")
    except Exception as error:
        if storage is None:
            raise
        raise RecipeError(
            "Storage",
            found=f"{hidden(storage)} ({without_secrets(str(error).splitlines()[0], storage)})",
            expected="a database that can be written") from None


def check_same_search(study: optuna.Study, mine: dict[str, Any], name: str) -> None:
    """Raise a `RecipeError` unless all workers of a study search the same; the first one writes
    down what that is.
    """
    stored = study.user_attrs
    for key, value in mine.items():
        if key not in stored:
            study.set_user_attr(key, value)
            continue
        differing = key if stored[key] != value else ""
        if key == "base":
            # through Settings: older searches wrote 0 for what is None today, and lack new knobs
            knobs = Settings.from_dict(value) - Settings.from_dict(stored[key])
            differing = f"base ({', '.join(knobs)})" if knobs else ""
        if differing:
            raise RecipeError(
                "Tuning",
                found=f"another search named {name!r} in this storage, of another {differing}",
                expected="the same data, space, base and metric", mend="Take another name.")


@contextlib.contextmanager
def storage_errors(storage: str | None) -> Iterator[None]:
    """Turn errors of a database that goes away in the midst of a search into one `RecipeError`,
    without the password.
    """
    import optuna

    if storage is None:
        yield
        return
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (optuna.exceptions.StorageInternalError, SQLAlchemyError, sqlite3.Error) as error:
        said = without_secrets((str(error).splitlines() or [type(error).__name__])[0], storage)
        raise RecipeError("Storage", found=f"{hidden(storage)} was lost ({said})",
                          expected="a database that answers",
                          mend="Finished trials are in it; give the same command again.") from None


def _open(url: str, heartbeat: int, retries: int) -> optuna.storages.RDBStorage:
    import optuna

    # Workers write to one SQLite file in turn; a connection that a network dropped is made again.
    lite = url.startswith("sqlite")
    more: dict[str, Any] = {"connect_args": {"timeout": 60}} if lite else {"pool_pre_ping": True}
    with quiet_optuna():
        storage = optuna.storages.RDBStorage(url, engine_kwargs=more, heartbeat_interval=heartbeat,
                                             grace_period=2 * heartbeat,
                                             heartbeat_stale_trial_callback=Retry(retries))
    if lite:
        _one_at_a_time(storage.engine)
    return storage


def _one_at_a_time(engine: Any) -> None:
    """Make every transaction on a SQLite file take the lock when it begins, and hold it for a
    moment only.

    Otherwise two workers may both read that a trial is running, and both mark it as dead and queue
    it again: SQLite knows no SELECT FOR UPDATE, on which Optuna relies. (SQLAlchemy's manual,
    "Serializable isolation" of pysqlite.) A trial makes fourteen transactions; with a write-ahead
    log none of them waits for the disk (10 ms each), see `settle`.
    """
    from sqlalchemy import event

    def connect(connection: Any, _: object) -> None:
        connection.isolation_level = None  # the driver opens no transaction by itself
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine, "connect", connect)
    event.listen(engine, "begin", begin)
    engine.dispose()  # connections of before
    engine.connect().close()


def settle(study: optuna.Study) -> None:
    """Bring what was written to a SQLite file onto the disk, so that a power cut takes no
    finished trial either.
    """
    engine = getattr(backend(study), "engine", None)
    if engine is not None and engine.dialect.name == "sqlite":
        connection = engine.raw_connection()  # outside of a transaction
        try:
            connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        finally:
            connection.close()


def backend(study: optuna.Study) -> optuna.storages.RDBStorage | None:
    """The database behind a study's cache; None in memory."""
    import optuna

    storage = getattr(study._storage, "_backend", study._storage)
    return storage if isinstance(storage, optuna.storages.RDBStorage) else None


def _made_by_another(error: Exception) -> bool:
    words = str(error).lower()
    return any(word in words
               for word in ("already exists", "duplicate", "unique constraint", "locked"))


def _unusable(storage: str, error: BaseException, mend: str) -> RecipeError:
    text = without_secrets(
        str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__, storage)
    return RecipeError("Storage", found=f"{hidden(storage)} ({text})",
                       expected="a database that can be opened", mend=mend)


@contextlib.contextmanager
def quiet_optuna() -> Iterator[None]:
    """Without Optuna's log lines, and without its warnings that heartbeats are an experiment."""
    import optuna

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            warnings.filterwarnings("ignore", message="Heartbeat of storage is supposed to be used")
            yield
    finally:
        optuna.logging.set_verbosity(level)


class Retry:
    """Queues an interrupted trial again, with the same knobs, `most` times at most; Optuna's own
    callback does the work.
    """

    def __init__(self, most: int) -> None:
        self.most = most

    def __call__(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        import optuna

        trial.user_attrs = {}  # what the dead worker wrote is not true of the next one
        with quiet_optuna():
            optuna.storages.RetryHeartbeatStaleTrialCallback(max_retry=self.most)(study, trial)
