"""Official Cityscapes scores (IoU and nIoU per class and category) of a model or of written label images.

Of other data sets (docs/data.md) the scores are those of their classes, in the same layout.

    python evaluate.py -m fastscnn -w logs/fastscnn/RUN -p DATASET       # predict and score, without images
    python evaluate.py -w fastscnn.onnx -p DATASET                       # by convert_to_onnx.py
    python evaluate.py -w deeplabv3plus.pth -p DATASET                   # of a PyTorch package
    python evaluate.py --predictions FOLDER -p DATASET                   # images that predict.py wrote
    python evaluate.py -w logs/fastscnn/RUN -p DATASET --official        # and the original script beside
    python evaluate.py --predictions FOLDER -p DATASET --split train -r scores/train
    python evaluate.py --baseline colour -p DATASET                      # what a model has to beat
    python evaluate.py -w logs/bayes_segnet/RUN -p DATASET --samples 20  # the mean of passes with dropout
    python evaluate.py -w logs/fastscnn/RUN -p DATASET --scales 0.5,1,1.5 --flip  # of passes over an image
    python evaluate.py -w logs/fastscnn/RUN -p DATASET --refine logs/segfix/RUN    # borders moved by SegFix

Predictions are scored at the resolution of the ground truth, to which logits are resized before the arg-max
(docs/models.md). nIoU needs the instanceIds files.
scores.txt, scores.csv and scores.json go to -r, by default to `evaluation/` in the run's folder, beside the
weights file, or in the folder of the predictions; those of .onnx and .engine files to `evaluation-NAME/`, a
baseline's to `logs/baseline-NAME/`. Where label images are written as well, --samples adds `uncertainty/`,
as by predict.py.
"""

import hashlib
import sys
from pathlib import Path

from common import cli, left_out
from common.errors import UserError
from common.files import make_folder


def arguments():
    """Read the command line."""
    parser = cli.Parser(description=__doc__)
    parser.add_argument("-m", "--model", help="model's name (default: the one stored with the weights)")
    parser.add_argument(
        "--encoder",
        "--backbone",
        metavar="NAME",
        help="encoder's name (default: the one stored with the weights)",
    )
    parser.add_argument(
        "-w",
        "--weights",
        "--weights-file",
        type=Path,
        help="run folder, weights (PyTorch's too), .onnx or .engine file to score",
    )
    parser.add_argument("--predictions", type=Path, metavar="FOLDER", help="label images to score")
    parser.add_argument(
        "--baseline",
        choices=("majority", "colour"),
        help="score the training split's most frequent class, in all or for each colour",
    )
    parser.add_argument(
        "--compare",
        type=Path,
        nargs="+",
        metavar="FOLDER",
        help="print the mean scores in these results folders and stop",
    )
    parser.add_argument("-p", "--path", type=Path, help=f"data set (default: ${cli.DATASET_VARIABLE})")
    cli.add_data_set(parser)
    parser.add_argument(
        "-c", "--coarse", action="store_true", help="coarse labels (of val only where it has no fine ones)"
    )
    parser.add_argument(
        "-t",
        "--target-size",
        type=cli.size,
        metavar="Y,X",
        help="size an image is resized to for the model (default: stored with the weights)",
    )
    parser.add_argument("--split", default="val", help="split to score (default: %(default)s)")
    parser.add_argument(
        "-r",
        "--results-path",
        type=Path,
        metavar="FOLDER",
        help="where the scores go and, with -w, the label images (then written)",
    )
    parser.add_argument(
        "--official",
        action="store_true",
        help="also run the original script on the label images and compare",
    )
    cli.add_provider(parser, "openvino")
    cli.add_sampling(parser)
    cli.add_passes(parser)
    cli.add_refinement(parser)
    return parser.parse_args()


def main():
    options = arguments()
    if options.compare:
        from evaluation import compare

        print(compare.table(options.compare))
        return 0
    require_one_source(options)
    root = cli.dataset_path(options.path)

    # slow imports wait until the command line is known to be right
    from data import datasets
    from evaluation import official, predictions, report, scored_labels
    from evaluation.scores import scores

    data_set = datasets.opened(root, options.dataset, options.classes)
    if options.weights and not options.classes:
        from inference.runtimes import label_set_of

        data_set = data_set.for_model(label_set_of(options.weights, options.model))
    samples = truth_samples(data_set, options.split, options.coarse)
    labels = scored_labels.of(data_set.label_set)
    if options.official:
        official.require_label_ids(samples)
    folder = options.results_path or default_results(options)
    files = image_files(options, folder, samples)
    make_folder(folder)
    if options.predictions:
        counts = predictions.score_files(samples, files)
    else:
        counts = score_classifier(classifier(options, data_set), samples, files, folder)

    result = scores(counts, labels)
    print(report.table(result, labels))
    lacking = predictions.missing_instances(samples)
    if lacking and labels.with_instances.any():
        print(f"nIoU needs an instanceIds image beside every label; {lacking.label} has none")
    report.write(folder, result, about(options, root, len(samples)), labels)
    print(f"scores written to {folder}", file=sys.stderr)
    return compare_official(samples, files, result, lacking is None) if options.official else 0


