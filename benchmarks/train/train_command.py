"""Speed of training: whole steps on synthetic input, and what forward, backward and optimizer take of them.

On TensorFlow it is the suite's own step; on JAX and PyTorch the very same models with a step of that backend.
"""

import json
from collections.abc import Iterator

from benchmarks import backend_devices, children, clock, configurations
from benchmarks import shared_options as shared
from benchmarks.configurations import described
from benchmarks.train.step_parts import PARTS
from common import cli
from common.errors import UserError
from models import model_options, registry

HELP = "images per second of training, and where a step's time goes"
CHILD = "benchmarks.train.train_process"
TURNS = 5


def add_arguments(parser) -> None:
    """The benchmark's options."""
    parser.add_argument(
        "-m",
        "--model",
        nargs="+",
        choices=registry.names(refining=False),
        default=["fastscnn"],
        help="models (default: fastscnn)",
    )
    parser.add_argument(
        "-t",
        "--target-size",
        type=cli.size,
        nargs="+",
        default=[(512, 1024)],
        metavar="Y,X",
        help="sizes (default: 512,1024)",
    )
    parser.add_argument(
        "-b", "--batch", type=cli.positive_int, nargs="+", default=[2], help="batches (default: 2)"
    )
    shared.add_backend_and_precision(parser)
    shared.add_turns(parser, TURNS)
    shared.add_back_off(parser)
    shared.add_continue(parser)
    model_options.add_arguments(parser)


def run(options) -> Iterator[dict]:
    """Measure one configuration after the other; yields what their records hold.

    Raises:
        UserError: options that contradict each other, or nothing could be measured.
    """
    shared.require_turns(options)
    if len(options.model) > 1 and model_options.given(options):
        raise UserError("options of an architecture are for one model; name it alone with -m")

    def measure_one(settings):
        found = measure(settings, all_turns=options.turns is not None)
        print(table(settings, found), flush=True)
        return found

    yield from configurations.measure("train", settings_of(options), measure_one, options)


def settings_of(options) -> Iterator[dict]:
    """Every configuration's settings, as its record holds them."""
    for model in options.model:
        for size in options.target_size:
            for batch in options.batch:
                for precision in options.precision:
                    for backend in options.backend or [backend_devices.default_backend()]:
                        yield {
                            "model": model,
                            "size": list(size),
                            "batch": batch,
                            "precision": precision,
                            "backend": backend,
                            "options": model_options.to_record(model, model_options.given(options)),
                            "input": "synthetic",
                            "ranks": 1,
                            "turns": options.turns or TURNS,
                            "seconds": options.seconds,
                        }


def measure(settings: dict, all_turns: bool) -> dict:
    """The figures of a configuration; without its parts where these alone do not fit.

    Args:
        settings: a record's.
        all_turns: take them all, even of slow steps that agree before.

    Returns:
        figures, or `failed` where there are none.
    """
    print(f"{configurations.described(settings)}:", flush=True)
    variables = backend_devices.VARIABLES | {"KERAS_BACKEND": settings["backend"]}
    sent, ended = children.objects(CHILD, json.dumps(settings | {"all_turns": all_turns}), **variables)
    if not sent:
        return ended.result()
    figures, *split = sent
    rate = figures["pictures_per_second"]
    return figures | {
        "pictures_per_second_per_device": {name: value / settings["ranks"] for name, value in rate.items()},
        # no all-reduce and no wait for data: one rank, and a batch that lies on the device
        "split": dict.fromkeys(PARTS) | (split[0] if split else {}),
        "clock": clock.self_check(),
    }


MILLI, GIB = 1e3, 2**30


def table(settings: dict, found: dict) -> str:
    """A configuration's lines."""
    if "failed" in found:
        return f"{described(settings)}: {found['failed']}\n"
    rate, latency, memory = found["pictures_per_second"], found["latency"], found["memory"]
    noisy = ", noisy" if found["noisy"] else ""
    p99 = f", p99 {latency['p99'] * MILLI:.1f}" if "p99" in latency else ""
    lines = [
        f"{described(settings)}, synthetic input, {found['device']}",
        f"  {rate['median']:.2f} images/s ({rate['min']:.2f}-{rate['max']:.2f}){noisy}; a step p50 "
        f"{latency['p50'] * MILLI:.1f} ms, p95 {latency['p95'] * MILLI:.1f}{p99}, first "
        f"{found['first_call_seconds']:.1f} s; {memory['peak_bytes'] / GIB:.2f} GiB of the {memory['of']}",
        "  "
        + ", ".join(
            f"{name.replace('_', ' ')} {part['seconds'] * MILLI:.1f} ms ({100 * part['share']:.0f} %)"
            for name, part in found["split"].items()
            if part
        ),
    ]
    return "\n".join(lines) + "\n"
