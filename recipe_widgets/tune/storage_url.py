"""Addresses of storages, and how they may be shown: without passwords."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from recipe_widgets.core.errors import mask_passwords
from recipe_widgets.core.validation import validated

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

# Options of an address that hold no secret. All others are masked: a mistyped "pasword" is one.
SHOWN = ("host", "port", "dbname", "user", "sslmode", "connect_timeout", "application_name",
         "target_session_attrs", "uri", "mode", "timeout")


def as_url(storage: str) -> str:
    """`storage` as an address; a plain file name becomes a SQLite file."""
    return storage if "://" in storage else f"sqlite:///{storage}"


def parsed_url(storage: str) -> URL | None:
    """The parts of an address; None where it cannot be said for sure which of them is the
    password.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(as_url(storage))
    except (ArgumentError, ValueError):  # SQLAlchemy's own words may quote the address
        return None
    if "://" not in storage:
        return url if mask_passwords(storage) == storage else None  # else a mistyped "://"
    return url if storage.count("@") < 2 else None  # else the password may end at either


@validated
def hidden(storage: str | None) -> str:
    """`storage` as it may be shown: without passwords."""
    if storage is None:
        return "memory"
    url = parsed_url(storage)
    if url is None:
        return re.match(r"(\w+(\+\w+)?://)?", storage)[0] + "..."  # type: ignore[index]
    query = {key: value if key.lower() in SHOWN else "***" for key, value in url.query.items()}
    return url.set(query=query).render_as_string(hide_password=True)


def without_secrets(text: str, storage: str) -> str:
    """`text`, an error of a driver, without the passwords in `storage`."""
    url = parsed_url(storage)
    if url is None:
        return "its address cannot be taken apart"
    typed = re.findall(r"://[^:/]*:(.*)@", storage)
    options = [
        value for key in url.query if key.lower() not in SHOWN
        for value in url.normalized_query[key]
    ]
    for secret in filter(None, [*typed, url.password or "", *options]):
        # as typed, and as drivers write it: quoted for an address, or as Python shows it
        forms = (secret, quote(secret, safe=""), quote(secret), quote_plus(secret),
                 repr(secret)[1:-1])
        for form in forms:
            text = text.replace(form, "***")
    return mask_passwords(text.replace(storage, hidden(storage)))
