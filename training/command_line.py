"""The command line of train.py: options of a run's configuration, and those that say what to do with it."""

from collections.abc import Iterator
from pathlib import Path

from common import cli
from common.errors import UserError
from models import model_options
from training import options as fields
from training import recipes
from training.config_fields import Config, general, ranks
from training.optimization import defaults, rates
from training.options import Group, Option

# options that are no field of the configuration, by the field whose option they precede in --help
BEFORE = {
    "init_weights": (
        general.option(
            "-r",
            "--resume",
            nargs="?",
            const="newest",
            with_finder=False,
            metavar="RUN|FILE",
            help="go on exactly where a run stopped (bare: the newest run of the model)",
        ),
        general.option(
            "--config",
            type=Path,
            with_finder=False,
            metavar="FILE",
            help="repeat the run of this config.json; options replace its parts",
        ),
    ),
    "epochs": (
        general.option(
            "--sweep",
            type=Path,
            with_finder=False,
            metavar="FILE",
            help="train all runs of this file, such as training/sweeps/town.toml, one after the other",
        ),
        general.option(
            "--only",
            with_finder=False,
            metavar="RUN",
            help="of a sweep, one run by its name or number, or all of one model",
        ),
    ),
    "encoder_weights": (
        general.option("--logs", type=Path, default=Path("logs"), help="where runs are kept (default: logs)"),
    ),
    "job": (
        ranks.option(
            "--doctor",
            action="store_true",
            help="do not train: tell what each rank has, how fast they exchange, and what is wrong",
        ),
    ),
    "schedule": (
        rates.group.option("-l", "--learning-rate", type=cli.positive_float, help="a constant learning rate"),
    ),
    "optimizer": (
        rates.group.option(
            "--plot-schedule",
            nargs="?",
            const=True,
            metavar="FILE",
            help="draw the learning rate and stop (bare: logs/<model>/schedule.png)",
        ),
    ),
}
FINDER = Group("learning-rate finder", "instead of training").option(
    "-f",
    "--lrfinder",
    choices=defaults.FOUND,
    metavar="OPTIMIZER",
    help=f"{' | '.join(defaults.FOUND)}: train a few steps at rates from --min-lr (default: "
    f"{defaults.FINDER_BOUNDS[0]:g}) to --max-lr ({defaults.FINDER_BOUNDS[1]:g}) and suggest a rate",
)


def arguments(description: str, words: list[str] | None = None):
    """Read the command line. What is not given is None: a resumed run keeps its own settings."""
    parser = cli.Parser(description=description)
    options = list(all_options())
    fields.add(parser, ((name, option) for name, option in options if option.group == general))
    model_options.add_arguments(parser)
    fields.add(parser, ((name, option) for name, option in options if option.group != general))
    return parser.parse_args(words)


def all_options() -> Iterator[tuple[str, Option]]:
    """Name and option, in the order of --help; those of single architectures are not among them."""
    for name, option in fields.of(Config).items():
        yield from ((other.name, other) for other in BEFORE.get(name, ()))
        yield name, option
    yield FINDER.name, FINDER


def given(options) -> dict:
    """What the command line says of the configuration, as fields of `Config`; all but the data set's path.

    Raises:
        UserError: options that are missing or contradict each other.
    """
    found = _optimizer_or_rates(options)
    for name, option in fields.of(Config, nested=False).items():
        if name != "path" and getattr(options, name) is not None:
            found[name] = option.value(getattr(options, name))
    if model_options.given(options):
        found["options"] = model_options.given(options)
    return found


def _optimizer_or_rates(options) -> dict:
    """What the finder decides, or else the rates that are asked for."""
    if options.lrfinder:
        _require_nothing_else(options)
        finder_bounds(options)
        return {"optimizer": options.lrfinder}
    chosen = rates.choose(
        recipes.optimization(options.model, options.optimizer)["rates"],
        learning_rate=options.learning_rate,
        **{name: getattr(options, name) for name in fields.of(rates.Rates)},
    )
    return {"rates": chosen} if chosen else {}


def _require_nothing_else(options) -> None:
    others = [
        option.strings[-1]
        for name, option in all_options()
        if not option.with_finder and getattr(options, name) is not None
    ]
    if others:
        raise UserError(
            f"-f/--lrfinder does not go with {', '.join(others)}; "
            f"leave {'it' if len(others) == 1 else 'them'} out"
        )


def finder_bounds(options) -> tuple[float, float]:
    """The lowest and the highest rate of the finder's sweep.

    Raises:
        UserError: bounds that are none.
    """
    low = defaults.FINDER_BOUNDS[0] if options.minimum is None else options.minimum
    high = options.maximum or defaults.FINDER_BOUNDS[1]
    if not 0 < low < high:
        raise UserError(
            f"-f/--lrfinder goes up from --min-lr, above 0, to --max-lr; not from {low:g} to {high:g}"
        )
    return low, high


def plot_file(options) -> Path:
    """Where `--plot-schedule` draws to."""
    default = options.logs / options.model / "schedule.png"
    return default if options.plot_schedule is True else Path(options.plot_schedule)
