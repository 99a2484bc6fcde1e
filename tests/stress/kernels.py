"""A real kernel, and what a page does for its widgets, without a browser: it keeps their states
and sends messages.
"""

from __future__ import annotations

import os
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from queue import Empty
from typing import Any

import psutil
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

PATIENCE = 90.0  # seconds: how long a slow machine may take; a fast one never waits for it
# A sitting on little data, with one long run on its way.
PANEL = """
import numpy as np
from recipe_widgets import Data, LivePanel, Settings
rng = np.random.default_rng(0)
data = Data.from_arrays(rng.integers(0, 255, (300, 8, 8), dtype=np.uint8), np.arange(300) % 3)
panel = LivePanel(data, Settings(width=16, batch_size=32, max_steps=10**9)); panel.start(); panel
"""


class Page:
    """Reads what a kernel publishes: the state of each widget, when each text was sent, and
    replies.
    """

    def __init__(self, client: BlockingKernelClient) -> None:
        self.client = client
        self.states: dict[str, dict[str, Any]] = {}
        self._answers: dict[str, dict[str, Any]] = {}
        # when, by the kernel's clock, a widget's value was sent
        self.sent: dict[str, list[datetime]] = {}

    def take(self, patience: float = 0.05) -> bool:
        """One message; False when none came."""
        try:
            message = self.client.get_iopub_msg(timeout=patience)
        except Empty:
            return False
        content, kind = message["content"], message["msg_type"]
        if kind == "comm_open" and content["target_name"] == "jupyter.widget":
            self.states[content["comm_id"]] = dict(content["data"]["state"])
        elif kind == "comm_close":
            self.states.pop(content["comm_id"], None)
        elif kind == "comm_msg" and content["data"].get("method") in ("update", "update_states"):
            states = content["data"].get("states", {content["comm_id"]: content["data"]})
            for name, update in states.items():
                self.states.setdefault(name, {}).update(update["state"])
                if "value" in update["state"]:
                    self.sent.setdefault(name, []).append(message["header"]["date"])
        return True

    def until(self, what: Any) -> None:
        end = time.monotonic() + PATIENCE
        while not what():
            assert time.monotonic() < end, f"it never came to be: {self.words}"
            self.take()

    def read_all(self) -> None:
        while self.take():
            pass

    def ask(self, code: str, read: bool = True) -> str:
        """Run a cell and wait for its reply: "ok", or the name of the error. read: what is
        published meanwhile.
        """
        return self.reply(self.client.execute(code), read)

    def reply(self, request: str, read: bool = True) -> str:
        content = self._answer(request, read)
        return str(content.get("ename", content["status"]))

    def interrupted(self, request: str, manager: KernelManager) -> str:
        """The reply to a cell that was interrupted, and is again after some seconds: Python
        drops what meets a finalizer.
        """
        for _ in range(3):
            with suppress(AssertionError):
                return str(self._answer(request, read=True, patience=15)["ename"])
            manager.interrupt_kernel()
        return self.reply(request)

    def value(self, expression: str, read: bool = True) -> str:
        """The repr of an expression in the kernel.

        Asked again where Jupyter itself dropped the question: a kernel that has just answered with
            an error aborts what
        is queued.
        """
        for _ in range(5):
            content = self._answer(self.client.execute("", user_expressions={"it": expression}),
                                   read)
            if content["status"] != "aborted":
                break
        assert content["status"] == "ok", content
        return str(content["user_expressions"]["it"]["data"]["text/plain"])

    def _answer(self, request: str, read: bool, patience: float = PATIENCE) -> dict[str, Any]:
        if request in self._answers:
            return self._answers.pop(request)
        end = time.monotonic() + patience
        while True:
            assert time.monotonic() < end, "no reply"
            if read:
                self.take(0.01)
            with suppress(Empty):
                message = self.client.get_shell_msg(timeout=0.01)
                self._answers[message["parent_header"].get("msg_id", "")] = message["content"]
            if request in self._answers:
                return self._answers.pop(request)

    def find(self, **wanted: str) -> str:
        """The oldest widget of which these traits begin so; a cell's reply may come before the
        widgets it shows.
        """
        found: list[str] = []

        def here() -> bool:
            found[:] = [
                name for name, state in self.states.items() if all(
                    str(state.get(trait, "")).startswith(text) for trait, text in wanted.items())
            ]
            return bool(found)

        self.until(here)
        return found[0]

    @property
    def words(self) -> str:
        """The plain-words line of the oldest panel."""
        found = (str(state.get("value", "")) for state in self.states.values())
        return re.sub("<.*?>", "",
                      next((text for text in found if 'class="recipe-words"' in text), ""))

    @property
    def step(self) -> int:
        found = re.search(r"Step ([\d,]+)", self.words)
        return int(found.group(1).replace(",", "")) if found else -1

    def press(self, label: str) -> None:
        button = self.find(_view_name="ButtonView", description=label)
        self._send(button, {"method": "custom", "content": {"event": "click"}})

    def move(self, label: str, value: float) -> None:
        self._send(self.find(_view_name="FloatLog", description=label),
                   {"method": "update", "state": {"value": value}, "buffer_paths": []})

    def reload(self) -> None:
        """Forget all, and ask the kernel for the state of every widget, as a page does that is
        loaded again.

        And again, where the answer does not come: what nobody read may stand in its way, and then
            it is dropped.
        """
        self.states.clear()
        end = time.monotonic() + PATIENCE
        while not self.words:
            assert time.monotonic() < end, "no state of any widget"
            name, again = uuid.uuid4().hex, time.monotonic() + 5
            self._shell("comm_open",
                        {"comm_id": name, "target_name": "jupyter.widget.control", "data": {}},
                        {"version": "1.0.0"})
            self._send(name, {"method": "request_states"})
            while not self.words and time.monotonic() < again:
                self.take()

    def _send(self, name: str, data: dict[str, Any]) -> None:
        self._shell("comm_msg", {"comm_id": name, "data": data})

    def _shell(self, kind: str, content: dict[str, Any],
               metadata: dict[str, str] | None = None) -> None:
        self.client.shell_channel.send(self.client.session.msg(kind, content, metadata=metadata))


@contextmanager
def running_kernel(folder: Path) -> Iterator[tuple[KernelManager, Page]]:
    """A kernel with its state in `folder`; nothing is left behind."""
    manager = KernelManager(kernel_name="python3")
    manager.shutdown_wait_time = PATIENCE
    manager.start_kernel(cwd=str(folder), env={**os.environ, "RECIPE_STATE": str(folder / "state")})
    page = connected(manager)
    try:
        yield manager, page
    finally:
        page.client.stop_channels()
        if manager.is_alive():
            manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


def connected(manager: KernelManager) -> Page:
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=PATIENCE)
    return Page(client)


def process_of(manager: KernelManager) -> psutil.Process:
    assert manager.provisioner is not None
    return psutil.Process(manager.provisioner.process.pid)  # type: ignore[attr-defined]
