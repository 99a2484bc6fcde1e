"""Where trials are kept: in memory, in a SQLite file, or in a database that many machines share."""

from __future__ import annotations

import contextlib
import re
import time
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

from recipe_widgets.core import RecipeError
from recipe_widgets.core.secrets import masked
from recipe_widgets.core.validation import validated

if TYPE_CHECKING:
    import optuna
    from sqlalchemy.engine import URL

# workers that start at the same moment all want to make the tables; the losers look again
TRIES = 20
_WANTED = "tuning.db, or an address like postgresql+psycopg://user:password@host:5432/name"
SHOWN = ("host", "port", "dbname", "user", "sslmode", "connect_timeout", "application_name",
         "target_session_attrs", "uri", "mode", "timeout"
         )  # options of an address that hold no secret; a mistyped "pasword" does


def as_url(storage: str) -> str:
    """`storage` as an address; a plain file name becomes a SQLite file."""
    return storage if "://" in storage else f"sqlite:///{storage}"


def taken_apart(storage: str) -> URL | None:
    """The parts of an address; None where it cannot be said for sure which of them is the
    password.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(as_url(storage))
    except (ArgumentError, ValueError):  # SQLAlchemy's own words may quote the address
        return None
    plain = storage.count(
        "@") < 2 if "://" in storage else masked(storage) == storage  # no "://" mistyped
    return url if plain else None


@validated
def hidden(storage: str | None) -> str:
    """`storage` as it may be shown: without passwords."""
    if storage is None:
        return "memory"
    url = taken_apart(storage)
    if url is None:
        return re.match(r"(\w+(\+\w+)?://)?", storage)[0] + "..."  # type: ignore[index]
    query = {key: value if key.lower() in SHOWN else "***" for key, value in url.query.items()}
    return url.set(query=query).render_as_string(hide_password=True)


def without_secrets(text: str, storage: str) -> str:
    """`text`, an error of a driver, without the passwords in `storage`."""
    url = taken_apart(storage)
    if url is None:
        return "its address cannot be taken apart"
    typed = re.findall(r"://[^:/]*:(.*)@", storage)
    options = [
        value for key in url.query if key.lower() not in SHOWN
        for value in url.normalized_query[key]
    ]
    for secret in filter(None, [*typed, url.password or "", *options]):
        for form in (secret, quote(secret,
                                   safe=""), quote(secret), quote_plus(secret), repr(secret)[1:-1]):
            text = text.replace(form, "***")
    return masked(text.replace(storage, hidden(storage)))


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
    if taken_apart(storage) is None:
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
