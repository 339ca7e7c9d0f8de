"""The run folder `logs/<model>/<timestamp>/`: made, found again, and read.

config.json  environment.json  csv/log.csv  tensorboard/  images/epoch_N.png  curves.png
checkpoints/{last,best,epoch-N}/model.weights.h5
"""

import json
import time
from pathlib import Path

from common.errors import UserError
from models.weights.run_files import CHECKPOINTS, CONFIG
from training.run import checkpoints

ENVIRONMENT = "environment.json"
LOG = Path("csv") / "log.csv"
CURVES = "curves.png"


def create(logs: Path, model: str) -> Path:
    """Make a new run folder, named by the time in UTC.

    Raises:
        UserError: not writable.
    """
    name = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    candidates = [logs / model / name] + [logs / model / f"{name}-{i}" for i in range(2, 100)]
    for run in candidates:
        try:
            run.mkdir(parents=True)
            for folder in ("csv", "images", CHECKPOINTS):
                (run / folder).mkdir()
            return run
        except FileExistsError:  # another run of this second; a file in the way is told by the last one
            continue
        except OSError as error:
            raise UserError(f"cannot make the run folder {run}: {error.strerror}; see `logs`") from error
    raise UserError(f"cannot make the run folder {candidates[0]}: a file is in the way; see `logs`")


def newest(logs: Path, model: str) -> Path:
    """The newest run of a model.

    Raises:
        UserError: there is none.
    """
    runs = sorted(path.parent for path in (logs / model).glob(f"*/{CONFIG}"))
    if not runs:
        raise UserError(f"no run of {model} in {logs / model} to resume; start one without `resume`")
    return runs[-1]


def of_job(logs: Path, job: str) -> Path | None:
    """The newest run that a batch job has started, or gone on with, and saved; None before that."""
    runs = [path.parent for path in logs.glob(f"*/*/{CONFIG}") if _job(path) == job]
    saved = [run for run in runs if checkpoints.found(run)]
    return max(saved, key=lambda run: run.name, default=None)


def _job(path: Path) -> str | None:
    try:
        return json.loads(path.read_text()).get("job")
    except (OSError, ValueError):  # another's run, half written or half removed
        return None


def checkpoint_of(path: Path) -> tuple[Path, Path]:
    """(run folder, checkpoint folder) for a run, a checkpoint, or a file in one.

    Raises:
        UserError: neither.
    """
    for folder in (path, *list(path.parents)[:2]):
        if (folder / checkpoints.MANIFEST).is_file():
            checkpoint = folder.resolve()  # through `last` or `best`
            return checkpoint.parent.parent, checkpoint
        if (folder / CONFIG).is_file():
            return folder, checkpoints.newest(folder)
    raise UserError(f"{path} is no run folder and no checkpoint; give logs/<model>/<timestamp>")
