"""The recipe on the command line: learning rates, optimizer, loss, and the finder of learning rates."""

import argparse
from pathlib import Path

from common import cli
from common.errors import UserError
from training import losses
from training.optimization import rates, recipes

EMA = 0.999  # bare --ema
# what the finder decides by itself, or what only a whole run has
NOT_WITH_FINDER = (
    "resume",
    "config",
    "optimizer",
    "learning_rate",
    "schedule",
    "power",
    "cycle",
    "cyclic_mode",
    "warmup_epochs",
    "lr_scaling",
    "plot_schedule",
    "epochs",
    "freeze_encoder",
    "ema",
    "validate_every",
    "patience",
    "save_every",
    "job",
    "wandb",
    "mlflow",
)


def add_rate_arguments(group) -> None:
    """The learning rate over the run."""
    group.add_argument("-l", "--learning-rate", type=cli.positive_float, help="a constant learning rate")
    group.add_argument("--schedule", choices=tuple(rates.SCHEDULES), help="over the steps of the whole run")
    group.add_argument("--max-lr", type=cli.positive_float, help="highest rate, on one GPU")
    group.add_argument(
        "--min-lr", type=cli.non_negative_float, help="lowest rate (onecycle and cosine: 0 if not given)"
    )
    group.add_argument("--power", type=cli.positive_float, help="polynomial: exponent, 0.9 in most papers")
    group.add_argument(
        "--cycle", type=cli.positive_float, metavar="EPOCHS", help="cyclic: length of a cycle, up and down"
    )
    group.add_argument(
        "--cyclic-mode",
        choices=rates.CYCLIC_MODES,
        help="cyclic: as it is (default), halved after each cycle, or shrinking at each step",
    )
    group.add_argument(
        "--warmup-epochs",
        type=cli.non_negative_float,
        metavar="EPOCHS",
        help=f"rise to the first rate (default: {rates.WARMUP_EPOCHS} with more than one GPU, else 0)",
    )
    group.add_argument(
        "--lr-scaling", choices=rates.SCALINGS, help="of rates with the number of GPUs (default: linear)"
    )
    group.add_argument(
        "--plot-schedule",
        nargs="?",
        const=True,
        metavar="FILE",
        help="draw the learning rate and stop (bare: logs/<model>/schedule.png)",
    )


def add_optimizer_arguments(group) -> None:
    """How gradients change weights."""
    group.add_argument(
        "--optimizer", choices=tuple(recipes.OPTIMIZERS), help="(default: the model's, mostly sgd)"
    )
    group.add_argument(
        "--momentum", type=cli.share, help=f"of {', '.join(recipes.WITH_MOMENTUM)} (default: 0.9; rmsprop 0)"
    )
    group.add_argument(
        "--weight-decay",
        type=cli.non_negative_float,
        help=f"L2 penalty on kernels, but depthwise ones (default: {recipes.WEIGHT_DECAY:g}; "
        f"adamw, decoupled: {recipes.DECOUPLED_WEIGHT_DECAY:g})",
    )
    group.add_argument(
        "--clip-norm", type=cli.positive_float, metavar="NORM", help="limit of the gradients' global norm"
    )
    group.add_argument(
        "--accumulate", type=cli.positive_int, metavar="STEPS", help="average the gradients of so many steps"
    )
    group.add_argument(
        "--mixed-precision",
        nargs="?",
        const="auto",
        choices=("auto", "float16", "bfloat16"),
        help="bare: float16 on a GPU of compute capability below 8, else bfloat16",
    )
    group.add_argument(
        "--remat",
        action=argparse.BooleanOptionalAction,
        help="recompute activations in the backward pass instead of keeping them: less memory, more time",
    )
    group.add_argument(
        "--ema",
        type=cli.share,
        nargs="?",
        const=EMA,
        metavar="SHARE",
        help=f"score and save a moving average of the weights that keeps this share (bare: {EMA:g})",
    )


def add_loss_arguments(group) -> None:
    """What is minimised."""
    group.add_argument(
        "--loss", metavar="TERMS", help=f"{' | '.join(losses.NAMES)}, or a sum such as ce+dice (default: ce)"
    )
    group.add_argument(
        "--class-weights",
        metavar="none|median|enet|FILE",
        help="weights from the training labels or from JSON, a list or an object by name (default: none)",
    )
    group.add_argument(
        "--label-smoothing",
        type=cli.share,
        metavar="SHARE",
        help=f"of the truth, spread over all classes; for {', '.join(losses.OF_PIXELS)} (default: 0)",
    )


def add_finder_arguments(group) -> None:
    """The learning-rate finder."""
    group.add_argument(
        "-f",
        "--lrfinder",
        choices=recipes.FOUND,
        metavar="OPTIMIZER",
        help=f"{' | '.join(recipes.FOUND)}: train a few steps at rates from --min-lr (default: "
        f"{recipes.FINDER_BOUNDS[0]:g}) to --max-lr ({recipes.FINDER_BOUNDS[1]:g}) and suggest a rate",
    )


def given(options) -> dict:
    """What the command line says of the recipe, as fields of `training.config.Config`.

    Raises:
        UserError: options that are missing or contradict each other.
    """
    fields = ("momentum", "weight_decay", "clip_norm", "accumulate", "ema")
    fields += ("loss", "class_weights", "label_smoothing")
    found = {name: getattr(options, name) for name in fields if getattr(options, name) is not None}
    if options.lrfinder:
        _require_nothing_else(options)
        finder_bounds(options)
        return found | {"optimizer": options.lrfinder}
    if options.optimizer:
        found["optimizer"] = options.optimizer
    chosen = rates.choose(
        recipes.recipe(options.model, options.optimizer).rates,
        options.schedule,
        options.learning_rate,
        options.warmup_epochs,
        options.lr_scaling,
        maximum=options.max_lr,
        minimum=options.min_lr,
        power=options.power,
        cycle=options.cycle,
        mode=options.cyclic_mode,
    )
    return found | ({"rates": chosen} if chosen else {})


def _require_nothing_else(options) -> None:
    others = [name for name in NOT_WITH_FINDER if getattr(options, name) is not None]
    if others:
        words = ", ".join(f"--{name.replace('_', '-')}" for name in others)
        raise UserError(
            f"-f/--lrfinder does not go with {words}; leave {'it' if len(others) == 1 else 'them'} out"
        )


def finder_bounds(options) -> tuple[float, float]:
    """The lowest and the highest rate of the finder's sweep.

    Raises:
        UserError: bounds that are none.
    """
    low = recipes.FINDER_BOUNDS[0] if options.min_lr is None else options.min_lr
    high = options.max_lr or recipes.FINDER_BOUNDS[1]
    if not 0 < low < high:
        raise UserError(
            f"-f/--lrfinder goes up from --min-lr, above 0, to --max-lr; not from {low:g} to {high:g}"
        )
    return low, high


def plot_file(options) -> Path:
    """Where `--plot-schedule` draws to."""
    default = options.logs / options.model / "schedule.png"
    return default if options.plot_schedule is True else Path(options.plot_schedule)
