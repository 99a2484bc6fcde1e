"""Passwords of storages: no error, no picture of a search and no help text shows them, however
the address is mistyped.
"""

import itertools
import json
import sys
import traceback
from collections.abc import Callable, Iterator

import pytest

from recipe_widgets import Data, RecipeError, Settings
from recipe_widgets.cli import main
from recipe_widgets.live.live_search import LiveSearch
from recipe_widgets.tune import hidden, space, tune
from recipe_widgets.tune.storage import open_storage
from recipe_widgets.tune.storage_url import without_secrets
from tests.stress.tally import Tally, times

SECRETS = ("topsecret", "t0p/s3cret", "t0p@s3cret", "t0p:s3cret@x", "t0p%40s3cret", "t0p#s3cret?x",
           "t0p s3cret", "t0p'\"s3cret")
PIECES = ("topsecret", "t0p", "s3cret")  # none of these may be seen
HERE = "postgresql+psycopg://me:{}@127.0.0.1"
PLACES = (f"{HERE}:1/db", f"{HERE}:no/db", f"{HERE}:1/db?sslmode=never", f"{HERE}:99999/db",
          f" {HERE}:1/db", "postgresql+psycopg://me@127.0.0.1:1/db?password={}",
          "postgresql+psycopg://me@127.0.0.1:1/db?pasword={}&password={}",
          "nodriver://me:{}@host/db", "postgresql+nodriver://me:{}@host:5/db",
          "sqlite://me:{}@host/no.db", "postgresql//me:{}@host/db", "postgresql:/me:{}@host/db",
          "postgresql:me:{}@host/db")


def addresses() -> list[str]:
    every = [place.replace("{}", secret) for place, secret in itertools.product(PLACES, SECRETS)
             if "={}" not in place or " " not in secret]  # a blank ends an option
    return every[::times(7, 1)]


def seen(text: str) -> bool:
    return any(piece in text for piece in PIECES)


def everything_said(action: Callable[[], object]) -> str:
    """What a log would hold of an error: its text and its traceback, without the lines of the
    code.
    """
    try:
        action()
    except (RecipeError, SystemExit):
        error = traceback.TracebackException(*sys.exc_info(),
                                             lookup_lines=False)  # type: ignore[arg-type]
        return "\n".join(str(one) for one in error.format()) + "".join(
            repr(frame.locals) for frame in error.stack)
    return ""


def test_no_error_shows_a_password(tally: Callable[[str], Tally],
                                   capfd: pytest.CaptureFixture) -> None:
    row = tally("storage addresses with a password, wrong or mistyped")
    for address in addresses():
        said = everything_said(lambda address=address: open_storage(address, 60, 1))
        assert said, f"{address} was opened"
        arguments = [["tune", "--storage", address, "--trials",
                      "1"], ["tune", f"--storge={address}"], ["tune", address],
                     ["train", "--data", address], ["data", address]]
        for one in arguments:
            assert main_status(one) == 2
        said += hidden(address) + without_secrets(f"cannot reach {address}", address) + "".join(
            capfd.readouterr())
        row.tried += 1 + len(arguments)
        row.lost += seen(said)
        assert not seen(said), said
    assert row.lost == 0


def main_status(arguments: list[str]) -> int:
    try:
        return main(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)


def test_help_does_not_show_the_storage_of_the_environment(monkeypatch: pytest.MonkeyPatch,
                                                           capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setenv("RECIPE_STORAGE", "postgresql://me:topsecret@host/db")
    assert main_status(["tune", "--help"]) == 0
    text = capsys.readouterr().out
    assert "RECIPE_STORAGE" in text
    assert not seen(text)


class Lost:
    """A database that has gone away: every statement fails with the address in its words, as
    some drivers do.
    """

    def __init__(self, address: str) -> None:
        self.address, self.gone = address, False

    def __call__(self, *_: object) -> None:
        if self.gone:
            raise ConnectionError(f"lost {self.address}: password 'topsecret' refused\nsecond line")


@pytest.fixture
def lost(blobs: Data, tmp_path: object,
         monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[object, Lost]]:
    """A search whose storage claims to be a database with a password, and the switch that makes
    it go away.
    """
    from sqlalchemy import event, exc

    found = tune(blobs, space("lr"), Settings(max_steps=20, width=8), trials=2,
                 storage=f"{tmp_path}/t.db", start=False)
    address = "postgresql+psycopg://me:topsecret@host/db"
    gone, engine = Lost(address), found.study._storage._backend.engine

    def fail(*_: object) -> None:
        try:
            gone()
        except ConnectionError as error:
            raise exc.OperationalError("SELECT 1", {}, error) from error

    event.listen(engine, "before_cursor_execute", fail)
    monkeypatch.setattr(found, "storage", address)
    yield found, gone
    gone.gone = False


def test_a_lost_database_is_told_without_the_password(lost: tuple, tally: Callable[[str],
                                                                                   Tally]) -> None:
    found, gone = lost
    row = tally("what a search says of itself while its database is gone")
    assert "me:***@host" in repr(found)
    gone.gone = True
    for action in (found.run, found.table, found.trial_counts, found.ranked, found.words,
                   lambda: found.best, lambda: repr(found)):
        with pytest.raises(RecipeError, match="was lost") as caught:
            action()
        row.tried += 1
        row.lost += seen(str(caught.value))
    assert row.lost == 0


def test_the_board_of_a_lost_database_lives_and_hides_the_password(lost: tuple) -> None:
    from recipe_widgets.live.engine import Engine

    found, gone = lost
    search = LiveSearch(found, engine=Engine())
    try:
        gone.gone = True
        search.start()
        search.wait(60)
        board = search.frame()
        assert (board.phase, "was lost" in board.words) == ("ended", True)
        assert not seen(board.words + board.chart)
        gone.gone = False
        search.start()
        assert search.wait(60).trial_counts().finished == 2
    finally:
        search.close()


def test_files_of_a_search_hold_no_address(blobs: Data, tmp_path: object,
                                           monkeypatch: pytest.MonkeyPatch) -> None:
    """What `recipe tune --out` writes, and what other workers can read of this one."""
    from recipe_widgets.cli.tune import write_search

    found = tune(blobs, space("lr"), Settings(max_steps=20, width=8), trials=1,
                 storage=f"{tmp_path}/t.db")
    monkeypatch.setattr(found, "storage", "postgresql://me:topsecret@host/db")
    write_search(found, tmp_path)  # type: ignore[arg-type]
    written = "".join((tmp_path / name).read_text()
                      for name in ("best.json", "trials.json"))  # type: ignore[operator]
    known = json.dumps([found.study.user_attrs, *[t.user_attrs for t in found.study.trials]])
    assert "lr" in written
    assert not seen(written + known + str(found.plot().alt) + repr(found))
