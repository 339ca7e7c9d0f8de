"""Charts of inference: accuracy against speed, latency, throughput against batch, memory."""

import statistics
from collections import defaultdict

from matplotlib import ticker

from benchmarks.report import point_names
from benchmarks.report.canvas import BAR, Canvas, colors, dashes, drawn, markers
from benchmarks.report.page_parts import Figure, significant
from benchmarks.report.ranking import by_score, front, own
from benchmarks.report.rows import Group, Speed
from benchmarks.report.themes import LIGHT

MILLI, MIB = 1e3, 2**20
ROW, MARGIN = 40, 56  # CSS pixels of a row with its name above it; of the axis below
MOST_ROWS = 20


@drawn
def tradeoff(number: int, group: Group, rows: list[Speed]) -> list[Figure]:
    """mIoU against images per second with the Pareto front, one chart for each data set of scores."""
    figures = []
    for index, (data, scored) in enumerate(by_score(rows).items()):
        canvas = Canvas(f"tradeoff-{number}-{index}", f"mIoU on {data} against speed: {group.title}", 320)
        color, marker = colors([row.model for row in scored]), markers([row.runtime for row in scored])
        best = front(scored, own)
        for row in scored:
            _point(canvas, row, color[row.model], marker[row.runtime])
        x, y = [row.rate.median for row in best], [100 * row.miou for row in best]
        canvas.axes.plot(x, y, color=LIGHT["faint"], linewidth=1.2, drawstyle="steps-post", zorder=1)
        canvas.axes.set(xlabel="images per second", ylabel="mIoU, %")
        canvas.log_axis("x", [value for row in scored for value in row.rate])
        canvas.axes.margins(0.14)
        for runtime in sorted(marker):
            canvas.axes.plot([], [], marker[runtime], color=LIGHT["faint"], label=runtime, linestyle="none")
        canvas.legend()
        order = best + [row for row in scored if row not in best]
        points = [(row.rate.median, 100 * row.miou, name, color[row.model]) for row, name in _named(order)]
        reached = [(row.rate.least, 100 * row.miou, row.rate.most, 100 * row.miou) for row in scored]
        steps = [(x[n + 1], y[n], x[n], y[n]) for n in range(len(x) - 1)]
        point_names.write(canvas, points, reached + steps)
        figures.append(canvas.finish())
    return figures


def _named(rows: list[Speed]) -> list[tuple[Speed, str]]:
    """Rows with their names, of several with one network's mIoU only the first, which is the fastest."""
    first = {(row.model, row.miou): row for row in reversed(rows)}
    return [(row, row.model if first[row.model, row.miou] is row else "") for row in rows]


def _point(canvas: Canvas, row: Speed, color: str, marker: str) -> None:
    canvas.axes.plot(
        [row.rate.least, row.rate.most], [100 * row.miou] * 2, color=color, linewidth=1.5, alpha=0.5
    )
    (point,) = canvas.axes.plot(
        row.rate.median,
        100 * row.miou,
        marker,
        markersize=8,
        color=color,
        markerfacecolor=LIGHT["paper"] if row.noisy else color,
        zorder=3,
    )
    tip = f"{row.name}: {significant(row.rate.median)} images/s, {100 * row.miou:.1f} % mIoU"
    canvas.tip(point, tip + (", noisy" if row.noisy else ""))


@drawn
def latency(number: int, group: Group, rows: list[Speed]) -> Figure:
    """Latency of the calls: p50 to the longest, the 95 % below p95, and a box of the turns' medians."""
    shown = [row for row in rows if row.rate][:MOST_ROWS]
    canvas = Canvas(f"latency-{number}", f"Latency in ms a call: {group.title}", MARGIN + ROW * len(shown))
    color = colors([row.model for row in shown])
    for place, row in enumerate(shown):
        p50, longest = MILLI * row.latency["p50"], MILLI * max(row.latency.values())
        (line,) = canvas.axes.plot([p50, longest], [place] * 2, color=color[row.model], linewidth=1.2)
        if "p95" in row.latency:
            canvas.axes.plot(
                [p50, MILLI * row.latency["p95"]], [place] * 2, color=color[row.model], linewidth=4
            )
        _turns(canvas, place, row, color[row.model])
        canvas.axes.plot(p50, place, "o", color=color[row.model], markersize=6)
        tip = ", ".join(f"{name} {significant(MILLI * value)} ms" for name, value in row.latency.items())
        canvas.tip(line, f"{row.name}: {tip}")
    canvas.name_rows([f"{row.name}{', noisy' if row.noisy else ''}" for row in shown])
    canvas.axes.set_xlabel("ms a call")
    calls = [MILLI * value for row in shown for value in row.latency.values()]
    if canvas.log_axis("x", calls):
        canvas.axes.set_xlim(min(calls) / 1.3, max(calls) * 1.3)
    else:
        canvas.axes.set_xlim(0)
    return canvas.finish()


