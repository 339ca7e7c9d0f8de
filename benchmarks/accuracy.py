"""Official scores of weights, as a record that names their SHA-256: reports join it to their speed."""

import functools
import json
import math
from collections.abc import Iterator
from pathlib import Path

from benchmarks import configurations
from benchmarks import shared_options as shared
from benchmarks.inference import subjects
from benchmarks.inference.inference_options import is_graph, require_there
from common import cli, left_out
from common.errors import UserError
from inference import runtimes

HELP = "official scores of weights, to stand beside their speed"
PASSES = ("samples", "seed", "overlap", "scales", "flip")  # of evaluate.py, as its JSON calls them
# of a run's configuration; runs that differ in `seed` alone are one training
TRAINING = (
    *("target_size", "crop", "batch", "steps", "epochs", "hours", "augment"),
    *("optimizer", "momentum", "weight_decay", "rates", "loss", "auxiliary", "ema"),
    *("init_weights", "encoder_weights", "seed"),
)
OWN, READ = "benchmark.py accuracy", "evaluate.py"


def add_arguments(parser) -> None:
    """The benchmark's options."""
    parser.add_argument(
        "-w",
        "--weights",
        type=Path,
        nargs="+",
        required=True,
        metavar="RUN|FILE",
        help="runs, weights or .onnx files, a record of each",
    )
    parser.add_argument("-m", "--model", help="model's name (default: the one stored with the weights)")
    parser.add_argument("-p", "--path", type=Path, help=f"data set (default: ${cli.DATASET_VARIABLE})")
    cli.add_data_set(parser)
    parser.add_argument("--split", help="split to score (default: val)")
    parser.add_argument(
        "--images", type=cli.positive_int, metavar="N", help="so many, spread over the split (default: all)"
    )
    parser.add_argument(
        "-t", "--target-size", type=cli.size, metavar="Y,X", help="(default: stored with the weights)"
    )
    parser.add_argument(
        "--scores", type=Path, metavar="FOLDER", help="take evaluate.py's results folder instead of scoring"
    )
    shared.add_continue(parser)
    cli.add_provider(parser, "openvino")


def run(options) -> Iterator[dict]:
    """Score, or read scores; yields what the record holds.

    Raises:
        UserError: options that contradict each other, scores of other weights, or none.
    """
    for weights in options.weights:
        require_there(weights)
    if options.scores:
        if (
            options.path
            or options.dataset
            or options.classes
            or options.split
            or options.target_size
            or options.provider
            or options.images
        ):
            raise UserError("--scores knows the data and how they were scored; leave -p, --split, -t out")
        if len(options.weights) > 1:
            raise UserError("--scores are those of one -w; give it alone")
        settings, results = read(options.weights[0], options)
        yield from configurations.measure("accuracy", [settings], lambda _: printed(results), options)
        return
    root, split = cli.dataset_path(options.path), options.split or "val"
    for weights in options.weights:
        settings = settings_of(weights, options, root.resolve().name, split, options.target_size, {})
        if options.images:
            settings["images"] = options.images
        measure_one = functools.partial(_scored, weights, options, root, split)
        yield from configurations.measure("accuracy", [settings], measure_one, options)


def _scored(weights: Path, options, root: Path, split: str, _settings: dict) -> dict:
    return printed(score(weights, options, root, split))


def settings_of(weights: Path, options, dataset: str, split: str, size, passes: dict) -> dict:
    """A record's settings; the size is that of the model's input."""
    if is_graph(weights):
        subject = subjects.of_graph(weights)
        model, architecture, own = subject["model"], subject["options"], subject["size"]
    else:
        from models.weights.loading import origin_of, require_size

        model, architecture = subjects.of_weights(weights, options.model)
        own = size or require_size(weights, origin_of(weights, options.model))
    trained = training_of(weights)
    return {
        "model": model,
        "options": architecture,
        "weights": subjects.file_and_hash(weights),
        "dataset": dataset,
        "split": split,
        "size": list(size or own),
        "batch": 1,
        "passes": passes,
        **({"training": trained} if trained else {}),
    }


