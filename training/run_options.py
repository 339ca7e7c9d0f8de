"""The run on the command line: its data, its encoder's start, when it is scored and saved."""

from pathlib import Path

from common import cli
from training.ranks.ranks import COMPRESSIONS, STRATEGIES


def add_encoder_arguments(encoder) -> None:
    """What the encoder starts from."""
    encoder.add_argument(
        "--encoder-weights",
        metavar="none|imagenet|FILE",
        help="published weights to start from: Keras HDF5 or PyTorch (default: none)",
    )
    encoder.add_argument(
        "--freeze-encoder",
        type=cli.natural,
        metavar="EPOCHS",
        help="do not train it in the first epochs (default: 0)",
    )


def add_data_arguments(data) -> None:
    """What is trained on, and how it is fed."""
    data.add_argument("-p", "--path", type=Path, help=f"data set (default: ${cli.DATASET_VARIABLE})")
    data.add_argument(
        "-c",
        "--coarse",
        action="store_true",
        default=None,
        help="train on the coarse labels, train and train_extra",
    )
    data.add_argument(
        "-t",
        "--target-size",
        type=cli.size,
        metavar="Y,X[,C]",
        help="height and width that images are brought to (default: 1024,2048)",
    )
    data.add_argument("-b", "--batch", type=cli.positive_int, help="images per GPU and step (default: 4)")
    data.add_argument("--cache", metavar="none|memory|FOLDER", help="keep decoded images (default: none)")
    data.add_argument(
        "--workers", type=cli.positive_int, help="threads that prepare images (default: all CPUs)"
    )


def add_progress_arguments(group) -> None:
    """When a run is scored and saved, when it ends early, and who is told."""
    group.add_argument(
        "--validate-every", type=cli.positive_int, metavar="EPOCHS", help="and after the last (default: 1)"
    )
    group.add_argument(
        "--patience", type=cli.positive_int, metavar="EPOCHS", help="stop after so many without a better mIoU"
    )
    group.add_argument(
        "--save-every",
        type=cli.positive_float,
        metavar="MINUTES",
        help="within an epoch; each epoch's end is saved anyway (default: 10)",
    )
    group.add_argument("--wandb", metavar="PROJECT", help="log to Weights & Biases as well")
    group.add_argument(
        "--mlflow", metavar="URI", help="log to MLflow as well, for example to sqlite:///mlflow.db"
    )


def add_rank_arguments(group) -> None:
    """How several GPUs work together."""
    group.add_argument(
        "--strategy",
        choices=STRATEGIES,
        help="horovod: a process for each, by a launcher; mirrored: one process for all of the machine's, by "
        "tf.distribute (default: horovod)",
    )
    group.add_argument(
        "--compression", choices=COMPRESSIONS, help="of gradients on their way between GPUs (default: none)"
    )
    group.add_argument(
        "--doctor",
        action="store_true",
        help="do not train: tell what each rank has, how fast they exchange, and what is wrong",
    )
    group.add_argument(
        "--job", metavar="NAME", help="go on with the run that a job of this name has saved, if there is one"
    )
    group.add_argument(
        "--stall-timeout",
        type=cli.positive_float,
        metavar="SECONDS",
        help="without a step, after which all ranks end (default: 300)",
    )
