"""Figures of a configuration for people, and the ratios of its runtimes."""

from benchmarks import latency
from benchmarks.configurations import described

COLUMNS = ("p50", "p90", "p95", "p99", "max")
MILLI = 1e3


def speed(found: dict) -> dict:
    """Speed of each runtime over that of the first, turn by turn, so that a slow turn hardly matters.

    Args:
        found: name -> figures, see `benchmarks.latency.figures`, or `failed`.

    Returns:
        `over`, the first runtime's name, and name -> minimum, median, maximum, and whether they are `noisy`;
        empty with fewer than two runtimes.
    """
    measured = {name: result["turns"] for name, result in found.items() if "failed" not in result}
    if len(measured) < 2:
        return {}
    first, *others = measured
    ratios = {name: [theirs / own for theirs, own in zip(measured[first], measured[name])] for name in others}
    spreads = {
        name: latency.spread(values) | {"noisy": latency.is_noisy(values)} for name, values in ratios.items()
    }
    return {"over": first} | spreads


def table(settings: dict, found: dict) -> str:
    """A configuration's table."""
    source = "weights of a file" if isinstance(settings["weights"], dict) else "random weights"
    ratios = speed(found)
    lines = [
        f"{described(settings)}, {source}",
        f"  {'ms a call':12}" + "".join(f"{name:>9}" for name in COLUMNS) + f"{'images/s':>28}  speed",
    ]
    for name, result in found.items():
        lines.append(
            f"  {name:12}"
            + (line(result, ratios.get(name)) if "failed" not in result else f" {result['failed']}")
        )
        if "stages" in result:
            lines.append(f"  {'':12} " + ", ".join(stage(*item) for item in result["stages"].items()))
    return "\n".join(lines) + "\n"


def line(result: dict, ratio: dict | None) -> str:
    """A runtime's figures; no p99 of too few calls."""
    cells = [result["latency"].get(name) for name in COLUMNS]
    numbers = "".join(f"{'-':>9}" if cell is None else f"{cell * MILLI:9.2f}" for cell in cells)
    rate = result["pictures_per_second"]
    rates = f"{rate['median']:.2f} ({rate['min']:.2f}-{rate['max']:.2f})"
    times = f"  {ratio['median']:.2f} ({ratio['min']:.2f}-{ratio['max']:.2f})" if ratio else ""
    return f"{numbers}{rates:>28}{times}" + ("  noisy" if result["noisy"] else "")


def stage(name: str, figures: dict) -> str:
    """A stage of end-to-end."""
    return f"{name} {figures['p50'] * MILLI:.2f} ms ({100 * figures['share']:.0f} %)"
