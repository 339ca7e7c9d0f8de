"""What each model costs on paper: parameters, MACs and memory, counted from the shapes of its layers.

Nothing is computed but fresh weights, so this runs on any backend of Keras (KERAS_BACKEND=jax or torch),
with TensorFlow or without.
"""

import math
from collections.abc import Iterator

from benchmarks import backend_devices, configurations
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
    backend_devices.import_keras()
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
        "deeplabv3+": [{"encoder": encoder} for encoder in ENCODERS],
        "separable_unet": [{"variant": variant} for variant in VARIANTS],
    }
    names = [name] if name else models.names()
    found = [(name, choice | given) for name in names for choice in open_choices.get(name, [{}])]
    return [pair for index, pair in enumerate(found) if pair not in found[:index]]


def count(name: str, options: dict, size: tuple[int, int]) -> dict:
    """One model's figures, plain values: counts, bytes, and the same for each of its layers.

    Where a layer's MACs cannot be counted, the model's are a lower bound, and `uncounted` names such layers.
    """
    import keras

    import models
    from benchmarks import activations, graph
    from data.label_sets import CITYSCAPES

    model = models.build(name, (*size, 3), CITYSCAPES.classes, **options)
    traced = graph.trace(model)
    rows = layer_rows(traced.calls)
    found = {
        "model": name,
        "options": options,
        "parameters": trainable(model),
        "macs": sum(layer["macs"] for layer in rows),
        "weight_bytes": activations.FLOAT32 * model.count_params(),
        "inference_bytes": activations.inference_bytes(traced),
        "training_bytes": activations.training_bytes(traced),
        "layers": rows,
    }
    if uncounted := [name for layer in rows for name in layer.get("uncounted", [])]:
        found["uncounted"] = uncounted
    keras.utils.clear_session(free_memory=True)  # the next model need not fit beside this one
    return found


def layer_rows(calls: list, seen: set | None = None) -> list[dict]:
    """The figures of each call of a layer, those inside nested models one by one.

    Args:
        calls: `benchmarks.graph.Call`s.
        seen: layers that have been called before, whose parameters are not counted again. Filled here.
    """
    seen, rows = set() if seen is None else seen, []
    for call in calls:
        if call.is_model():
            rows += layer_rows(call.inside, seen)
            continue
        rows.append(layer_row(call) | ({"parameters": 0} if call.operation in seen else {}))
        seen.add(call.operation)
    return rows


def layer_row(call) -> dict:
    """One call's figures; its shape is that of its first output, for one image."""
    from benchmarks import activations, macs

    counted = macs.count(call)
    figures = {
        "name": call.name,
        "type": type(call.operation).__name__,
        "shape": list(call.outputs[0].shape[1:]),
        "parameters": trainable(call.operation),
        "macs": counted.macs,
        "output_bytes": sum(map(activations.size, call.outputs)),
    }
    if counted.uncounted:
        figures["uncounted"] = [f"{one.name} ({type(one.operation).__name__})" for one in counted.uncounted]
    return figures


def trainable(operation) -> int:
    """Trainable parameters of a layer or a model; an operation of `keras.ops` has none."""
    return sum(math.prod(variable.shape) for variable in getattr(operation, "trainable_variables", ()))


def row(found: dict) -> str:
    """A model's line of the table, and another line if layers could not be counted."""
    label = " ".join([found["model"], *map(str, found["options"].values())])
    weights, inference, training = (
        found[f"{kind}_bytes"] / MIB for kind in ("weight", "inference", "training")
    )
    macs = figure_or_bound(found, found["macs"] / 1e9, 2)
    line = f"{label:32} {found['parameters']:11,} {macs:>8} {weights:8.1f} {inference:10.1f} {training:9.1f}"
    if "uncounted" in found:
        line += f"\n  GMACs are a lower bound, not counted: {', '.join(found['uncounted'])}"
    return line


def figure_or_bound(found: dict, macs: float, digits: int) -> str:
    """MACs of a model or layer: "1.5"; ">=1.5" if some of its layers could not be counted, "?" if all."""
    if "uncounted" not in found:
        return f"{macs:.{digits}f}"
    return f">={macs:.{digits}f}" if macs else "?"


def print_layers(rows: list[dict]) -> None:
    """The table of a model's layers."""
    print(f"\n  {'layer':34} {'type':20} {'output':>16} {'parameters':>11} {'MMACs':>10} {'MiB':>7}")
    for layer in rows:
        shape = "x".join(map(str, layer["shape"]))
        macs = figure_or_bound(layer, layer["macs"] / 1e6, 1)
        print(
            f"  {layer['name']:34} {layer['type']:20} {shape:>16} {layer['parameters']:11,} "
            f"{macs:>10} {layer['output_bytes'] / MIB:7.1f}"
        )
    print()
