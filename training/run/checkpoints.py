"""Checkpoints that a kill at any instant cannot spoil.

A checkpoint is a folder `checkpoints/epoch-0012/`, or `epoch-0012-step-00000345/` in the midst of the
next epoch, with the weights, everything else that decides the rest of the run, and a manifest of checksums.
It is written as a hidden folder beside, flushed to disk,
and renamed; the links `last` and `best` are replaced by renaming too. So whatever is visible is whole,
and what was damaged later is found by its checksum and passed over.
"""

import hashlib
import json
import os
import shutil
import sys
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import models
from common.errors import UserError
from common.files import writing_error
from models.weights import native
from models.weights.run_files import AVERAGES, CHECKPOINTS, WEIGHTS, in_checkpoint
from training.ranks import seeds
from training.run.progress import Progress

TRAINING = "training.h5"
MANIFEST = "manifest.json"
KEPT = 2  # newest ones kept beside the best


def save(run: Path, model, optimizer, origin: native.Origin, progress: Progress) -> Path:
    """Write a checkpoint of where the run stands and point `last` (and `best`) at it.

    Raises:
        UserError: the disk is full or the folder not writable; earlier checkpoints are untouched.
    """
    folder = run / CHECKPOINTS
    target = folder / _name(progress)
    partial = folder / f".partial-{os.getpid()}"
    try:
        for leftover in folder.glob(".partial-*"):
            shutil.rmtree(leftover)
        partial.mkdir(parents=True)
        network = models.without_auxiliary(model)
        native.write(partial / WEIGHTS, network, origin)
        if has_averages(optimizer):
            with in_place(model, optimizer):
                native.write(partial / AVERAGES, network, origin)
        native.write_arrays(partial / TRAINING, training_arrays(model, optimizer), asdict(progress))
        _seal(partial)
        if target.exists():  # an epoch done again after a resume from an earlier checkpoint
            shutil.rmtree(target)
        partial.rename(target)
        _flush(folder)
        _link(folder / "last", target)
        if progress.is_best:
            _link(folder / "best", target)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        cure = "earlier checkpoints are untouched: free some space and continue with `resume`"
        raise writing_error(target, error, cure) from error
    _prune(folder)
    return target


def _name(progress: Progress) -> str:
    # names sort as the run goes on
    finished = f"epoch-{progress.epoch:04d}"
    return f"{finished}-step-{progress.step:08d}" if progress.under_way.steps else finished


def training_arrays(model, optimizer) -> dict:
    """What decides the rest of a run beside the weights, as arrays."""
    return {name: variable.numpy() for name, variable in training_variables(model, optimizer).items()}


def training_variables(model, optimizer) -> dict:
    """The optimizer's and the loss scale's variables, dropout's generators, an auxiliary head's weights."""
    variables = {f"optimizer/{i}": variable for i, variable in enumerate(optimizer.variables)}
    variables |= {f"random/{i}": variable for i, variable in enumerate(seeds.generators(model))}
    saved = {id(weight) for weight in models.without_auxiliary(model).weights}
    return variables | {weight.path: weight for weight in model.weights if id(weight) not in saved}


def restore(checkpoint: Path, model, optimizer) -> Progress:
    """Set model, optimizer and random state to a checkpoint's.

    Raises:
        UserError: another model's, or damaged.
    """
    verify(checkpoint)
    native.load(in_checkpoint(checkpoint, WEIGHTS), models.without_auxiliary(model))
    arrays, progress = native.read_arrays(checkpoint / TRAINING)
    targets = training_variables(model, optimizer)
    if {name: tuple(v.shape) for name, v in targets.items()} != {name: a.shape for name, a in arrays.items()}:
        raise UserError(f"{checkpoint} holds another optimizer's state; start a new run with `init_weights`")
    for name, variable in targets.items():
        variable.assign(arrays[name])
    return Progress.read(progress)


def newest(run: Path) -> Path:
    """The newest checkpoint that verifies; damaged ones are named on stderr and passed over.

    Raises:
        UserError: there is none.
    """
    for checkpoint in reversed(found(run)):
        try:
            verify(checkpoint)
            return checkpoint
        except UserError as error:
            print(f"passing over a damaged checkpoint: {error}", file=sys.stderr)
    raise UserError(f"no usable checkpoint in {run / CHECKPOINTS}; start anew without `resume`")


def later_sound(run: Path, checkpoint: Path) -> bool:
    """Whether a run has a checkpoint later than this one that verifies."""
    return any(_sound(other) for other in _later(run, checkpoint))


def drop_later(run: Path, checkpoint: Path) -> None:
    """Remove the checkpoints after this one, which are damaged: the run will write others in their place."""
    for other in _later(run, checkpoint):
        shutil.rmtree(other)


def _later(run: Path, checkpoint: Path) -> list[Path]:
    return [other for other in found(run) if other.name > checkpoint.name]


def _sound(checkpoint: Path) -> bool:
    try:
        verify(checkpoint)
    except UserError:
        return False
    return True


def found(run: Path) -> list[Path]:
    """All checkpoints of a run, oldest first."""
    return sorted((run / CHECKPOINTS).glob("epoch-*"))


def verify(checkpoint: Path) -> None:
    """Compare a checkpoint's files with its manifest.

    Raises:
        UserError: a file is missing or differs; it is named.
    """
    try:
        manifest = json.loads((checkpoint / MANIFEST).read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{checkpoint} has no readable {MANIFEST}; it is no whole checkpoint") from error
    for name, digest in manifest.items():
        path = checkpoint / name
        if not path.is_file() or _digest(path) != digest:
            raise UserError(f"{path} is missing or damaged (its checksum differs)")


def _seal(folder: Path) -> None:
    """Write the manifest and flush everything to disk."""
    manifest = {path.name: _digest(path) for path in sorted(folder.iterdir())}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
    for path in folder.iterdir():
        _flush(path)
    _flush(folder)


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _link(link: Path, target: Path) -> None:
    partial = link.with_name(f".{link.name}.{os.getpid()}")
    partial.unlink(missing_ok=True)
    partial.symlink_to(target.name)
    partial.replace(link)


def _prune(folder: Path) -> None:
    best = folder / "best"
    keep = {best.resolve().name} if best.exists() else set()
    for checkpoint in found(folder.parent)[:-KEPT]:
        if checkpoint.name not in keep:
            shutil.rmtree(checkpoint, ignore_errors=True)


def has_averages(optimizer) -> bool:
    """Whether the optimizer averages the weights."""
    return bool(_averages(optimizer))


@contextmanager
def in_place(model, optimizer):
    """Inside, the model holds the average of its weights, if one is kept; then its own again, to the bit."""
    averages = _averages(optimizer)
    weights = model.weights if averages else []
    own = [weight.numpy() for weight in weights]
    for weight, average in zip(weights, averages):
        weight.assign(average)
    try:
        yield
    finally:
        for weight, array in zip(weights, own):
            weight.assign(array)


def _averages(optimizer) -> list:
    return getattr(getattr(optimizer, "inner_optimizer", optimizer), "averages", [])
