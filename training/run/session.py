"""One training run from its configuration to its last epoch."""

import json
import math
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import keras

import models
from common import left_out
from common.environment import environment
from common.errors import EXIT_INTERRUPTED, UserError
from common.files import write_bytes
from data.cache import open_cache
from data.label_sets import require_same_classes
from data.pipeline import Batches, Shard
from data.samples import Sample
from models import registry
from models.weights import loading, run_files
from training import config, recipes
from training.config_fields import Config
from training.optimization import optimizers
from training.ranks import seeds, xla
from training.ranks.ranks import Ranks
from training.run import checkpoints, interruptions, logs, run_folder, trackers
from training.run.interruptions import Interrupted, Interruptions
from training.run.loop import Loop
from training.run.progress import Progress
from training.run.trackers import Tracker


def train(
    settings: Config,
    training: list[Sample],
    validation: list[Sample],
    logs_folder: Path,
    run: Path | None,
    checkpoint: Path | None,
    stop: Interruptions,
    ranks: Ranks,
) -> int:
    """Train; with `run` and `checkpoint` go on from there. Returns the exit status.

    Raises:
        UserError: anything the user can mend; until the model is built and filled, nothing is written.
    """
    require_labels(settings, training, fresh=checkpoint is None)
    jit = xla.prepare(settings.deterministic, ranks)
    keras.utils.set_random_seed(settings.seed)
    run, checkpoint = ranks.agree((run, checkpoint))
    with ranks.scope():
        model = build(settings, fresh=checkpoint is None)
        whole = build_whole(settings) if settings.crop else None
    if ranks.first:
        left_out.tell(settings.encoder_weights, model.about.left_out)
    cache = open_cache(settings.cache, training + validation)
    shard = Shard(ranks.rank, ranks.size)
    batches = [
        training_batches(settings, training, cache, shard, ranks),
        Batches(
            validation,
            settings.target_size,
            validation_batch(settings) * ranks.gpus_here,
            cache,
            settings.workers,
            shard,
        ),
    ]
    with ranks.scope():
        optimizer = optimizers.build(settings, batches[0].steps, model, ranks)
    progress, services = Progress(ranks=ranks.gpus), []
    if checkpoint:
        progress = checkpoints.restore(checkpoint, model, optimizer)
    elif settings.init_weights:
        start_from(model, settings, ranks.first)
    if ranks.first:
        run, progress = folder_of(settings, run, checkpoint, progress, logs_folder, batches[0].steps)
        services = started_trackers(settings, run, fresh=checkpoint is None)
        describe(settings, run, model, len(training), len(validation), ranks)
    run, progress = ranks.agree((run, progress))
    with interruptions.failures_noted(run):
        ranks.broadcast([*model.variables, *optimizer.variables])
        optimizers.leave_accumulated_to_first(optimizer, ranks)
        seeds.spread(model, ranks)
        if progress.ranks != ranks.gpus:
            optimizers.set_steps(optimizer, resharded_steps(progress, batches[0]))
            progress.ranks = ranks.gpus
        loop = Loop(settings, run, model, optimizer, whole, *batches, progress, jit, stop, services, ranks)
        return followed(loop)


def training_batches(settings: Config, samples: list[Sample], cache, shard: Shard, ranks: Ranks) -> Batches:
    """What a configuration trains on."""
    return Batches(
        samples,
        settings.training_size,
        settings.batch * ranks.gpus_here,
        cache,
        settings.workers,
        shard,
        settings.ranges,
        settings.target_size,
        settings.balance,
    )


