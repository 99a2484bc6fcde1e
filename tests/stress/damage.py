"""What disks and copies do to files: cut short, bits flipped, a block of zeros."""

from __future__ import annotations

import random
from collections.abc import Iterator

BLOCK = 512  # bytes


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Another content than before."""
    how = chance.choice(("cut", "flip", "flip", "zeros"))
    spoiled = bytearray(content)
    if how == "flip":
        for place in chance.sample(range(len(content)),
                                   min(len(content), chance.choice((1, 1, 3, 20)))):
            spoiled[place] ^= 1 << chance.randrange(8)
    elif how == "zeros":
        start = chance.randrange(len(content))
        stop = min(len(content), start + BLOCK)
        spoiled[start:stop] = bytes(stop - start)
    return bytes(spoiled) if spoiled != content else content[:chance.randrange(len(content))]


def variants(content: bytes, count: int, seed: int = 0) -> Iterator[bytes]:
    chance = random.Random(seed)
    return (damaged(content, chance) for _ in range(count))
