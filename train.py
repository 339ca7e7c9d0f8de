"""Train a model on a data set, of Cityscapes or of another kind (docs/data.md).

    python train.py -m fastscnn                                    # $CITYSCAPES_DATASET at 1024x2048
    python train.py -m fastscnn -p /data/cityscapes -t 512,1024 -b 8 --mixed-precision --cache memory
    python train.py -m fastscnn -p town -t 256,512 -b 4 -e 20      # a town of prepare_data.py synthesize
    python train.py -m deeplabv3+ --encoder resnet50 --encoder-weights imagenet --freeze-encoder 5
    python train.py -m fastscnn -p camvid -t 352,480               # recognised by its folders
    python train.py -m fastscnn --classes categories               # seven categories instead of 19 classes
    python train.py -m unet --remat -b 1                           # full resolution in less memory
    python train.py -m fastscnn --resume                           # go on with the newest run
    python train.py -m fastscnn --schedule onecycle --max-lr 0.1 --plot-schedule
    python train.py -m unet -f adam                                # find a learning rate
    python train.py -m unet --loss ce+dice --class-weights median --ema
    python train.py --doctor -p town                               # what each rank has, and what is wrong
    python train.py --config logs/fastscnn/RUN/config.json         # the same run again
    python train.py --sweep training/sweeps/town.toml -p town      # many runs; started again, it goes on

Everything goes to logs/<model>/<timestamp>/: checkpoints, log, TensorBoard events, images, curves.
SIGTERM, SIGUSR1 and Ctrl-C save at the next step; --resume goes on there. Exit statuses: docs/runs.md.
"""

import contextlib
import io
import sys
from dataclasses import replace
from pathlib import Path

from common import cli, startup
from common.errors import UserError
from models import ARCHITECTURES
from training import command_line
from training.command_line import given
from training.ranks.distributed import launched
from training.run.interruptions import Interruptions


def main() -> int:
    options = command_line.arguments(__doc__)
    if options.sweep or options.only:
        options, status = of_sweep(options, sys.argv[1:])
        if options is None:
            return status
    if options.doctor:
        from training.ranks import doctor

        return doctor.examine(cli.named_dataset(options.path), options.dataset, options.classes)
    if options.lrfinder or options.plot_schedule:
        return prepare_for_training(options)
    with Interruptions() as stop:
        return train(options, stop)


def of_sweep(options, words: list[str]):
    """(options of the only run that a sweep is asked for, None), or (None, status) once all have run."""
    from training import sweep

    if not options.sweep:
        raise UserError("--only chooses a run of a sweep; add --sweep")
    if options.resume:
        raise UserError(
            "--resume goes on with one run; leave it out, as the runs of --sweep go on by themselves"
        )
    runs = sweep.read(options.sweep, has_length=bool(options.epochs or options.steps))
    rest = sweep.words_of_others(words)
    parsed = {run.name: read_run(options.sweep, run, rest) for run in runs}
    chosen = sweep.chosen(runs, options.only)
    if options.only and len(chosen) == 1:
        return parsed[chosen[0].name], None
    launcher, number = launched()
    if number > 1:
        raise UserError(f"{launcher} has started {number} processes, for one run: name it with --only")
    return None, sweep.run_all(sys.argv[0], options.sweep, chosen, rest, options.logs)


def read_run(file: Path, run, rest: list[str]):
    """The options of a run of a sweep; a mistake in them names the run."""
    # last: a batch job has a name of its own, by which another job would not find the run
    words = [*run.words, *rest, "--job", run.job]
    with contextlib.redirect_stderr(io.StringIO()) as errors:
        try:
            return command_line.arguments(__doc__, words)
        except SystemExit as ended:
            reason = errors.getvalue().strip().partition("error: ")[2].removesuffix(" (see --help)")
            raise UserError(f"{file}, run '{run.name}': {reason}") from ended


