"""All records of a report as rows: the newest of each configuration, scores joined to speeds."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.report import cost_rows, peer_rows, record_files, rows, training_rows
from common.errors import UserError

KINDS: dict[str, dict[str, Callable]] = {  # benchmark -> attribute -> record -> rows
    "inference": {"speeds": rows.speeds, "runtime_ratios": cost_rows.runtime_ratios},
    "accuracy": {"accuracies": rows.accuracies},
    "train": {"trainings": training_rows.trainings},
    "scaling": {"scalings": training_rows.scalings},
    "peers": {"peers": peer_rows.peers},
    "memory": {"steps": training_rows.steps},
    "summary": {"costs": cost_rows.costs},
    **{name: {"ratios": cost_rows.ratios} for name in cost_rows.RATIOS},
}


@dataclass
class ReportedRecords:
    """The rows of all records of a report.

    Attributes:
        speeds: inference, the same configuration's newest only; so are the other lists.
        ratios: of the suite's own parts.
        runtime_ratios: of inference on one runtime over another.
        records: those that the rows come from, oldest first.
        left_out: (path or name, reason) of files that are no records.
        superseded: rows that a newer one of the same configuration replaced.
    """

    speeds: list[rows.Speed] = field(default_factory=list)
    accuracies: list[rows.Accuracy] = field(default_factory=list)
    trainings: list[training_rows.Training] = field(default_factory=list)
    scalings: list[training_rows.Scaling] = field(default_factory=list)
    steps: list[training_rows.Steps] = field(default_factory=list)
    peers: list[peer_rows.Peer] = field(default_factory=list)
    costs: list[cost_rows.Cost] = field(default_factory=list)
    ratios: list[cost_rows.Ratio] = field(default_factory=list)
    runtime_ratios: list[cost_rows.Ratio] = field(default_factory=list)
    records: list[dict] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    superseded: int = 0


def gather(folders: list[Path]) -> ReportedRecords:
    """Read folders of records.

    Raises:
        UserError: there is no record, or none that can be used.
    """
    records, left_out = record_files.read(folders)
    found = ReportedRecords(left_out=left_out)
    newest: dict[str, dict] = {attribute: {} for kinds in KINDS.values() for attribute in kinds}
    for record in records:  # oldest first, so that the newest stays
        if record["benchmark"] not in KINDS:
            found.left_out.append((record["file"], f"'{record['benchmark'][:30]}' is not drawn here"))
            continue
        try:
            parsed = {attribute: parse(record) for attribute, parse in KINDS[record["benchmark"]].items()}
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            found.left_out.append((record["file"], f"a damaged record: {_reason(error)}"))
            continue
        for attribute, new in parsed.items():
            found.superseded += sum(row.key in newest[attribute] for row in new)
            newest[attribute].update({row.key: row for row in new})
        found.records.append(record)
    if not found.records:
        name, reason = found.left_out[0]
        raise UserError(f"none of the records can be used; {name}: {reason}")
    for attribute, by_key in newest.items():
        setattr(found, attribute, list(by_key.values()))
    _join(found.speeds, found.accuracies)
    return found


def _join(speeds: list[rows.Speed], accuracies: list[rows.Accuracy]) -> None:
    """Give each speed the score of the very same artifact: weights, size, precision, one pass.

    An int8 or float16 graph computes other numbers than the float32 weights that it was made of.
    """
    for speed in speeds:
        reduced = speed.numbers != speed.precision
        fitting = [
            score
            for score in accuracies
            if score.weights == speed.weights
            and score.size in ("", speed.group.size)
            and score.precision == speed.precision
            and not score.passes
            and not reduced
        ]
        if fitting and speed.weights != "random":
            score = ([one for one in fitting if not one.part] or fitting)[-1]
            speed.miou, speed.scored_on = score.miou, score.data
            same = score.data.lower() == rows.CITYSCAPES.lower() and "windows" not in speed.cited
            speed.comparable = same and speed.published is not None


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it has no {error}"
    return str(error)[:100] or type(error).__name__