def training_of(weights: Path) -> dict | None:
    """How a run trained its weights, as far as tables tell runs apart; None for other files."""
    from models.weights import run_files

    folder = run_files.home(weights)
    if not run_files.is_run(folder):
        return None
    config = json.loads((folder / run_files.CONFIG).read_text())
    found = {name: config.get(name) for name in TRAINING}
    return found | {"data": Path(config.get("path") or "").name}


def score(weights: Path, options, root: Path, split: str) -> dict:
    """Run the weights over a split and score them, as evaluate.py does."""
    from data import datasets
    from data.label_sets import require_same_classes
    from evaluation import predictions, scored_labels
    from evaluation.scores import scores
    from inference.segment import segment

    data_set = datasets.opened(root, options.dataset, options.classes)
    if not options.classes:
        data_set = data_set.for_model(runtimes.label_set_of(weights, options.model))
    samples = data_set.validation() if split == "val" else data_set.labelled(split)
    if options.images:  # spread over all
        count = min(options.images, len(samples))
        samples = [samples[number * len(samples) // count] for number in range(count)]
    runtime = runtimes.load(weights, options.model, options.target_size, None, options.provider)
    left_out.tell(weights, getattr(runtime, "left_out", ()))
    labels = data_set.label_set
    require_same_classes(runtime.label_set, weights, labels, root)
    counts = predictions.score_arrays(samples, lambda _, image: labels.train_to_file[segment(runtime, image)])
    return results_of(scores(counts, scored_labels.of(labels)), len(samples), OWN, labels)


def read(weights: Path, options) -> tuple[dict, dict]:
    """The settings and results of a results folder of evaluate.py, as a record holds them.

    Raises:
        UserError: it holds no scores, or not those of the weights.
    """
    path = options.scores / "scores.json"
    try:
        scored = json.loads(path.read_text())
        hashed, found = (
            scored.get("weightsSha256"),
            results_of(scored, scored["pictures"], READ, runtimes.label_set_of(weights, options.model)),
        )
    except OSError as error:
        raise UserError(f"no scores in {options.scores} ({error.strerror}); run evaluate.py first") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is no result of evaluate.py; run evaluate.py again") from error
    if hashed is None:
        raise UserError(f"{path} does not name its weights; run evaluate.py -w again")
    size = scored.get("targetSize")
    passes = {name: scored[name] for name in PASSES if name in scored}
    settings = settings_of(weights, options, Path(scored["dataset"]).name, scored["split"], size, passes)
    if hashed != settings["weights"]["sha256"]:
        raise UserError(f"{path} has the scores of other weights than {weights}; correct one of them")
    return settings, found


def results_of(scores: dict, count: int, source: str, label_set) -> dict:
    """The scores of a record from those of `evaluation.scores`; null where one is not defined."""

    def values(kind, names):
        return {name: defined(scores[kind][name]) for name in names}

    return {
        "miou": defined(scores["averageScoreClasses"]),
        "iou": values("classScores", label_set.names),
        "mniou": defined(scores["averageScoreInstClasses"]),
        "niou": values("classInstScores", label_set.names),
        "category_miou": defined(scores["averageScoreCategories"]),
        "categories": values("categoryScores", dict.fromkeys(label_set.categories)),
        "pictures": count,
        "source": source,
    }


def defined(value: float | None) -> float | None:
    """A score, or None where there is none: NaN is no JSON."""
    return None if value is None or math.isnan(value) else float(value)


def printed(results: dict) -> dict:
    """The results, of which the mean is printed."""
    mean = "undefined" if results["miou"] is None else f"{results['miou']:.4f}"
    print(f"mIoU {mean} over {results['pictures']} images, by {results['source']}", flush=True)
    return results
