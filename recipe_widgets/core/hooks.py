"""What records of this room offer, and rooms above it do: `run.plot()`, `run.at()`, `run.to_script()`.

A lower room may not import a higher one. So the root package, which stands above all of them, puts
functions into this table, and a record asks for them by name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_services: dict[str, Callable[..., Any]] = {}


def provide(**services: Callable[..., Any]) -> None:
    """Put functions of higher rooms into the table, each under its name."""
    _services.update(services)


def service(name: str) -> Callable[..., Any]:
    """The function of a higher room with this name."""
    return _services[name]