def train(options, stop: Interruptions) -> int:
    """Train, from the start or from where a run stopped."""
    from models.weights import run_files
    from training import config
    from training.run import run_folder, trackers

    run = checkpoint = None
    if options.job and (own := run_folder.of_job(options.logs, options.job)):
        options.resume, options.config = own, None
    if options.resume:
        if options.config:
            raise UserError("--resume goes on with a run's own config.json; leave --config out")
        run, checkpoint = run_folder.checkpoint_of(resumed_path(options))
        saved = config.read(run / run_files.CONFIG)
        options.model = options.model or saved.model
        settings = config.resumed(saved, given(options), options.path)
    else:
        settings = started(options)
    trackers.require_installed(settings)
    training, validation = samples(settings)
    settings = config.with_class_weights(settings, training)
    startup.tensorflow()  # seconds, so only once the rest is known to be right
    from training.ranks import distributed
    from training.run import session

    ranks = distributed.start(
        settings.compression, settings.strategy, settings.stall_timeout, settings.synchronizes
    )
    return session.train(settings, training, validation, options.logs, run, checkpoint, stop, ranks)


def resumed_path(options) -> Path:
    """The run or checkpoint to go on with."""
    from training.run import run_folder

    if options.resume != "newest":
        return Path(options.resume)
    if not options.model:
        raise UserError(
            "the newest run of which model? give -m/--model, or --resume logs/<model>/<timestamp>"
        )
    return run_folder.newest(options.logs, options.model)


def started(options):
    """The configuration of a new run, from the command line, --config and the data set."""
    settings = with_options_of_weights(chosen(options))
    return replace(settings, label_set=data_set_of(settings).label_set)


def data_set_of(settings):
    """The data set that the configuration names."""
    from data import datasets

    return datasets.opened(Path(settings.path), settings.dataset, settings.classes)


def with_options_of_weights(settings):
    """The configuration with what weights of a PyTorch package need beside the options that are given."""
    if not settings.init_weights:
        return settings
    from models.weights import torch_files

    if torch_files.find(settings.init_weights):
        startup.tensorflow()
    from models.weights.loading import options_needed

    needed = options_needed(Path(settings.init_weights), settings.model)
    return replace(settings, options=needed | settings.options)


def chosen(options):
    """The configuration that the command line and --config name."""
    from training import config

    if not options.config:
        if not options.model:
            raise UserError(f"what to train? give -m/--model {', '.join(sorted(ARCHITECTURES))}")
        return config.new(given(options), cli.dataset_path(options.path))
    saved = config.read(options.config)
    options.model = options.model or saved.model
    path = options.path or (None if Path(saved.path).is_dir() else cli.dataset_path(None))
    return config.repeated(saved, given(options), path)


def samples(settings):
    """(training, validation) images whose headers are sound."""
    from data.samples import require_sound_headers

    data_set = data_set_of(settings)
    found = data_set.training(settings.coarse), data_set.validation(settings.coarse)
    require_sound_headers([*found[0], *found[1]])
    return found


def prepare_for_training(options) -> int:
    """Draw the schedule, or find a learning rate."""
    from training import config

    settings = started(options)
    if options.plot_schedule:
        images = data_set_of(settings).training(settings.coarse)
        return plot_schedule(settings, len(images), command_line.plot_file(options))
    training, _ = samples(settings)
    settings = config.with_class_weights(settings, training)
    startup.tensorflow()
    from training.lr_finder import finder_session
    from training.ranks import distributed

    ranks = distributed.start(
        settings.compression, settings.strategy, settings.stall_timeout, settings.synchronizes
    )
    bounds = command_line.finder_bounds(options)
    return finder_session.find(settings, training, options.logs, *bounds, ranks)


def plot_schedule(settings, images: int, path: Path) -> int:
    """Draw the learning rate of a run on one GPU."""
    startup.tensorflow()
    from training.optimization import schedules

    steps = -(-images // settings.batch)
    schedules.draw(path, settings.rates, steps, settings.length(steps))
    print(f"drew {path}")
    return 0


if __name__ == "__main__":
    cli.run(main)