def _turns(canvas: Canvas, place: int, row: Speed, color: str) -> None:
    """The quartiles of the turns' medians as a box."""
    if len(row.turns) < 3:
        return
    low, _, high = (MILLI * value for value in statistics.quantiles(row.turns, method="inclusive"))
    canvas.axes.barh(
        place, high - low, BAR, left=low, color=LIGHT["paper"], edgecolor=color, linewidth=1.2, zorder=2
    )


@drawn
def throughput(number: int, shared: tuple[str, str, str], rows: list[Speed]) -> Figure | None:
    """Images per second against batch, of what was measured at two batches or more.

    Args:
        number: of the chart.
        shared: scope, size and device of all rows.
        rows: of all batches.
    """
    lines = defaultdict(list)
    for row in rows:
        if row.rate:
            lines[row.name].append(row)
    lines = {name: found for name, found in lines.items() if len({row.group.batch for row in found}) > 1}
    if not lines:
        return None
    canvas = Canvas(f"throughput-{number}", f"Images per second against batch: {', '.join(shared)}")
    color = colors([found[0].model for found in lines.values()])
    dash = dashes([found[0].runtime for found in lines.values()])
    for name, found in sorted(lines.items()):
        found.sort(key=lambda row: row.group.batch)
        batches, rates = [row.group.batch for row in found], [row.rate for row in found]
        middle = [rate.median for rate in rates]
        (line,) = canvas.axes.plot(
            batches,
            middle,
            "o",
            linestyle=dash[found[0].runtime],
            color=color[found[0].model],
            label=name,
            markersize=5,
        )
        canvas.axes.fill_between(
            batches,
            [r.least for r in rates],
            [r.most for r in rates],
            color=color[found[0].model],
            alpha=0.15,
            linewidth=0,
        )
        canvas.tip(line, f"{name}: {', '.join(f'{b}: {significant(m)}' for b, m in zip(batches, middle))}")
    ticks = sorted({row.group.batch for found in lines.values() for row in found})
    canvas.axes.set_xscale("log", base=2)
    canvas.axes.set_xticks(ticks, [str(batch) for batch in ticks])
    canvas.axes.xaxis.set_minor_locator(ticker.NullLocator())
    canvas.log_axis("y", [row.rate.median for found in lines.values() for row in found])
    canvas.axes.set(xlabel="batch", ylabel="images per second")
    canvas.legend()
    return canvas.finish()


def memory(number: int, group: Group, rows: list[Speed]) -> list[Figure]:
    """Peak memory, a chart for the process's and one for the device's."""
    kinds = sorted({row.memory_of for row in rows if row.memory})
    figures = []
    for kind in kinds:
        shown = [row for row in rows if row.memory and row.memory_of == kind][:MOST_ROWS]
        title = f"Peak memory of the {kind} in MiB: {group.title}"
        bars = [(row.name, row.memory / MIB, row.model) for row in shown]
        figures.append(bar_chart(f"memory-{number}-{kind}", title, bars, "MiB"))
    return figures


@drawn
def bar_chart(name: str, title: str, bars: list[tuple[str, float, str]], unit: str) -> Figure:
    """Bars with their names above and their values at their ends.

    Args:
        name: of the chart.
        title: of the chart.
        bars: (name, value, what has a colour of its own), from the top.
        unit: of the values.
    """
    canvas = Canvas(name, title, MARGIN + ROW * len(bars))
    color = colors([kind for _, _, kind in bars])
    most = max(value for _, value, _ in bars)
    for place, (label, value, kind) in enumerate(bars):
        (bar,) = canvas.axes.barh(place, value, BAR, color=color[kind])
        canvas.tip(bar, f"{label}: {significant(value)} {unit}")
        canvas.axes.annotate(
            significant(value), (value, place), (4, 0), textcoords="offset points", va="center", fontsize=11
        )
    canvas.name_rows([label for label, _, _ in bars])
    canvas.axes.set_xlim(0, most * 1.2)
    canvas.axes.grid(visible=False)
    canvas.axes.set_xlabel(unit)
    return canvas.finish()
