"""The same on a real PostgreSQL, started for this test in a folder of its own, with a password."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from recipe_widgets import RecipeError
from recipe_widgets.tune.storage import open_storage
from tests.tune.storages import nothing_is_lost, run_workers
from tests.tune.test_workers import KILLS

SECRET = "s3cr et/@:%"
QUOTED = "s3cr%20et%2F%40%3A%25"


def programs() -> Path | None:
    """The folder with initdb and pg_ctl; Debian keeps it off the path. None where there are no
    sockets of files.
    """
    if os.name != "posix":
        return None
    here = shutil.which("pg_ctl")
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/pg_ctl")) or ([Path(here)] if here else [])
    return found[-1].parent if found else None


def someone() -> str | None:
    """Whom to run the server as: it refuses to be root."""
    import pwd

    if os.getuid() != 0:
        return None
    known = {user.pw_name for user in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in known)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """host:port of a private cluster whose user "recipe" has the password SECRET."""
    home = programs()
    if home is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    pytest.importorskip("psycopg",
                        reason="psycopg is not installed (pip install 'psycopg[binary]')")
    folder, user = Path(tempfile.mkdtemp(prefix="recipe-pg-")), someone()
    (folder / "password").write_text(SECRET)
    if user:
        for path in (folder, folder / "password"):
            shutil.chown(path, user)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def run(*command: str) -> None:
        subprocess.run([str(home / command[0]), *command[1:]], check=True, capture_output=True,
                       user=user, cwd=folder)

    try:
        run("initdb", "-D", str(folder / "data"), "-U", "recipe", "-A", "scram-sha-256",
            "--no-sync", "-E", "UTF8", "--locale=C", "--pwfile", str(folder / "password"))
        subprocess.run([
            str(home / "pg_ctl"), "-D",
            str(folder / "data"), "-w", "-l",
            str(folder / "log"), "-o",
            f"-p {port} -c listen_addresses=127.0.0.1 -k {folder} -c fsync=off", "start"
        ], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=user, cwd=folder)
        yield f"127.0.0.1:{port}"
        run("pg_ctl", "-D", str(folder / "data"), "-m", "immediate", "-w", "stop")
    finally:
        time.sleep(0.1)
        shutil.rmtree(folder, ignore_errors=True)


def address(server: str) -> str:
    return f"postgresql+psycopg://recipe:{QUOTED}@{server}/postgres"


@pytest.mark.timeout(900)
def test_workers_share_a_postgresql_and_killed_ones_lose_nothing(server: str,
                                                                 tmp_path: Path) -> None:
    found = run_workers(address(server), tmp_path, trials=2 * KILLS, kills=KILLS, seed=2)
    assert len(nothing_is_lost(found, 2 * KILLS)) >= KILLS // 2
    assert SECRET not in found["stderr"]
    assert QUOTED not in found["stderr"]


def test_a_wrong_password_is_told_without_it(server: str) -> None:
    with pytest.raises(RecipeError) as caught:
        open_storage(f"postgresql+psycopg://recipe:wr0ng%2Fpass@{server}/postgres", 60, 1)
    text = f"{caught.value} {caught.value.__cause__} {caught.getrepr(style='short')}"
    assert "password authentication failed" in text
    assert f"recipe:***@{server}" in text
    assert "wr0ng" not in str(caught.value)
