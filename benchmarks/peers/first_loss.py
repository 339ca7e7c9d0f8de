"""The loss of a training step: the first one is kept, and all have to be numbers."""

import math
import sys


def note(about: dict, loss: float) -> None:
    """Keep the first loss as `first_loss`; end the process where one is no number.

    Other numbers may be calculated faster, or slower.
    """
    if not math.isfinite(loss):
        sys.exit(f"the loss became {loss}")
    about.setdefault("first_loss", loss)
