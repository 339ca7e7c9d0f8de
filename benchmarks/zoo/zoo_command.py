"""Published weights: fetched, checked, scored and timed on this machine, one after the other.

Each step is a benchmark of its own in processes of its own, whose record names the SHA-256 of the weights: a
report joins score, speed and costs by that. What --save's folder has a record of is passed over, so that it
goes on where it stopped; a file that cannot be fetched, or a network that does not fit, does not end it.

Speed and costs depend on no weights: --random counts and times the networks where files cannot be fetched.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks import children, sweep_command
from benchmarks.inference.inference_options import runtimes
from common import cli
from common.environment import gpus
from common.errors import UserError
from models.weights import catalogue
from models.weights.catalogue import Published

HELP = "published weights: fetched, checked, scored and timed"
ANSWER = "benchmarks.zoo.answer"
SIZES = [(512, 1024), (1024, 2048)]
KERAS, IN_16_BITS = ["--runtimes", "keras"], ["--precision", "bfloat16"]
WITH_ONNX = ["--runtimes", "keras,onnx,onnx-int8"]
WITH_CUDA = ["--runtimes", "keras,onnx,onnx-fp16", "--provider", "cuda"]
WITH_TENSORRT = ["--runtimes", "onnx,onnx-fp16,onnx-int8", "--provider", "tensorrt"]


def add_arguments(parser) -> None:
    """The benchmark's options."""
    parser.add_argument(
        "-p",
        "--path",
        type=Path,
        help=f"Cityscapes, to score on val (default: ${cli.DATASET_VARIABLE})",
    )
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", help="of these weights, by name or counted from 0 (default: all)"
    )
    parser.add_argument(
        "--random",
        action="store_true",
        help="fetch nothing: count and time the networks with random weights, beside the published scores",
    )
    parser.add_argument("--images", type=cli.positive_int, metavar="N", help="score on N images of val alone")
    parser.add_argument(
        "-t", "--target-size", type=cli.size, nargs="+", default=SIZES, metavar="Y,X",
        help="sizes to time (default: 512,1024 1024,2048)",
    )  # fmt: skip
    parser.add_argument(
        "--runtimes",
        type=runtimes,
        help="to time, as of inference (default: keras, onnx and int8; on a GPU also 16 bits and TensorRT)",
    )
    parser.add_argument(
        "--seconds",
        type=cli.positive_float,
        default=2.0,
        metavar="S",
        help="of a turn (default: 2)",
    )


def run(options) -> Iterator[dict]:
    """Take the entries one after the other; their own processes keep the records.

    Raises:
        UserError: an unknown name, no folder to save to, or nothing that could be measured.
    """
    chosen = [entry(name) for name in options.only or catalogue.published()]
    if not options.save:
        raise UserError("scores, speed and costs are joined by their records; add --save")
    if options.random and (options.path or options.images):
        raise UserError("--random scores nothing; leave -p/--path and --images out")
    data = None if options.random else cli.named_dataset(options.path)
    if options.images and not data:
        raise UserError("--images are those of a data set; add -p/--path or leave --images out")
    if options.random:
        chosen = [one for one in catalogue.networks() if one.network in {one.network for one in chosen}]
        if not options.only:  # all networks in one record
            for height, width in options.target_size:
                sweep_command.is_done(["summary", "--published", "-t", f"{height},{width}"], options.save)
    elif not data:
        print("no data set: scores are the published ones; -p CITYSCAPES scores the weights here", flush=True)
    timings = [["--runtimes", ",".join(options.runtimes)]] if options.runtimes else timings_here()
    whole = 0
    for number, one in enumerate(chosen, start=1):
        print(
            f"[{number}/{len(chosen)}] {one.name}: {one.network}, {one.miou:g} % mIoU on {one.tested}, "
            f"by {one.source.title}; {one.terms}",
            flush=True,
        )
        ready = options.random or fetched(one)
        whole += ready and all_done(steps(one, options, data, timings), options.save)
    print(f"{whole} of {len(chosen)} measured completely", flush=True)
    if not whole:
        raise UserError("nothing was measured completely, see above")
    yield from ()


def entry(name: str) -> Published:
    """An entry of the catalogue by its name or its number.

    Raises:
        UserError: there is none.
    """
    found = catalogue.published()
    if name.isdigit() and int(name) < len(found):
        return list(found.values())[int(name)]
    if name not in found:
        raise UserError(
            f"no published weights '{name}'{catalogue.near(name)}; convert_weights.py --list shows all, "
            f"numbered from 0 to {len(found) - 1}"
        )
    return found[name]


def timings_here() -> list[list[str]]:
    """What to time on the devices that are here, as options of `inference`; on a GPU nothing beside it."""
    try:
        from onnxruntime import get_available_providers
    except ImportError:
        providers = []
    else:
        providers = get_available_providers()
    with_cuda = "CUDAExecutionProvider" in providers
    if not (with_cuda or gpus()):
        return [WITH_ONNX if providers else KERAS]
    found = [WITH_CUDA if with_cuda else KERAS, [*KERAS, *IN_16_BITS]]
    return [*found, *([WITH_TENSORRT] if "TensorrtExecutionProvider" in providers else [])]


def steps(one: Published, options, data: Path | None, timings: list[list[str]]) -> Iterator[list[str]]:
    """The command lines of benchmark.py for an entry, the quick ones first."""
    weights = network(one) if options.random else ["-w", one.name]
    if options.only or not options.random:
        for height, width in options.target_size:
            yield ["summary", *weights, "-t", f"{height},{width}"]
    for height, width in options.target_size:
        for words in timings:
            seconds = ["--seconds", str(options.seconds)]
            yield ["inference", *weights, "-t", f"{height},{width}", *words, *seconds]
    if data:
        images = ["--images", str(options.images)] if options.images else []
        size = [] if "windows" in one.tested else ["-t", one.tested.replace("x", ",")]
        yield ["accuracy", *weights, "-p", str(data), *size, *images]


def network(one: Published) -> list[str]:
    """The options of `inference` and `summary` that build an entry's network, with random weights."""
    options = ((f"--{name.replace('_', '-')}", str(value)) for name, value in one.options.items())
    return ["-m", one.model, *(word for option in options for word in option)]


def fetched(one: Published) -> bool:
    """Fetch an entry and check its answer; whether that went well."""
    try:
        catalogue.fetch(one)
        check(one)
    except UserError as error:
        print(f"  passed over: {error}", flush=True)
        return False
    return True


def all_done(commands: Iterable[list[str]], folder: Path) -> bool:
    """Run commands; whether all of them gave figures."""
    done = [sweep_command.is_done(words, folder) for words in commands]
    return all(done)


def check(one: Published) -> None:
    """Compare an entry's answer with the one that the catalogue has, if it has one.

    Raises:
        UserError: it is another, or the weights could not be loaded.
    """
    if not one.answer:
        print("  no golden answer is known of these weights", flush=True)
        return
    try:
        found = json.loads(children.run(ANSWER, one.name))
    except children.Ended as error:
        raise UserError(f"its golden answer could not be calculated: {error.why}") from error
    if not found["difference"] < found["allowed"]:
        raise UserError(
            f"its logits differ by {found['difference']:.1e} of the largest from the golden answer; "
            "compare versions of Keras and TensorFlow with constraints.txt"
        )
    print(f"  golden answer: logits differ by {found['difference']:.1e} of the largest", flush=True)
