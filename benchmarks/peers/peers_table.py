"""A comparison's figures for people."""

import statistics

from benchmarks.configurations import described

COLUMNS = f"  {'':17}{'ms a call':>10}  {'least-most':19}{'times as fast':>13}  {'MiB':>6}  difference"
MILLI, MIB = 1e3, 2**20


def table(settings: dict, found: dict) -> str:
    """A comparison's table: the median turn of each runtime, its speed over the original's, its memory."""
    lines = [heading(settings), COLUMNS]
    for name, result in found["runtimes"].items():
        if "failed" in result:
            lines.append(f"  {name:17} {result['failed']}")
            continue
        lines.append(f"  {name:17}" + line(result, found["speed"].get(name), found["difference"].get(name)))
    return "\n".join(lines) + "\n"


def heading(settings: dict) -> str:
    """The network, and what it is compared with."""
    options = " ".join(str(value) for value in settings["options"].values())
    return f"{described(settings)}; {options}: {settings['original']} of {settings['package']}"


def line(result: dict, ratio: dict | None, difference: float | None) -> str:
    """A runtime's figures."""
    seconds = [MILLI * turn for turn in result["turns"]]
    span = f"{min(seconds):.1f}-{max(seconds):.1f}"
    times = f"{ratio['median']:.2f}" if ratio else "1"
    return (
        f"{statistics.median(seconds):10.1f}  {span:19}{times:>13}  "
        f"{result['memory']['peak_bytes'] / MIB:6.0f}  "
        f"{'' if difference is None else f'{difference:.1e}'}{'  noisy' if result['noisy'] else ''}"
    )
