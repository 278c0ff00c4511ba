"""Garbage is collected between episodes: looking for it again and again while one runs takes an eighth of the time.

An episode's services, calls and books are needed until its end, so that there is little to be found before.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collected_between_episodes() -> Iterator[None]:
    """Have no garbage collected inside of the block but by :func:`collect`."""
    was_enabled = gc.isenabled()
    keep_what_is_there()
    try:
        yield
    finally:
        gc.unfreeze()
        if was_enabled:
            gc.enable()


def keep_what_is_there() -> None:
    """Have no garbage collected but by :func:`collect`, which does not look at what is there now: modules, mostly."""
    gc.disable()
    gc.freeze()


def collect() -> None:
    """Collect what an episode has left."""
    gc.collect()