def validation_batch(settings: Config) -> int:
    """Whole images per GPU and step, of about as many pixels as the crops of a training step."""
    return max(settings.batch * math.prod(settings.training_size) // math.prod(settings.target_size), 1)


def require_labels(settings: config.Config, samples: list[Sample], fresh: bool) -> None:
    """Raise UserError unless a run, its data and the weights that a fresh one starts from fit together."""
    ours, weighted = samples[0].label_set, len(settings.weight_of_class)
    require_same_classes(settings.label_set, "the run", ours, settings.path)
    if weighted not in (0, ours.classes):
        raise UserError(
            f"the run has class weights for {weighted} classes, but {settings.path} is of "
            f"{ours.described()}; give other class weights"
        )
    if fresh and settings.init_weights:
        path = run_files.weights_file(Path(settings.init_weights))
        require_same_classes(loading.label_set_of(path), path, ours, settings.path)


def start_from(model: keras.Model, settings: Config, tells: bool) -> None:
    """Fill a fresh model from `init_weights`; if it `tells`, print what of a PyTorch file is left out."""
    network = models.without_auxiliary(model)
    loading.fill(Path(settings.init_weights), network)
    if tells:
        left_out.tell(settings.init_weights, network.about.left_out)


def folder_of(
    settings: Config,
    run: Path | None,
    checkpoint: Path | None,
    progress: Progress,
    logs_folder: Path,
    steps: int,
) -> tuple[Path, Progress]:
    """The folder that a fresh or resumed run, of `steps` an epoch, writes to, and where it starts from."""
    if not checkpoint:
        return run_folder.create(logs_folder, settings.model), progress
    run, progress = continued(run, checkpoint, progress, logs_folder)
    if progress.epoch * steps < settings.length(steps):
        interruptions.note_restart(run, progress.step)
    return run, progress


def describe(settings: Config, run: Path, model, training: int, validation: int, ranks: Ranks) -> None:
    """Write down and print what the run is."""
    write_bytes(run / run_files.CONFIG, config.to_json(settings).encode())
    write_bytes(run / run_folder.ENVIRONMENT, (json.dumps(environment(), indent=2) + "\n").encode())
    several = f"{ranks.gpus} {ranks.kind}, " if ranks.gpus > 1 else ""
    print(
        f"{settings.model}: {model.count_params():,} parameters, {several}"
        f"{training} training and {validation} validation images, run folder {run}"
    )
    print(recipes.described(settings), flush=True)


def resharded_steps(progress: Progress, batches: Batches) -> int:
    """Steps that the same images would have taken with the ranks of now: schedules count steps."""
    return progress.epoch * batches.steps + progress.under_way.images // batches.global_batch


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
        if loop.ranks.first:
            done = f"stopped and saved after step {progress.step}"
            print(f"{stop.received.name}: {done}; {resume}", file=sys.stderr)
        return stop.status
    except KeyboardInterrupt:
        print(f"stopped at once, what came after the last checkpoint is lost; {resume}", file=sys.stderr)
        return EXIT_INTERRUPTED
    finally:
        for tracker in loop.trackers:
            tracker.close(finished)
    if loop.ranks.first:
        conclude(loop)
    return 0


def conclude(loop: Loop) -> None:
    """Draw the curves, and say what came out."""
    settings, run, progress = loop.config, loop.run, loop.progress
    logs.draw_curves(run)
    early = ""
    if loop.out_of_time():
        early = f"{settings.hours:g} hours of training are over; "
    elif progress.epoch < loop.epochs:
        early = f"no better score in {settings.patience} epochs; "
    kind = f" --dataset {settings.dataset}" if settings.dataset else ""
    scored = f"-m {settings.model} -w {run} -p {settings.path}{kind}"
    if registry.architecture(settings.model).refines:
        scored = f"-w RUN_OF_ANOTHER_MODEL -p {settings.path}{kind} --refine {run}"
    print(
        f"{early}best mIoU {progress.best_miou:.3f} in epoch {progress.best_epoch}; "
        f"next: python evaluate.py {scored}"
    )


def started_trackers(settings: Config, run: Path, fresh: bool) -> list[Tracker]:
    """The configured trackers; where one cannot be started, a fresh run folder is taken away again."""
    try:
        return trackers.opened(settings, run)
    except UserError:
        if fresh:
            shutil.rmtree(run)
        raise


def build(settings: Config, fresh: bool) -> keras.Model:
    """The configured model, with its auxiliary head if that is trained.

    Published encoder weights only go into a fresh one, others are restored.

    Raises:
        UserError: see `models.build`.
    """
    published = fresh and settings.encoder_weights != "none"
    encoder = {"encoder_weights": settings.encoder_weights} if published else {}
    return models.build(
        settings.model,
        (*settings.training_size, 3),
        settings.label_set.classes,
        settings.precision,
        auxiliary=settings.auxiliary > 0,
        **settings.options,
        **encoder,
    )


def build_whole(settings: Config) -> keras.Model:
    """The configured model at the size of whole images; validation copies the trained weights into it."""
    return models.build(
        settings.model,
        (*settings.target_size, 3),
        settings.label_set.classes,
        settings.precision,
        **settings.options,
    )


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
