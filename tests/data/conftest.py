"""Folders of its own for each test, a tiny set with known answers, and a small server on this
machine.
"""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from recipe_widgets.data import Data


@pytest.fixture(autouse=True)
def _own_data_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECIPE_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("RECIPE_DATA", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def tiny() -> Data:
    """60 grey images 2x2 of 3 classes (10, 20, 30 of them); the image's value is its number."""
    y = np.repeat([0, 1, 2], [10, 20, 30])
    x = np.broadcast_to(np.arange(60, dtype=np.uint8)[:, None, None], (60, 2, 2))
    return Data.from_arrays(x, y, name="tiny", classes=["a", "b", "c"], source="here",
                            licence="any")


@dataclass
class Server:
    """What the server gives, how it behaves, and what it was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    # bytes sent before the connection breaks, request by request
    break_after: list[int] = field(default_factory=list)
    ranges: bool = True
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    base: str = ""


def _handler(server: Server) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            server.asked.append((self.path[1:], wanted))
            content = server.files.get(self.path[1:])
            start = int(
                wanted.removeprefix("bytes=").rstrip("-")) if wanted and server.ranges else 0
            if content is None or start >= len(content):
                self.send_error(404 if content is None else 416)
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range",
                                 f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            most = server.break_after.pop(0) if server.break_after else len(content)
            self.wfile.write(content[start:start + most])

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@pytest.fixture
def server() -> Iterator[Server]:
    served = Server()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(served)) as running:
        served.base = f"http://127.0.0.1:{running.server_address[1]}/"
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield served
        running.shutdown()
        thread.join()
