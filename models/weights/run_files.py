"""Which weights file a path means: the file itself, a checkpoint, or a run with checkpoints."""

from pathlib import Path

from common.errors import UserError

CONFIG = "config.json"  # in a run folder
CHECKPOINTS = "checkpoints"  # folder of a run
WEIGHTS = "model.weights.h5"  # in a checkpoint
AVERAGES = "ema.weights.h5"  # the moving average of the weights, where one is kept


def home(path: Path) -> Path:
    """The run folder that a path is or lies in; for weights without a run, their folder."""
    folder = path if path.is_dir() else path.parent
    return next(
        (place for place in (folder, *folder.resolve().parents[:2]) if (place / CONFIG).is_file()), folder
    )


def weights_file(path: Path) -> Path:
    """The weights file of a run (its best, else its last), of a checkpoint, or the file itself.

    Where a checkpoint has the average of the weights, that is what was scored, and what is taken.

    Raises:
        UserError: nothing there.
    """
    if path.is_file():
        return path
    folders = [path, *(path / CHECKPOINTS / link for link in ("best", "last"))]
    places = [folder / name for folder in folders for name in (AVERAGES, WEIGHTS)]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise UserError(f"no weights at {path}; give a run folder, a checkpoint or a .weights.h5 file")
    return found
