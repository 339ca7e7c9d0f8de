"""Options that benchmarks share."""

from benchmarks import backend_devices, latency
from common import cli
from common.errors import UserError


def add_backend_and_precision(parser) -> None:
    """Add what Keras calculates on and in."""
    parser.add_argument(
        "--backend",
        nargs="+",
        choices=backend_devices.BACKENDS,
        help="of keras (default: KERAS_BACKEND, tensorflow)",
    )
    parser.add_argument(
        "--precision",
        nargs="+",
        choices=tuple(backend_devices.POLICIES),
        default=["float32"],
        help="of keras; the short ones keep weights and logits in float32 (default: float32)",
    )


def add_turns(parser, turns: int) -> None:
    """Add how long is measured; `turns` where --turns is not given."""
    parser.add_argument(
        "--turns",
        type=cli.positive_int,
        help=f"of each runtime (default: {turns}; {latency.LEAST_TURNS} of slow calls if they agree)",
    )
    parser.add_argument("--seconds", type=cli.positive_float, default=2.0, help="of a turn (default: 2)")


def require_turns(options) -> None:
    """Raise UserError for fewer turns than a spread needs."""
    if options.turns is not None and options.turns < latency.LEAST_TURNS:
        raise UserError(
            f"--turns {options.turns} are too few for a spread; give {latency.LEAST_TURNS} or more"
        )


def add_continue(parser) -> None:
    """Add --continue."""
    parser.add_argument(
        "--continue",
        dest="proceed",
        action="store_true",
        help="pass over what --save's folder has a record of: same settings, code, kind of machine, versions",
    )


def add_back_off(parser) -> None:
    """Add --batch-back-off."""
    parser.add_argument(
        "--batch-back-off",
        action="store_true",
        help="where memory runs out, record that and halve the batch until it fits",
    )