def require_one_source(options):
    """Raise UserError unless exactly one thing to score is given, with fitting options."""
    sources = [options.weights, options.predictions, options.baseline]
    if sum(source is not None for source in sources) != 1:
        raise UserError("give one thing to score: -w/--weights RUN, --predictions FOLDER, or --baseline NAME")
    of_a_model = (options.model, options.encoder, options.target_size, options.samples, options.provider)
    of_a_model += (options.refine,)
    if not options.weights and (any(of_a_model) or cli.passes(options)):
        raise UserError(
            "-m, --encoder, -t, --provider, --samples, --tile, --scales, --flip and --refine belong to a "
            "model: leave them out, or give its -w/--weights"
        )
    cli.require_samples_with_seed(options)
    cli.passes(options)  # refuses what does not go together


def truth_samples(data_set, split, coarse):
    """The sorted samples of the split."""
    return data_set.validation(coarse) if split == "val" else data_set.labelled(split, coarse)


def default_results(options):
    """`evaluation/` in the run, beside weights or in a folder of predictions; or the baseline's folder."""
    from models.weights import catalogue, run_files

    if options.baseline:
        return Path("logs") / f"baseline-{options.baseline}"
    source = options.weights or options.predictions
    if options.weights and catalogue.find(source):
        return Path(f"evaluation-{source}")
    if not source.exists():
        raise UserError(f"{source} does not exist; correct -w/--weights or --predictions")
    if source.suffix in (".onnx", ".engine"):  # may lie in the run's folder, whose own scores stay
        return source.parent / f"evaluation-{source.stem}"
    if options.weights:
        return run_files.home(source) / "evaluation"
    return source / "evaluation"


def image_files(options, folder, samples):
    """The samples' label images: found, or still to be written, or None if not wanted."""
    from evaluation.matching import LABEL_FOLDER, find_predictions

    if options.predictions:
        return find_predictions(options.predictions, samples)
    if not options.official and not options.results_path:
        return None
    # named as by predict.py, so that --predictions finds them again
    return [folder / LABEL_FOLDER / sample.folder / f"{sample.name}_labelIds.png" for sample in samples]


def classifier(options, data_set):
    """What is scored: a function, image uint8 [H, W, 3] -> (train ids uint8 [H, W], uncertainty if any)."""
    if options.baseline:
        from evaluation.baselines import BASELINES

        baseline = BASELINES[options.baseline](data_set.training())
        return lambda image: (baseline(image), None)
    from data.label_sets import require_same_classes
    from inference.runtimes import load
    from inference.segment import segment

    runtime = load(options.weights, options.model, options.target_size, options.encoder, options.provider)
    left_out.tell(options.weights, getattr(runtime, "left_out", ()))
    require_same_classes(runtime.label_set, options.weights, data_set.label_set, data_set.root)
    if options.samples:
        from inference.runtimes import sampling_of
        from inference.segment import segment_sampled

        sampling = sampling_of(runtime, options.samples, options.seed or 0)
        return lambda image: segment_sampled(sampling, image)
    if cli.passes(options):
        from inference.runtimes import with_passes

        runtime = with_passes(runtime, **cli.passes(options))
    if options.refine:
        from inference.runtimes import refined

        runtime = refined(runtime, options.refine)
    return lambda image: (segment(runtime, image), None)


def score_classifier(classify, samples, files, folder):
    """Classify every sample and count; write label images to `files`, if given, and their uncertainty."""
    from data import png
    from evaluation.predictions import score_arrays

    targets = dict(zip(samples, files)) if files else {}

    def predict(sample, image):
        train_ids, doubt = classify(image)
        label = sample.label_set.train_to_file[train_ids]  # uint8 [H, W]
        if targets:
            make_folder(targets[sample].parent)
            png.write(targets[sample], label)
            if doubt:
                write_uncertainty(folder, sample, doubt)
        return label

    return score_arrays(samples, predict)


def write_uncertainty(folder, sample, doubt):
    """Write what a sampling model is uncertain of, named as by predict.py."""
    from inference import uncertainty

    target = folder / uncertainty.FOLDER / sample.folder
    make_folder(target)
    uncertainty.write(target, sample.name, doubt, sample.label_set.classes)


def about(options, root, images):
    """What was scored, for the JSON file."""
    sources = {
        "weights": options.weights,
        "model": options.model,
        "targetSize": options.target_size,
        "predictions": options.predictions,
        "baseline": options.baseline,
        "samples": options.samples,
        "refine": options.refine,
        "seed": (options.seed or 0) if options.samples else None,
        **cli.passes(options),
    }
    given = {
        name: str(value) if isinstance(value, Path) else value
        for name, value in sources.items()
        if value is not None
    }
    if options.weights:
        given["weightsSha256"] = weights_hash(options.weights)
    return {"dataset": str(root), "split": options.split, "pictures": images, **given}


def weights_hash(source):
    """SHA-256 of the file that was scored, by which `benchmark.py accuracy` knows it again."""
    from models.weights.run_files import weights_file

    with open(weights_file(source), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def compare_official(samples, files, result, instances):
    """Run the original script on the images; exit status 1 if it finds other scores."""
    from evaluation import official

    theirs = official.official_scores(samples, files, instances)
    difference = official.largest_difference(result, theirs, instances, samples[0].label_set)
    left_out = "" if instances else " (nIoU left out)"
    print(f"largest difference to the official script: {difference:.1e}{left_out}")
    if difference <= official.TOLERANCE:
        return 0
    explained = f"{official.TOLERANCE:.0e} that rounding explains"
    print(f"{cli.program()}: error: more than the {explained}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    cli.run(main)
