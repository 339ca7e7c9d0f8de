"""What each model costs on paper: parameters, MACs and memory, counted from the shapes of its layers.

Nothing is computed but fresh weights, so this runs on any backend of Keras (KERAS_BACKEND=jax or torch),
with TensorFlow or without.
"""

import math
from collections.abc import Iterator

from benchmarks import configurations, devices
from benchmarks import shared_options as shared
from common import cli
from common.errors import UserError
from models import model_options

HELP = "parameters, multiply-accumulates, weight size and activation memory of the models"
MIB = 2**20


def add_arguments(parser) -> None:
    """The benchmark's options."""
    parser.add_argument("-m", "--model", help="(default: all, with all variants and encoders)")
    parser.add_argument(
        "-t", "--target-size", type=cli.size, default=(1024, 2048), metavar="Y,X", help="(default: 1024,2048)"
    )
    parser.add_argument("--layers", action="store_true", help="a table of the layers of each model as well")
    shared.add_continue(parser)
    model_options.add_arguments(parser)


def run(options) -> Iterator[dict]:
    """Count and print; yields the figures of each model."""
    given = model_options.given(options)
    if given and not options.model:
        raise UserError(
            f"--{next(iter(given)).replace('_', '-')} belongs to a model; name it with -m/--model"
        )
    settings = {
        "model": options.model,
        "options": given,
        "size": list(options.target_size),
        "batch": 1,
        "layers": options.layers,
    }
    yield from configurations.measure("summary", [settings], summarise, options)


def summarise(settings: dict) -> dict:
    """The figures of the models that settings name, printed as well."""
    devices.import_keras()
    height, width = settings["size"]
    print(f"one image of {height}x{width} in float32; memory in MiB; what is counted: docs/models.md\n")
    print(f"{'model':32} {'parameters':>11} {'GMACs':>8} {'weights':>8} {'inference':>10} {'training':>9}")
    counted = []
    for name, choice in variants(settings["model"], settings["options"]):
        found = count(name, choice, (height, width))
        print(row(found))
        if settings["layers"]:
            print_layers(found["layers"])
        else:
            del found["layers"]
        counted.append(found)
    return {"models": counted}


def variants(name: str | None, given: dict) -> list[tuple[str, dict]]:
    """What to count: (name, options of `models.build`).

    Args:
        name: a model's, or None for all.
        given: options that are chosen; a variant or encoder that is not stands for all of them.
    """
    import models
    from models import ENCODERS
    from models.networks.separable_unet import VARIANTS

    open_choices = {
        "deeplabv3+": [{"encoder": name} for name, found in ENCODERS.items() if 16 in found.output_strides],
        "separable_unet": [{"variant": variant} for variant in VARIANTS],
    }
    names = [name] if name else models.names()
    found = [(name, choice | given) for name in names for choice in open_choices.get(name, [{}])]
    return [pair for index, pair in enumerate(found) if pair not in found[:index]]


def count(name: str, options: dict, size: tuple[int, int]) -> dict:
    """One model's figures, plain values: counts, bytes, and the same for each of its layers."""
    import keras

    import models
    from benchmarks import activations
    from data.labels import CLASS_COUNT

    model = models.build(name, (*size, 3), CLASS_COUNT, **options)
    rows = [layer_row(layer) for layer in model.operations]
    found = {
        "model": name,
        "options": options,
        "parameters": trainable(model),
        "macs": sum(layer["macs"] for layer in rows),
        "weight_bytes": activations.FLOAT32 * model.count_params(),
        "inference_bytes": activations.inference_bytes(model),
        "training_bytes": activations.training_bytes(model),
        "layers": rows,
    }
    keras.utils.clear_session(free_memory=True)  # the next model need not fit beside this one
    return found


def layer_row(layer) -> dict:
    """One layer's figures; its shape is that of its first output."""
    from benchmarks import activations, macs

    multiplications = macs.layer_macs(layer)  # first of all, as it refuses what is unknown
    return {
        "name": layer.name,
        "type": type(layer).__name__,
        "shape": list(activations.outputs(layer)[0].shape[1:]),
        "parameters": trainable(layer),
        "macs": multiplications,
        "output_bytes": sum(map(activations.size, activations.outputs(layer))),
    }


def trainable(layer) -> int:
    """Trainable parameters of a layer or a model."""
    return sum(math.prod(variable.shape) for variable in layer.trainable_variables)


def row(found: dict) -> str:
    """A model's line of the table."""
    label = " ".join([found["model"], *map(str, found["options"].values())])
    weights, inference, training = (
        found[f"{kind}_bytes"] / MIB for kind in ("weight", "inference", "training")
    )
    return (
        f"{label:32} {found['parameters']:11,} {found['macs'] / 1e9:8.2f} {weights:8.1f} "
        f"{inference:10.1f} {training:9.1f}"
    )


def print_layers(rows: list[dict]) -> None:
    """The table of a model's layers."""
    print(f"\n  {'layer':34} {'type':20} {'output':>16} {'parameters':>11} {'MMACs':>10} {'MiB':>7}")
    for layer in rows:
        shape = "x".join(map(str, layer["shape"]))
        print(
            f"  {layer['name']:34} {layer['type']:20} {shape:>16} {layer['parameters']:11,} "
            f"{layer['macs'] / 1e6:10.1f} {layer['output_bytes'] / MIB:7.1f}"
        )
    print()
