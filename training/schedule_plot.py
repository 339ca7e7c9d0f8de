"""A run's learning rate as a picture."""

import io
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.files import write_bytes
from training import schedules
from training.rates import Rates

POINTS = 4000  # drawn at most


def draw(path: Path, rates: Rates, steps_per_epoch: int, epochs: int, gpus: int = 1) -> None:
    """Draw the learning rate of every step, or of evenly spaced ones of a long run, as PNG.

    Raises:
        UserError: the file cannot be written.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    last = steps_per_epoch * epochs - 1
    steps = np.unique(np.linspace(0, last, min(last + 1, POINTS)).round())
    curve = np.asarray(schedules.build(rates, steps_per_epoch, epochs, gpus)(steps))
    figure, axis = plt.subplots(figsize=(9, 4.2), layout="constrained")
    axis.plot(steps / steps_per_epoch, curve)
    axis.set(xlabel="epoch", ylabel="learning rate", title=_title(rates, gpus))
    axis.grid(alpha=0.3)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    plt.close(figure)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {path.parent}: {error.strerror}") from error
    write_bytes(path, buffer.getvalue())


def _title(rates: Rates, gpus: int) -> str:
    scaled = f", scaled for {gpus} GPUs ({rates.scaling})" if gpus > 1 else ""
    return f"{rates.schedule}, at most {rates.maximum:g}{scaled}"
