"""How often, and for how long: every timing constant of live sessions stands here."""

from __future__ import annotations

# --- repainting (the painter thread) --------------------------------------------------------------

# seconds between two repaints, at least. 8 a second look like a moving curve; Jupyter drops
# messages above 1000 a second, and each repaint sends one per widget
REPAINT_EVERY = 0.125
# share of its time that the painter may spend on drawing: a run of a million steps takes 70 ms to
# draw, and the trainer thread needs the interpreter meanwhile
REPAINT_SHARE = 0.1
# seconds between two repaints that a reader waits for
SHORTEST_REST = 0.02


def seconds_until_repaint(cost: float) -> float:
    """Seconds to rest after a repaint that took `cost` seconds of computing."""
    return max(REPAINT_EVERY, cost / REPAINT_SHARE)


# --- training (the trainer thread) ----------------------------------------------------------------

# seconds of training between two looks at the newest command: a slider answers within a blink
TRAIN_SLICE = 0.02
# seconds that a run may be in the making before the words say so
SETTING_UP_TOLD = 0.06
# seconds that the end of a thread is waited for; a reader's own training step may never return
JOIN_TIMEOUT = 5.0
# seconds over which steps per second are averaged before the number is renewed
RATE_EVERY = 0.3
# weight of the old rate in the new one, so that the number on the page does not flicker
RATE_MEMORY = 0.6

# --- training in the foreground (Colab, where no background thread can draw) ----------------------

# seconds of training at a time; then the kernel handles what the reader did meanwhile
FOREGROUND_SLICE = 0.25
# seconds that the kernel gets for that
FOREGROUND_PAUSE = 0.01

# --- what is measured and said while a run goes on ------------------------------------------------

# seconds between two measurements of the open inspector tab, at least, and their share of the time
INSPECT_EVERY, INSPECT_SHARE = 0.5, 0.08
# seconds between two opinions of the network on what a reader has drawn, at least
OPINION_EVERY = 0.1
# seconds between two diagnoses of a run, at least, and their share of the time
DIAGNOSE_EVERY, DIAGNOSE_SHARE = 0.5, 0.01
# steps before anything is diagnosed: the first losses say more of the initialisation
DIAGNOSE_FROM_STEP = 100
