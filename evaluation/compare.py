"""The mean scores of several evaluations in one table."""

import json
from pathlib import Path

from common.errors import UserError

AVERAGES = {
    "IoU classes": "averageScoreClasses",
    "nIoU classes": "averageScoreInstClasses",
    "IoU categories": "averageScoreCategories",
    "nIoU categories": "averageScoreInstCategories",
}


def table(folders: list[Path]) -> str:
    """One row per results folder of `evaluate.py`, with its four averages.

    Raises:
        UserError: a folder without scores, or scores of different data.
    """
    found = [_read(folder) for folder in folders]
    data = {(scores["dataset"], scores["split"]) for scores in found}
    if len(data) > 1:
        names = " and ".join(sorted(f"{root} ({split})" for root, split in data))
        raise UserError(f"scores of different data cannot be compared: {names}")
    width = max(len(str(folder)) for folder in folders)
    rows = [" " * width + "".join(f"{name:>17}" for name in AVERAGES)]
    for folder, scores in zip(folders, found):
        values = (scores[key] for key in AVERAGES.values())
        texts = ("-" if value is None else f"{value:.3f}" for value in values)
        rows.append(f"{folder!s:{width}}" + "".join(f"{text:>17}" for text in texts))
    return "\n".join(rows)


def _read(folder: Path) -> dict:
    path = folder / "scores.json"
    try:
        scores = json.loads(path.read_text())
        return {key: scores[key] for key in ("dataset", "split", *AVERAGES.values())}
    except OSError as error:
        raise UserError(
            f"cannot read {path}: {error.strerror}; run evaluate.py with -r {folder} first"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} is no scores file of evaluate.py ({error}); run evaluate.py again"
        ) from error
