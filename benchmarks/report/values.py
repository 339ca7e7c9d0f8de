"""What records hold, value by value: each is what it should be, or a ValueError."""

from typing import NamedTuple

from models import registry
from models.model_options import current

LONGEST = 48  # characters of a name from a record
VECTORS = {"avx2", "avx512f"}  # instructions of x86 processors, for 8 and 16 numbers of float32
LEAST, MOST = 1e-12, 1e18  # of any count, seconds, bytes or rates; charts have no room for others


class Spread(NamedTuple):
    """Least, median and most of the turns."""

    least: float
    median: float
    most: float


def label(model: object, options: object) -> str:
    """A model's name, its encoder's, and its other options' values in the order of their names."""
    others = dict(sorted(current(mapping(options or {})).items()))
    encoder = str(others.get("encoder"))
    if encoder in registry.ENCODERS:
        del others["encoder"]
    return short(" ".join([*registry.titles(word(model), encoder), *map(str, others.values())]))


def short(name: str) -> str:
    """A name that fits a line."""
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


def word(value: object) -> str:
    """A text that is one.

    Raises:
        ValueError: it is not.
    """
    if not isinstance(value, str):
        raise ValueError(f"{str(value)[:40]!r} where a name is due")
    return value


def mapping(value: object) -> dict:
    """A JSON object that is one."""
    if not isinstance(value, dict):
        raise ValueError(f"{str(value)[:40]!r} where an object is due")
    return value


def figure(value: object) -> float:
    """A number of at least 0."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{str(value)[:40]!r} where a number is due")
    if not 0 <= value <= MOST:
        raise ValueError(f"{value:g} where a number from 0 to {MOST:g} is due")
    return float(value)


def positive(value: object) -> float:
    """A number above 0."""
    if figure(value) < LEAST:
        raise ValueError(f"{value:g} where a number above {LEAST:g} is due")
    return float(value)


def size(value: object) -> str:
    """HEIGHTxWIDTH."""
    height, width = value
    return f"{positive(height):.0f}x{positive(width):.0f}"


def spread(value: dict) -> Spread:
    """Least, median and most."""
    return Spread(*(positive(value[key]) for key in ("min", "median", "max")))


def device(named: object, environment: dict) -> str:
    """What a figure belongs to: the processor's or GPU's name, its cores, threads and power mode.

    Virtual processors of one name differ in instructions: those without AVX-512 say so.
    """
    if word(named) == "CPU":
        cores = f"{figure(environment['cpus']):.0f}"
        found = f"{short(word(environment['cpu']))}, {cores} core{'' if cores == '1' else 's'}"
        found += ", AVX2" if VECTORS & {*(environment.get("cpu_features") or [])} == {"avx2"} else ""
        threads = mapping(environment.get("threads") or {})
        limits = [short(f"{name}={value}") for name, value in sorted(threads.items())]
    else:  # nvidia-smi's name where there is one: every runtime calls the same GPU otherwise
        found = short(word(next(iter(environment.get("gpus") or []), named)).split(",")[0])
        limits = []
    modes = [short(word(line).split(":")[-1].strip()) for line in (environment.get("power_mode") or [])[:1]]
    return ", ".join([found, *limits, *modes])
