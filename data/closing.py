"""Pipelines end before the interpreter does, however a program leaves them.

At the interpreter's own end no thread gets its lock any more, and tf.data, which waits there for its threads,
would wait for ever: a training that failed would hang instead of telling so.
"""

import atexit
import weakref
from collections.abc import Generator

UNFINISHED: weakref.WeakSet[Generator] = weakref.WeakSet()


def closed_at_exit(generator: Generator) -> Generator:
    """The same generator, which is closed when the program ends."""
    UNFINISHED.add(generator)
    return generator


@atexit.register
def close_unfinished():
    """Close all generators that are still under way."""
    for generator in list(UNFINISHED):
        generator.close()
