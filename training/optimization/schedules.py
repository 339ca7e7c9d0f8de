"""Learning rates as functions of the step, and of nothing else: a resumed run goes on where it was.

A step is one call of the optimizer. All of them take a step or a tensor of steps and can be serialised.
"""

import io
import math
from pathlib import Path

import keras
import numpy as np
from keras import ops
from keras.optimizers.schedules import CosineDecay, LearningRateSchedule, PolynomialDecay

from common.errors import UserError
from common.files import write_bytes
from training.optimization import rates as options
from training.optimization.rates import Rates

ONECYCLE_RISE = 0.3  # share of the steps
ONECYCLE_START = 25  # the highest rate over the first one; both as in the usual implementations
CYCLIC_GAMMA = 0.99994  # exp_range: the amplitude's factor for a step, as in Smith 2017, section 4.1


def build(rates: Rates, steps_per_epoch: int, steps: int, gpus: int = 1) -> LearningRateSchedule:
    """The schedule of a run: warm-up, then the named curve over the rest of the steps.

    Args:
        rates: for one GPU.
        steps_per_epoch: steps of one rank.
        steps: of the whole run.
        gpus: number of ranks; the rates are scaled with it.

    Raises:
        UserError: the warm-up leaves nothing of the run.
    """
    factor = options.scale(rates.scaling, gpus)
    maximum, minimum = rates.maximum * factor, rates.minimum * factor
    options.require_fitting(rates, steps / steps_per_epoch)
    warmup = round(options.warmup_epochs(rates, steps / steps_per_epoch, gpus) * steps_per_epoch)
    steps = max(steps - warmup, 1)
    match rates.schedule:
        case "constant":
            main = Constant(maximum)
        case "polynomial":
            main = PolynomialDecay(maximum, steps, minimum, rates.power)
        case "cyclic":
            main = Cyclic(maximum, minimum, rates.cycle * steps_per_epoch, rates.mode)
        case "onecycle":
            main = OneCycle(maximum, minimum, steps)
        case "cosine":
            main = CosineDecay(maximum, steps, alpha=minimum / maximum)
    return WarmUp(main, warmup) if warmup else main


@keras.saving.register_keras_serializable("street_scenes")
class Constant(LearningRateSchedule):
    """The same rate at every step."""

    def __init__(self, rate: float):
        self.rate = rate

    def __call__(self, step):
        return ops.full(ops.shape(step), self.rate, "float32")

    def get_config(self):
        return {"rate": self.rate}


@keras.saving.register_keras_serializable("street_scenes")
class WarmUp(LearningRateSchedule):
    """A straight rise to another schedule's first rate, then that schedule (arXiv 1706.02677, section 2.2).

    Step s of the first `steps` has (s + 1) / (steps + 1) of the rate; the schedule begins at step `steps`.
    """

    def __init__(self, schedule: LearningRateSchedule, steps: int):
        self.schedule, self.steps = schedule, steps

    def __call__(self, step):
        step = ops.cast(step, "float32")
        rising = self.schedule(ops.zeros_like(step)) * (step + 1) / (self.steps + 1)
        return ops.where(step < self.steps, rising, self.schedule(ops.maximum(step - self.steps, 0)))

    def get_config(self):
        return {"schedule": keras.saving.serialize_keras_object(self.schedule), "steps": self.steps}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config["schedule"]), config["steps"])


@keras.saving.register_keras_serializable("street_scenes")
class Cyclic(LearningRateSchedule):
    """Straight lines from the minimum to the maximum and back (Smith 2017, arXiv 1506.01186).

    Args:
        maximum, minimum: the rates between which it swings.
        steps: of a whole cycle, up and down; Smith's step size is half of it.
        mode: triangular; triangular2, which halves the amplitude after each cycle; exp_range, which
            multiplies it by `CYCLIC_GAMMA` after each step.
    """

    def __init__(self, maximum: float, minimum: float, steps: float, mode: str = "triangular"):
        self.maximum, self.minimum, self.steps, self.mode = maximum, minimum, steps, mode

    def __call__(self, step):
        step = ops.cast(step, "float32")
        cycle = ops.floor(step / self.steps)
        height = 1 - ops.absolute(2 * (step / self.steps - cycle) - 1)  # 0 at both ends, 1 in the middle
        match self.mode:
            case "triangular2":
                height = height / 2**cycle
            case "exp_range":
                height = height * CYCLIC_GAMMA**step
        return self.minimum + (self.maximum - self.minimum) * height

    def get_config(self):
        return {"maximum": self.maximum, "minimum": self.minimum, "steps": self.steps, "mode": self.mode}


@keras.saving.register_keras_serializable("street_scenes")
class OneCycle(LearningRateSchedule):
    """One rise and one fall over the whole run, each half a cosine (Smith, Topin, arXiv 1708.07120).

    From maximum / 25 to the maximum in the first 30 % of the steps, then down to the minimum. Momentum
    stays as it is.
    """

    def __init__(self, maximum: float, minimum: float, steps: int):
        self.maximum, self.minimum, self.steps = maximum, minimum, steps

    def __call__(self, step):
        time = ops.minimum(ops.cast(step, "float32") / self.steps, 1.0)
        start = self.maximum / ONECYCLE_START
        rise = _half_cosine(start, self.maximum, time / ONECYCLE_RISE)
        fall = _half_cosine(self.maximum, self.minimum, (time - ONECYCLE_RISE) / (1 - ONECYCLE_RISE))
        return ops.where(time < ONECYCLE_RISE, rise, fall)

    def get_config(self):
        return {"maximum": self.maximum, "minimum": self.minimum, "steps": self.steps}


def _half_cosine(start: float, end: float, time):
    """From `start` at time 0 to `end` at time 1, level at both."""
    return end + (start - end) * (1 + ops.cos(math.pi * time)) / 2


POINTS = 4000  # drawn at most


def draw(path: Path, rates: Rates, steps_per_epoch: int, length: int, gpus: int = 1) -> None:
    """Draw the learning rate of every step, or of evenly spaced ones of a long run, as PNG.

    Args: see `build`; `length` are the steps of the whole run.

    Raises:
        UserError: the file cannot be written.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    last = length - 1
    steps = np.unique(np.linspace(0, last, min(last + 1, POINTS)).round())
    curve = np.asarray(build(rates, steps_per_epoch, length, gpus)(steps))
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
