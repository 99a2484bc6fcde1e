"""`make lab`: nobody but the reader gets in."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.stress.tally import FULL

ROOT = Path(__file__).parents[2]


def recipe_of(target: str) -> str:
    """The commands of one target of the Makefile."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    found = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", text, re.MULTILINE)
    assert found, f"no target {target}"
    return found[1]


def test_the_lab_listens_here_only_and_keeps_its_token() -> None:
    command = recipe_of("lab")
    assert "--ip=127.0.0.1" in command
    for word in ("token=", "password=", "disable_check_xsrf", "allow_origin", "allow_remote_access",
                 "0.0.0.0", "--ip=*"):
        assert word not in command


def status(address: str) -> int:
    try:
        with urllib.request.urlopen(address, timeout=10) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.skipif(not FULL, reason="starts a server: in make stress")
@pytest.mark.skipif(shutil.which("make") is None or os.name != "posix", reason="needs make")
def test_without_the_token_nobody_gets_in(tmp_path: Path) -> None:
    """The real `make lab`, on another port and without a browser."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {
        name: str(tmp_path / name.lower())
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    }
    arguments = f"--no-browser --port={port} --ServerApp.port_retries=0"
    command = [
        "make", "lab", f"BIN={Path(sys.executable).parent}", "-o", ".venv/.reader",
        f"ARGS={arguments}"
    ]
    server = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **own},
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                              encoding="utf-8", start_new_session=True)
    try:
        said = ""
        for line in server.stderr:  # type: ignore[union-attr]
            said += line
            if token := re.search(rf"http://127\.0\.0\.1:{port}/\S*\?token=([0-9a-f]+)", line):
                break
        else:
            raise AssertionError(said)
        assert len(token[1]) >= 32
        base = f"http://127.0.0.1:{port}"
        answers(base, server)
        for closed in ("/api/contents", "/api/kernels", "/api/terminals",
                       f"/api/contents?token={'0' * 48}"):
            assert status(base + closed) == 403
        assert status(f"{base}/api/contents?token={token[1]}") == 200
        if sys.platform.startswith("linux"):  # elsewhere only an administrator may ask
            assert listening_on(port) == {"127.0.0.1"}
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.stderr.close()  # type: ignore[union-attr]
        server.wait(30)


def answers(base: str, server: subprocess.Popen[str]) -> None:
    """Wait until it does: the address is printed a moment before."""
    while server.poll() is None:
        with contextlib.suppress(urllib.error.URLError):
            status(f"{base}/api")
            return
        time.sleep(0.1)
    raise AssertionError("make lab has ended")


def listening_on(port: int) -> set[str]:
    """The addresses of this machine at which something listens on a port."""
    import psutil

    return {
        one.laddr.ip
        for one in psutil.net_connections("tcp")
        if one.status == "LISTEN" and one.laddr.port == port
    }
