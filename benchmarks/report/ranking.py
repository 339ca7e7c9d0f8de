"""Who is best: only among rows of one scope, size, batch and device, and one data set's scores."""

from collections import defaultdict
from collections.abc import Callable, Iterable

from benchmarks.report.page_parts import Headline, Step, significant
from benchmarks.report.rows import Group, Speed


def groups(speeds: Iterable[Speed]) -> dict[Group, list[Speed]]:
    """Rows by group, fastest first, failed last; groups with scores, small batches, many networks first."""
    found = defaultdict(list)
    for speed in speeds:
        found[speed.group].append(speed)
    for rows in found.values():
        rows.sort(key=lambda row: -row.rate.median if row.rate else 0)
    return dict(sorted(found.items(), key=_importance))


def _importance(item: tuple[Group, list[Speed]]) -> tuple:
    group, rows = item
    scored = any(row.miou is not None for row in rows)
    networks = len({row.model for row in rows})
    height, width = (int(side) for side in group.size.split("x"))
    return not scored, group.batch, -networks, -len(rows), -height * width, group


def by_score(rows: list[Speed]) -> dict[str, list[Speed]]:
    """A group's scored rows by what they were scored on."""
    found = defaultdict(list)
    for row in rows:
        if row.rate and row.miou is not None:
            found[row.scored_on].append(row)
    return dict(found)


def front(rows: Iterable[Speed], score: Callable[[Speed], float]) -> list[Speed]:
    """The rows that no other beats in speed and score (Pareto), fastest first."""
    found, best = [], -1.0
    for row in sorted(rows, key=lambda row: (-row.rate.median, -score(row))):
        if score(row) > best:
            found.append(row)
            best = score(row)
    return found


def own(row: Speed) -> float:
    """The mIoU of a row's own weights, in %."""
    return 100 * row.miou


def published(row: Speed) -> float:
    """The published mIoU of a row's network, in %."""
    return row.published


def fastest(rows: list[Speed]) -> Speed | None:
    """The row of a group with the most images per second."""
    return max((row for row in rows if row.rate), key=lambda row: row.rate.median, default=None)


def headlines(found: dict[Group, list[Speed]]) -> list[Headline]:
    """For each group the model to take at each speed, by own or published scores; without any the fastest."""
    answers = []
    for group, rows in found.items():
        for data, scored in by_score(rows).items():
            steps = [_step(row, "up to ", f"{own(row):.1f} % mIoU") for row in front(scored, own)]
            answers.append(Headline(f"{group.title}; scored on {data}", steps))
        if not by_score(rows) and fastest(rows):
            cited = front((row for row in rows if row.rate and row.published is not None), published)
            steps = [_step(row, "up to ", f"{published(row):g} % mIoU, published") for row in cited]
            answers.append(Headline(group.title, steps or [_step(fastest(rows), "", "not scored")]))
    return answers


def _step(row: Speed, upto: str, quality: str) -> Step:
    return Step(row.name, f"{upto}{significant(row.rate.median)} images/s", quality, row.noisy)
