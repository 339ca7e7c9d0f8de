"""Which weights file a path means: the file itself, a checkpoint, or a run with checkpoints."""

from pathlib import Path

from common.errors import UserError
from models.weights import catalogue, torch_files

CONFIG = "config.json"  # in a run folder
CHECKPOINTS = "checkpoints"  # folder of a run
WEIGHTS = "weights.h5"  # in a checkpoint; not laid out as Keras's `.weights.h5`
AVERAGES = "ema.h5"  # the moving average of the weights, where one is kept
NAMED_BEFORE = {WEIGHTS: "model.weights.h5", AVERAGES: "ema.weights.h5"}  # by version 0.1


def home(path: Path) -> Path:
    """The run folder that a path is or lies in; for weights without a run, their folder."""
    folder = path if path.is_dir() else path.parent
    return next(
        (place for place in (folder, *folder.resolve().parents[:2]) if (place / CONFIG).is_file()), folder
    )


def is_run(folder: Path) -> bool:
    """Whether a folder is a run's; PyTorch packages write a `config.json` as well."""
    return (folder / CONFIG).is_file() and not torch_files.find(folder)


def weights_file(path: Path) -> Path:
    """The weights file of a run (its best, else its last), of a checkpoint, of a folder that a PyTorch
    package's `save_pretrained` made, of a name in the catalogue, fetched at first, or the file itself.

    Where a checkpoint has the average of the weights, that is what was scored, and what is taken.

    Raises:
        UserError: nothing there, or it cannot be fetched.
    """
    if path.is_file():
        return path
    if published := catalogue.find(path):
        return catalogue.fetch(published)
    folders = [path, *(path / CHECKPOINTS / link for link in ("best", "last"))]
    places = [in_checkpoint(folder, name) for folder in folders for name in (AVERAGES, WEIGHTS)]
    found = next((place for place in places if place.is_file()), None) or torch_files.find(path)
    if found is None:
        meant = catalogue.near(path)
        raise UserError(f"no weights at {path}{meant}; give a run folder, a checkpoint or a .weights.h5 file")
    return found


def in_checkpoint(folder: Path, name: str) -> Path:
    """The file of a checkpoint that is called `name`, or was by version 0.1."""
    before = folder / NAMED_BEFORE[name]
    return before if before.is_file() else folder / name
