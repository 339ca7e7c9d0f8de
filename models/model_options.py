"""Options of architectures: which there are, which values they take, and how a command line names them."""

import argparse
import inspect

from common import cli
from common.errors import UserError
from models import registry

# as runs and weights files of version 0.1 call options and their values
RENAMED = {"backbone": "encoder"}
RENAMED_VALUES = {("backbone", "resnet50"): "resnet50_keras"}
# architecture -> option -> (what files mean that do not name it, today's default)
DEFAULTS = {"fastscnn": {"preset": ("paper", "pytorch")}}


class OptionError(UserError):
    """An option that the architecture does not have, or a value that it does not take."""


def current(options: dict) -> dict:
    """Options by the names that they, and their values, have today."""
    return {
        RENAMED.get(name, name): RENAMED_VALUES.get((name, value), value) if isinstance(value, str) else value
        for name, value in options.items()
    }


def to_record(model: str, options: dict) -> dict:
    """Options as files keep them: those that once had another default are always named."""
    return {name: today for name, (_, today) in DEFAULTS.get(model, {}).items()} | options


def of_record(model: str, options: dict) -> dict:
    """What a file's options mean: one that it does not name has the default from before that changed."""
    return {name: before for name, (before, _) in DEFAULTS.get(model, {}).items()} | options


def defaults(build, skip: int) -> dict:
    """The options of a `build` function with their default values: its parameters but for the first ones."""
    parameters = list(inspect.signature(build).parameters.items())[skip:]
    return {name: parameter.default for name, parameter in parameters}


def require_known(name: str, known: dict, options: dict) -> None:
    """Raise OptionError, naming the valid ones, unless the architecture `name` has all options."""
    for option in options:
        if option not in known:
            there_are = f"there are: {', '.join(known)}" if known else "it has none"
            raise OptionError(f"{name} has no option '{option}'; {there_are}")


def require_one_of(what: str, value, valid) -> None:
    """Raise OptionError, naming the valid values, unless `value` is one of them."""
    if value not in tuple(valid):
        raise OptionError(f"unknown {what} '{value}'; there are: {', '.join(map(str, valid))}")


def add_arguments(parser) -> None:
    """Add the options that single architectures have to a command line; `given` collects them."""
    group = parser.add_argument_group("architecture", "each for the models that have it, see docs/models.md")
    group.add_argument(
        "--width", type=cli.positive_int, help="unet: channels at full resolution (default: 64)"
    )
    group.add_argument(
        "--width-multiplier",
        type=cli.positive_float,
        metavar="0.5|1|1.5|2",
        help="espnetv2: of the encoder's channels (default: 2)",
    )
    group.add_argument(
        "--variant",
        help="separable_unet: original (default), or large: deeper, wider, for full resolution; ddrnet: "
        "23_slim (default), 23; pidnet: s (default), m, l",
    )
    decoders = [name for name, found in registry.ARCHITECTURES.items() if found.decoder]
    group.add_argument(
        "--encoder",
        "--backbone",
        metavar="NAME",
        help=f"{', '.join(sorted(decoders))}: {', '.join(registry.ENCODERS)} (default of deeplabv3+: "
        f"{registry.ARCHITECTURES['deeplabv3+'].encoder}; unet has one of its own)",
    )
    group.add_argument(
        "--output-stride",
        type=cli.positive_int,
        metavar="32|16|8",
        help="deeplabv3+, fcn, pspnet: of the encoder (default: 16, of fcn and pspnet 8)",
    )
    group.add_argument(
        "--multi-grid",
        type=cli.dilations,
        metavar="N,N,N",
        help="ResNet encoders: dilations of the last stage's blocks, such as 1,2,4",
    )
    group.add_argument(
        "--separable",
        action=argparse.BooleanOptionalAction,
        help="deeplabv3+: separable convolutions in pyramid and decoder (default: all but resnet50_keras)",
    )
    group.add_argument(
        "--head", metavar="psp|aspp|enc", help="fastfcn: what stands behind the upsampling (default: psp)"
    )
    group.add_argument(
        "--preset",
        metavar="smp|mmseg|hub|paper",
        help="decoders, unet, fastscnn: as segmentation_models.pytorch, mmsegmentation or the hub has them; "
        "unet, fastscnn: paper (default: docs/models.md says which)",
    )


def given(options) -> dict:
    """Those of `add_arguments` that a command line names, as `models.build` takes them."""
    names = (
        "width",
        "width_multiplier",
        "variant",
        "encoder",
        "output_stride",
        "multi_grid",
        "separable",
        "head",
        "preset",
    )
    return {name: getattr(options, name) for name in names if getattr(options, name) is not None}
