"""Figures that others published, and this suite's beside them."""

from typing import NamedTuple

from benchmarks.report.page_parts import Cell, Column, Table, number, text
from benchmarks.report.reported import ReportedRecords


class Figures(NamedTuple):
    """A published row; mIoU and speed are None where they were not published."""

    model: str
    size: str
    miou: float | None  # %
    niou: float | None  # %, mean nIoU of the classes
    categories: float | None  # %, mIoU of the categories
    speed: float | None  # images/s
    source: str


PREDECESSOR = "the predecessor project's own table: TensorFlow 2.1, 8 V100, Cityscapes val"
PAPERS = "papers and public model zoos: Cityscapes val unless stated"
PUBLISHED = {
    PREDECESSOR: [
        Figures("Fast-SCNN", "1024x2048", 63.1, 33.5, 81.2, None, "epoch 454"),
        Figures("Fast-SCNN", "", None, None, None, 10, "Jetson AGX Xavier, after conversion"),
        Figures("DeepLabV3+ mobilenetv2", "1024x2048", 42.3, 18.4, 73.9, None, "epoch 490"),
        Figures("Separable U-Net", "512x1024", 23.3, 7.5, 57.1, None, "epoch 108; too large at 1024x2048"),
        Figures("U-Net", "", None, None, None, None, "did not fit at 1024x2048"),
        Figures("Bayesian SegNet", "", None, None, None, None, "did not work"),
    ],
    PAPERS: [
        Figures("Fast-SCNN", "1024x2048", 68.6, None, None, 123.5, "arXiv 1902.04502, Titan Xp"),
        Figures("Fast-SCNN", "512x1024", None, None, None, 285.8, "arXiv 1902.04502, Titan Xp"),
        Figures("Fast-SCNN", "", 70.96, None, None, 56.5, "mmsegmentation, V100"),
        Figures("U-Net", "", 69.10, None, None, 3.05, "mmsegmentation (s5-d16), V100"),
        Figures("SegNet", "", 60.1, None, None, None, "PaddleSeg, VGG16"),
        Figures("Bayesian SegNet", "", 63.1, None, None, None, "arXiv 1511.02680, CamVid, 50 samples"),
        Figures("DeepLabV3+ mobilenetv2", "", 75.20, None, None, 8.4, "mmsegmentation (D8), V100"),
        Figures("DeepLabV3+ resnet50", "", 79.61, None, None, 3.9, "mmsegmentation (D8), V100"),
        Figures("DeepLabV3+ Xception-65", "", 78.8, None, None, None, "DeepLab model zoo"),
        Figures("DeepLabV3+ Xception-71", "", 79.6, None, None, None, "arXiv 1802.02611"),
    ],
}
COLUMNS = [
    Column("model", numeric=False),
    Column("input", numeric=False),
    Column("mIoU, %"),
    Column("nIoU, %"),
    Column("mIoU categories, %"),
    Column("images/s"),
    Column("where from", numeric=False),
]


def table(reported: ReportedRecords) -> Table:
    """Published rows by source, and this suite's scores and counted costs as groups of their own."""
    listed = [(source, [_published(row) for row in rows]) for source, rows in PUBLISHED.items()]
    listed += [(f"this suite: {name}", rows) for name, rows in _ours(reported).items()]
    return Table("Published figures", COLUMNS, listed)


def _published(row: Figures) -> list[Cell]:
    figures = (row.miou, row.niou, row.categories, row.speed)  # digit by digit as they were published
    cells = [number(None) if value is None else Cell(f"{value:g}", value) for value in figures]
    return [text(row.model), text(row.size), *cells, text(row.source)]


def _ours(reported: ReportedRecords) -> dict[str, list[list[Cell]]]:
    """Scores by data set, and the fastest run of each model by device, size and scope."""
    found: dict[str, list] = {}
    for score in reported.accuracies:
        cells = [number(100 * score.miou), *[number(None)] * 3, text("scores")]
        found.setdefault(score.data, []).append([text(score.model), text(score.size), *cells])
    fastest: dict[tuple, object] = {}
    for speed in reported.speeds:
        if speed.rate and speed.group.batch == 1:
            key = speed.group, speed.model
            if key not in fastest or fastest[key].rate.median < speed.rate.median:
                fastest[key] = speed
    for (group, model), speed in sorted(fastest.items()):
        cells = [*[number(None)] * 3, number(speed.rate.median), text(speed.how)]
        found.setdefault(group.title, []).append([text(model), text(group.size), *cells])
    return found
