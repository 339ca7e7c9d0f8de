"""One training run from its configuration to its last epoch."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import keras

import models
from benchmarks.environment import environment
from common.errors import EXIT_INTERRUPTED, UserError
from common.files import write_bytes
from data.cache import open_cache
from data.index import Sample
from data.labels import CLASS_COUNT
from data.pipeline import Batches
from models import weights
from training import checkpoints, config, devices, logs, optimizers, restarts, run_folder, trackers
from training.interruptions import Interrupted, Interruptions
from training.loop import Loop
from training.progress import Progress
from training.trackers import Tracker


def train(
    settings: config.Config,
    training: list[Sample],
    validation: list[Sample],
    logs_folder: Path,
    run: Path | None,
    checkpoint: Path | None,
    stop: Interruptions,
) -> int:
    """Train; with `run` and `checkpoint` go on from there. Returns the exit status.

    Raises:
        UserError: anything the user can mend; until the model is built and filled, nothing is written.
    """
    jit = devices.prepare(settings.deterministic)
    keras.utils.set_random_seed(settings.seed)
    model = build(settings, fresh=checkpoint is None)
    cache = open_cache(settings.cache, training + validation)
    batches = [
        Batches(samples, settings.target_size, settings.batch, cache, settings.workers)
        for samples in (training, validation)
    ]
    optimizer = optimizers.build(settings, batches[0].steps, model, batches[0].shard.ranks)
    if checkpoint:
        progress = checkpoints.restore(checkpoint, model, optimizer)
        run, progress = continued(run, checkpoint, progress, logs_folder)
        if progress.epoch < settings.epochs:
            restarts.note(run, progress.step)
    else:
        if settings.init_weights:
            weights.load(run_folder.weights_file(Path(settings.init_weights)), model)
        run, progress = run_folder.create(logs_folder, settings.model), Progress()
    services = started_trackers(settings, run, fresh=checkpoint is None)
    write_bytes(run / run_folder.CONFIG, config.to_json(settings).encode())
    write_bytes(run / run_folder.ENVIRONMENT, (json.dumps(environment(), indent=2) + "\n").encode())
    print(
        f"{settings.model}: {model.count_params():,} parameters, "
        f"{len(training)} training and {len(validation)} validation pictures, run folder {run}",
        flush=True,
    )
    loop = Loop(settings, run, model, optimizer, *batches, progress, jit, stop, services)
    return followed(loop)


def followed(loop: Loop) -> int:
    """Run the loop to its end, tell how it ended, and return the exit status."""
    settings, run, progress = loop.config, loop.run, loop.progress
    resume = f"go on with: python train.py -m {settings.model} --resume {run}"
    finished = False
    try:
        loop.fit()
        finished = True
    except Interrupted:
        stop = loop.stop
        print(
            f"{stop.received.name}: stopped and saved after step {progress.step}; {resume}", file=sys.stderr
        )
        return stop.status
    except KeyboardInterrupt:
        print(f"stopped at once, what came after the last checkpoint is lost; {resume}", file=sys.stderr)
        return EXIT_INTERRUPTED
    finally:
        for tracker in loop.trackers:
            tracker.close(finished)
    logs.draw_curves(run)
    early = f"no better score in {settings.patience} epochs; " if progress.epoch < settings.epochs else ""
    print(
        f"{early}best mIoU {progress.best_miou:.3f} in epoch {progress.best_epoch}; "
        f"next: python evaluate.py -m {settings.model} -w {run} -p {settings.path}"
    )
    return 0


def started_trackers(settings: config.Config, run: Path, fresh: bool) -> list[Tracker]:
    """The configured trackers; where one cannot be started, a fresh run folder is taken away again."""
    try:
        return trackers.opened(settings, run)
    except UserError:
        if fresh:
            shutil.rmtree(run)
        raise


def build(settings: config.Config, fresh: bool) -> keras.Model:
    """The configured model; published encoder weights only go into a fresh one, others are restored."""
    published = fresh and settings.encoder_weights != "none"
    encoder = {"encoder_weights": settings.encoder_weights} if published else {}
    shape = (*settings.target_size, 3)
    model = models.build(
        settings.model, shape, CLASS_COUNT, settings.precision, **settings.options, **encoder
    )
    if settings.freeze_encoder:
        models.encoder_layers(settings.model, model)  # raises where there is none
    return model


def continued(run: Path, checkpoint: Path, progress: Progress, logs_folder: Path) -> tuple[Path, Progress]:
    """Where a resumed run goes on: in its folder, or in a copy if it starts from an earlier checkpoint.

    The copy gets the log up to there; the best of its own epochs will be its best.
    """
    if not checkpoints.later_sound(run, checkpoint):
        checkpoints.drop_later(run, checkpoint)
        print(f"resuming {run} after epoch {progress.epoch}, step {progress.step}", flush=True)
        return run, progress
    branch = run_folder.create(logs_folder, run.parent.name)
    if (run / run_folder.LOG).is_file():
        write_bytes(branch / run_folder.LOG, (run / run_folder.LOG).read_bytes())
    print(f"{run} has later checkpoints than {checkpoint.name}: going on in {branch}", flush=True)
    return branch, replace(progress, best_miou=-1.0, best_epoch=progress.epoch)
