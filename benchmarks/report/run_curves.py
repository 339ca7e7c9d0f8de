"""Training runs in the report: their curves and the images of their last validation."""

import csv
from pathlib import Path

from benchmarks.report.canvas import Canvas, colors, drawn
from benchmarks.report.gallery import embedded
from benchmarks.report.page_parts import Figure, Section
from common.errors import UserError

LOG = Path("csv") / "log.csv"
CURVES = {  # column -> what it is called
    "val_miou": "mIoU of the validation",
    "val_loss": "loss of the validation",
    "loss": "loss of the training",
    "learning_rate": "learning rate",
}


def section(runs: list[Path]) -> Section:
    """Curves and images of run folders.

    Raises:
        UserError: one is no run, or its log is damaged.
    """
    named = {"/".join(run.resolve().parts[-2:]): run for run in runs}
    found = Section(
        "curves",
        "Training curves",
        "A line for each run, by epoch. Below, the last validation's images: image, truth, prediction.",
        lacking="" if runs else "python benchmark.py report --runs logs/MODEL/RUN",
    )
    logs = {name: _rows(run) for name, run in named.items()}
    charts = [_curve(column, title, logs) for column, title in CURVES.items()]
    found.figures = [chart for chart in charts if chart]
    for name, run in named.items():
        shown = sorted(run.glob("images/epoch_*.png"), key=lambda path: int(path.stem.split("_")[1]))
        if shown:
            title = f"{name}, {shown[-1].stem.replace('_', ' ')}"
            found.strips.append((title, [embedded("image, truth, prediction", shown[-1], width=960)]))
    return found


def _rows(run: Path) -> list[dict[str, float]]:
    """The log's numbers, those that were not taken left out."""
    path = run / LOG
    if not path.is_file():
        raise UserError(f"{run} is no run with a log ({LOG}); give logs/<model>/<timestamp> to `runs`")
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return [
                {name: float(row[name]) for name in ("epoch", *CURVES) if row.get(name)}
                for row in csv.DictReader(file)
            ]
    except (ValueError, csv.Error) as error:
        raise UserError(f"{path}: a damaged log ({error}); leave this run out") from error


@drawn
def _curve(column: str, title: str, logs: dict[str, list[dict]]) -> Figure | None:
    """A column of all runs that have it."""
    lines = {
        name: [(row["epoch"], row[column]) for row in rows if column in row and "epoch" in row]
        for name, rows in logs.items()
    }
    lines = {name: points for name, points in lines.items() if points}
    if not lines:
        return None
    canvas = Canvas(f"curve-{column}", f"{title} by epoch")
    color = colors(list(logs))
    for name, points in lines.items():
        (line,) = canvas.axes.plot(*zip(*points), ".-", color=color[name], label=name, markersize=4)
        canvas.tip(line, f"{name}: {points[-1][1]:.4g} after epoch {points[-1][0]:.0f}")
    canvas.axes.set(xlabel="epoch", ylabel=title)
    canvas.axes.xaxis.get_major_locator().set_params(integer=True)
    if column != "learning_rate":
        canvas.axes.set_ylim(0)
    canvas.legend(1)
    return canvas.finish()
