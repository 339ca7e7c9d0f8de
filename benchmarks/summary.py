"""What each model costs on paper: parameters, MACs and memory, counted from the shapes of its layers.

Nothing is computed but fresh weights, so this runs on any backend of Keras (KERAS_BACKEND=jax or torch),
with TensorFlow or without.
"""

from collections.abc import Iterator
from pathlib import Path

from benchmarks import backend_devices, configurations, costs, pairs
from benchmarks import shared_options as shared
from benchmarks.inference import subjects
from benchmarks.inference.inference_options import require_there
from common import cli
from common.errors import UserError
from models import model_options
from models.weights import catalogue

HELP = "parameters, multiply-accumulates, weight size and activation memory of the models"
MIB = 2**20


def add_arguments(parser) -> None:
    """The benchmark's options."""
    parser.add_argument("-m", "--model", help="(default: all, with all variants and encoders)")
    parser.add_argument(
        "-w", "--weights", type=Path, metavar="RUN|FILE", help="the model and options of these"
    )
    parser.add_argument(
        "-t", "--target-size", type=cli.size, default=(1024, 2048), metavar="Y,X", help="(default: 1024,2048)"
    )
    parser.add_argument("--layers", action="store_true", help="a table of the layers of each model as well")
    parser.add_argument(
        "--all",
        action="store_true",
        help="every decoder on every encoder; of -m or --encoder, if one is named",
    )
    parser.add_argument(
        "--published", action="store_true", help="the networks of the catalogue of published weights"
    )
    shared.add_continue(parser)
    model_options.add_arguments(parser)


def run(options) -> Iterator[dict]:
    """Count and print; yields the figures of each model."""
    model, given = options.model, model_options.given(options)
    require_fitting(options, given)
    if options.weights:
        require_there(options.weights)
        model, given = subjects.of_weights(options.weights, model)
    settings = {
        "model": model,
        "options": given,
        "size": list(options.target_size),
        "batch": 1,
        "layers": options.layers,
    }
    if options.weights:
        settings["exact"] = True  # the network of the weights alone, not its variants
    if options.all:
        settings["all"] = True
    if options.published:
        settings["published"] = True
    yield from configurations.measure("summary", [settings], summarise, options)


def require_fitting(options, given: dict) -> None:
    """Raise UserError for options that contradict each other."""
    if options.published and (options.model or options.weights or options.all or given):
        raise UserError(
            "--published names its networks itself; leave -m, -w, --all and options of models out"
        )
    free = {"encoder"} if options.all else set()
    if set(given) - free and not options.model:
        name = next(name for name in given if name not in free)
        raise UserError(f"--{name.replace('_', '-')} belongs to a model; name it with -m/--model")
    if options.weights and (given or options.all):
        raise UserError("-w knows the options of its model; leave these and --all out")
    if options.all and options.layers:
        raise UserError("--layers is for single models; leave it or --all out")


def summarise(settings: dict) -> dict:
    """The figures of the models that settings name, printed as well."""
    height, width = settings["size"]
    print(f"one image of {height}x{width} in float32; memory in MiB; what is counted: docs/models.md\n")
    print(f"{'model':32} {'parameters':>11} {'GMACs':>8} {'weights':>8} {'inference':>10} {'training':>9}")
    if settings.get("all"):
        counted, left_out = pairs.count_all(settings)
        print("\n".join([*map(row, counted), *left_out]))
        return {"models": counted}
    backend_devices.import_keras()
    counted = []
    if settings.get("published"):
        chosen = [(one.model, one.options) for one in catalogue.networks()]
    elif settings.get("exact"):
        chosen = [(settings["model"], settings["options"])]
    else:
        chosen = variants(settings["model"], settings["options"])
    for name, choice in chosen:
        found = costs.count(name, choice, (height, width))
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
        given: options that are chosen, in the place of those of `models.registry.Architecture.variants`.
    """
    from models import registry

    names = [name] if name else registry.names()
    found = [(name, choice | given) for name in names for choice in registry.architecture(name).variants]
    return [pair for index, pair in enumerate(found) if pair not in found[:index]]


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
