"""Which parts of a text are masked as passwords, and what is left as it is."""

import pytest

from recipe_widgets.core.errors import mask_passwords


@pytest.mark.parametrize(
    ("text", "shown"),
    [("postgresql+psycopg://me:pw@host:5/db", "postgresql+psycopg://me:***@host:5/db"),
     ("unrecognized arguments: --storge mysql://me:p@ss:w/rd@h/db",
      "unrecognized arguments: --storge mysql://me:***@h/db"),
     ("'postgresql://me:pw@a/b' and \"x://you:pw2@c/d\"",
      "'postgresql://me:***@a/b' and \"x://you:***@c/d\""),
     ("postgresql://me:a blank@host/db", "postgresql://me:***@host/db"),
     ("postgresql//me:pw@host/db", "postgresql//me:***@host/db"),
     ("postgresql:/me:pw@host/db", "postgresql:/me:***@host/db"),
     ("postgresql:me:pw@host/db", "postgresql:me:***@host/db"),
     ("postgresql://h/db?user=me&password=pw&sslmode=require",
      "postgresql://h/db?user=me&password=***&sslmode=require"),
     ("postgresql://me@host/db", "postgresql://me@host/db"),
     ("https://example.org:8080/a and lr=0.1, step 3: 5 @ 7",
      "https://example.org:8080/a and lr=0.1, step 3: 5 @ 7"), ])
def test_passwords_are_masked_and_nothing_else(text: str, shown: str) -> None:
    assert mask_passwords(text) == shown
    assert mask_passwords(shown) == shown
