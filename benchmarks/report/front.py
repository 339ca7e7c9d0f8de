"""The page's first screen: what its chart of mIoU against speed is drawn from, by choice of the reader.

The browser draws it (`front.js`), as filters by device, size, work and precision act on chart and tables
alike.
"""

from collections import Counter

from benchmarks.report.page_parts import Choice, Front, significant
from benchmarks.report.ranking import groups
from benchmarks.report.rows import CITYSCAPES, Speed


def front(speeds: list[Speed]) -> Front | None:
    """The first screen's chart; None without any row whose mIoU is known."""
    points = [point for row in speeds if row.rate for point in _points(row)]
    if not points:
        return None
    first = next(iter(groups(row for row in speeds if row.rate and _points(row))))
    data = Counter(point["data"] for point in points if _same(point, first)).most_common()
    choices = [
        Choice("device", "Device", _values(points, "device", first.device)),
        Choice("size", "Size", _values(points, "size", first.size)),
        Choice("work", "Work", _values(points, "work", work(first))),
        Choice("precision", "Precision", _values(points, "precision"), all=True),
        Choice("data", "mIoU on", _values(points, "data", data[0][0])),
    ]
    return Front(choices, points)


def _same(point: dict, group) -> bool:
    return (point["device"], point["size"], point["work"]) == (group.device, group.size, work(group))


def work(group) -> str:
    """What is done at once: `batch 1, model`."""
    return f"batch {group.batch}, {group.scope}"


def _values(points: list[dict], name: str, first: str | None = None) -> list[str]:
    found = sorted({point[name] for point in points})
    return found if first is None else [first, *(value for value in found if value != first)]


def _points(row: Speed) -> list[dict]:
    """A row's point for its own mIoU, and one for the published mIoU of its network."""
    shared = {
        **filters(row),
        "model": row.model,
        "rate": row.rate.median,
        "least": row.rate.least,
        "most": row.rate.most,
    }
    noisy = ", noisy" if row.noisy else ""
    told = f"{row.name}: {significant(row.rate.median)} images/s{noisy}"
    points = []
    if row.miou is not None:
        score = 100 * row.miou
        tip = f"{told}; {score:.1f} % mIoU of these weights on {row.scored_on}"
        points.append(shared | {"data": row.scored_on, "miou": score, "own": True, "tip": tip})
    if row.published is not None:
        tip = f"{told}; published: {row.published:g} % mIoU, {row.cited}"
        points.append(shared | {"data": CITYSCAPES, "miou": row.published, "own": False, "tip": tip})
    return points


def filters(row: Speed) -> dict:
    """What the page's filters know a row by."""
    return {
        "device": row.group.device,
        "size": row.group.size,
        "work": work(row.group),
        "precision": row.numbers,
        "real": row.weights != "random",
    }
