"""The fields of a run's configuration, each with its option of `train.py`.

A new option is one field here: `train.py --help`, `config.json`, `--resume`, `--config` and the commands that
the learning-rate finder suggests follow from it. See `training.options.Group.field`; where nothing else is
said, a resumed run keeps the field as it was.
"""

from argparse import BooleanOptionalAction
from dataclasses import dataclass, field
from pathlib import Path

from common import cli, devices
from data.label_sets import CITYSCAPES, LabelSet
from data.ranges import COLORS, NAMED, Ranges
from models import ARCHITECTURES
from training import losses
from training.optimization import defaults
from training.optimization.rates import Rates
from training.optimization.stages import Stages
from training.optimization.stages import read as read_stages
from training.options import Group
from training.ranks.ranks import COMPRESSIONS, STRATEGIES

NO_STAGES = Stages()
FEW_IMAGES = 4  # of a GPU, whose statistics alone are too noisy
general = Group()
encoder = Group("encoder", "of models that have one, and stages in which parts of a model are trained")
data = Group("data")
progress = Group("scores and checkpoints", resume=True, with_finder=False)
ranks = Group("many GPUs", "see docs/hpc.md", resume=True)
optimization = Group("optimizer")
losses_group = Group("loss")


def as_size(size: tuple[int, int]) -> str:
    """A size as it is typed: `512,1024`."""
    return "{},{}".format(*size)


@dataclass(frozen=True, kw_only=True)
class Config:
    """What a run is made of: everything that decides its result, as `config.json` holds it."""

    model: str = general.field("-m", "--model", choices=lambda: sorted(ARCHITECTURES), help="what to train")
    init_weights: str | None = general.field(
        "--init-weights", default=None, metavar="RUN|FILE", help="start a new run from these weights"
    )
    epochs: int = general.field(
        "-e",
        "--epochs",
        type=cli.positive_int,
        default=500,
        resume=True,
        with_finder=False,
        help="passes over the data, whatever the number of GPUs (default: the recipe's)",
    )
    steps: int = general.field(  # 0: by `epochs`
        "--steps",
        type=cli.positive_int,
        default=0,
        resume=True,
        with_finder=False,
        metavar="STEPS",
        help="length of the run in steps, instead of epochs; of its last epoch only a part may be trained",
    )
    hours: float = general.field(  # 0: no limit
        "--hours",
        type=cli.positive_float,
        default=0.0,
        resume=True,
        with_finder=False,
        metavar="HOURS",
        help="end after so much time in training steps, validated and saved as at the last epoch",
    )
    seed: int = general.field(
        "--seed", type=cli.natural, default=0, help="of weights, order, augmentation, dropout (default: {})"
    )
    deterministic: bool = general.field(
        "--deterministic",
        action="store_true",
        default=False,
        help="the same bits each time on a GPU as well, at some cost in speed; a CPU gives them anyway",
    )

    options: dict = field(default_factory=dict)  # the architecture's own, as `models.build` takes them
    label_set: LabelSet = CITYSCAPES  # the data set's, and of runs older than label sets

    encoder_weights: str = encoder.field(
        "--encoder-weights",
        default="none",
        metavar="none|imagenet|FILE",
        help="published weights to start from (default: {})",
    )
    freeze_encoder: int = encoder.field(
        "--freeze-encoder",
        type=cli.natural,
        default=0,
        with_finder=False,
        metavar="EPOCHS",
        help="do not train it in the first epochs (default: {})",
    )

    fine_tune: int = encoder.field(
        "--fine-tune",
        type=cli.natural,
        default=0,
        with_finder=False,
        metavar="EPOCHS",
        help="the same, and train everything at half the rate after it (default: {})",
    )
    encoder_rate: float = encoder.field(
        "--encoder-lr",
        type=cli.positive_float,
        default=1.0,
        metavar="FACTOR",
        help="its learning rate, as a multiple of the others' (default: {})",
    )
    head_rate: float = encoder.field(
        "--head-lr",
        type=cli.positive_float,
        default=1.0,
        metavar="FACTOR",
        help="the rate of all behind the encoder, as a multiple of the run's (default: the recipe's)",
    )
    stages: Stages = encoder.field(  # noqa: RUF009
        "--stages",
        default=NO_STAGES,
        value=read_stages,
        with_finder=False,
        metavar="FILE",
        help="what is trained in which epochs and at which rates, from a TOML file, see docs/training.md",
    )

    auxiliary: float = encoder.field(
        "--auxiliary",
        type=cli.non_negative_float,
        default=0.0,
        metavar="WEIGHT",
        help="train auxiliary heads as well, of models that have any, with this weight of their losses, or "
        "without them with 0; 0.4 in most papers (default: the recipe's)",
    )

    path: str = data.field(
        "-p", "--path", type=Path, resume=True, help=f"data set (default: ${cli.DATASET_VARIABLE})"
    )
    dataset: str | None = data.field(
        "--dataset", default=None, resume=True, metavar="NAME", help=cli.DATASET_HELP
    )
    classes: str | None = data.field("--classes", default=None, metavar="NAME", help=cli.CLASSES_HELP)
    coarse: bool = data.field(
        "-c",
        "--coarse",
        action="store_true",
        default=False,
        help="train on the coarse labels, train and train_extra",
    )
    target_size: tuple[int, int] = data.field(  # (height, width) in pixels
        "-t",
        "--target-size",
        "--image-size",
        type=cli.size,
        default=(1024, 2048),
        metavar="Y,X[,C]",
        text=as_size,
        help="height and width that images are brought to, for validation and prediction whole (default: {})",
    )
    crop: tuple[int, int] | None = data.field(  # None: whole images
        "--crop",
        type=cli.size,
        default=None,
        metavar="Y,X",
        text=as_size,
        help="height and width that training cuts out of them, after scaling (default: the recipe's; where "
        "--target-size is given, the whole size)",
    )
    balance: float = data.field(  # 1: any crop
        "--balance",
        type=cli.share,
        nargs="?",
        const=0.75,
        default=1.0,
        metavar="SHARE",
        help="avoid crops in which a class has more than this share of the labelled pixels (bare: %(const)s)",
    )
    augment: str = data.field(
        "--augment",
        choices=tuple(NAMED),
        default="standard",
        help="none; flip: mirrored, every other image; standard: also scaled by 0.5 to 2 and changes of "
        "light; strong: instead of these, stronger changes of light and colour (default: the recipe's)",
    )
    scale: tuple[float, float] = data.field(
        "--scale",
        type=cli.scale_range,
        default=NAMED["standard"].scale,
        metavar="LEAST,MOST",
        text=lambda scale: "{:g},{:g}".format(*scale),
        help="by which images are scaled in training (default: that of --augment)",
    )
    flip: bool = data.field(
        "--flip",
        action=BooleanOptionalAction,
        default=NAMED["standard"].flip,
        help="mirror every other image (default: that of --augment)",
    )
    color: str = data.field(
        "--color",
        choices=COLORS,
        default=NAMED["standard"].color,
        help="changes of light and colour (default: those of --augment)",
    )
    batch: int = data.field(
        "-b",
        "--batch",
        type=cli.positive_int,
        default=4,
        help="images per GPU and step (default: the recipe's)",
    )
    cache: str = data.field(
        "--cache",
        default="none",
        resume=True,
        metavar="none|memory|FOLDER",
        help="keep decoded images (default: {})",
    )
    workers: int = data.field(
        "--workers",
        type=cli.positive_int,
        default=1,
        resume=True,
        help="threads that prepare images (default: all CPUs)",
    )

    validate_every: int = progress.field(
        "--validate-every",
        type=cli.positive_int,
        default=1,
        metavar="EPOCHS",
        help="and after the last (default: {})",
    )
    validate_steps: int = progress.field(  # 0: by `validate_every`
        "--validate-steps",
        type=cli.positive_int,
        default=0,
        metavar="STEPS",
        help="validate after epochs that have seen this step, or twice it, and so on, instead",
    )
    patience: int = progress.field(  # 0: no end before the last epoch
        "--patience",
        type=cli.positive_int,
        default=0,
        metavar="EPOCHS",
        help="stop after so many without a better mIoU",
    )
    save_every: float = progress.field(
        "--save-every",
        type=cli.positive_float,
        default=10.0,
        metavar="MINUTES",
        help="within an epoch; each epoch's end is saved anyway (default: {})",
    )
    wandb: str | None = progress.field(
        "--wandb", default=None, metavar="PROJECT", help="log to Weights & Biases as well"
    )
    mlflow: str | None = progress.field(
        "--mlflow",
        default=None,
        metavar="URI",
        help="log to MLflow as well, for example to sqlite:///mlflow.db",
    )

    strategy: str = ranks.field(
        "--strategy",
        choices=STRATEGIES,
        default="horovod",
        help="horovod: a process for each, by a launcher; mirrored: one process for all of the machine's, by "
        "tf.distribute (default: {})",
    )
    compression: str = ranks.field(
        "--compression",
        choices=COMPRESSIONS,
        default="none",
        help="of gradients on their way between GPUs (default: {})",
    )
    sync_bn: bool | None = ranks.field(  # None: where a GPU has few images
        "--sync-bn",
        action=BooleanOptionalAction,
        default=None,
        help="batch norm normalises by the images of all GPUs (default: with fewer than "
        f"{FEW_IMAGES} images a GPU)",
    )
    job: str | None = ranks.field(  # a job that is started again goes on with its run
        "--job",
        default=None,
        with_finder=False,
        metavar="NAME",
        help="go on with the run that a job of this name has saved, if there is one",
    )
    stall_timeout: float = ranks.field(
        "--stall-timeout",
        type=cli.positive_float,
        default=300.0,
        metavar="SECONDS",
        help="without a step, after which all ranks end (default: {})",
    )

    rates: Rates = field(metadata={"optimizer": True})
    optimizer: str = optimization.field(
        "--optimizer",
        choices=tuple(defaults.OPTIMIZERS),
        default="sgd",
        optimizer=True,
        with_finder=False,
        help="(default: the model's, mostly sgd)",
    )
    momentum: float = optimization.field(  # 0 where the optimizer has none
        "--momentum",
        type=cli.share,
        optimizer=True,
        help=f"of {', '.join(defaults.WITH_MOMENTUM)} (default: 0.9; rmsprop 0)",
    )
    weight_decay: float = optimization.field(
        "--weight-decay",
        type=cli.non_negative_float,
        default=0.0,
        optimizer=True,
        help=f"L2 penalty on kernels, but depthwise ones (default: {defaults.WEIGHT_DECAY:g}; "
        f"adamw, decoupled: {defaults.DECOUPLED_WEIGHT_DECAY:g})",
    )
    clip_norm: float = optimization.field(  # 0: no limit
        "--clip-norm",
        type=cli.positive_float,
        default=0.0,
        metavar="NORM",
        help="limit of the gradients' global norm",
    )
    accumulate: int = optimization.field(
        "--accumulate",
        type=cli.positive_int,
        default=1,
        metavar="STEPS",
        help="average the gradients of so many steps",
    )
    precision: str = optimization.field(  # Keras's dtype policy
        "--mixed-precision",
        nargs="?",
        const="auto",
        choices=("auto", "float16", "bfloat16"),
        default="float32",
        value=devices.precision,
        text=lambda policy: policy.removeprefix("mixed_"),
        help="bare: float16 on a GPU of compute capability below 8, else bfloat16",
    )
    remat: bool = optimization.field(
        "--remat",
        action=BooleanOptionalAction,
        default=False,
        resume=True,
        help="recompute activations in the backward pass instead of keeping them: less memory, more time",
    )
    ema: float = optimization.field(  # 0: no average
        "--ema",
        type=cli.share,
        nargs="?",
        const=0.999,
        default=0.0,
        with_finder=False,
        metavar="SHARE",
        help="score and save a moving average of the weights that keeps this share (bare: %(const)s), or "
        "none with 0 (default: the recipe's)",
    )

    loss: str = losses_group.field(
        "--loss",
        default="ce",
        metavar="TERMS",
        help=f"{' | '.join(losses.NAMES)}, or a sum such as ce+dice (default: the recipe's)",
    )
    class_weights: str = losses_group.field(
        "--class-weights",
        default="none",
        metavar="none|median|enet|FILE",
        help="weights from the training labels or from JSON, a list or an object by name (default: {})",
    )
    weight_of_class: tuple[float, ...] = ()  # what `class_weights` came to, one a train id
    label_smoothing: float = losses_group.field(
        "--label-smoothing",
        type=cli.share,
        default=0.0,
        metavar="SHARE",
        help=f"of the truth, spread over all classes; for {', '.join(losses.OF_PIXELS)} (default: {{}})",
    )

    def length(self, steps_per_epoch: int) -> int:
        """Steps of the whole run."""
        return self.steps or self.epochs * steps_per_epoch

    def synchronizes(self, gpus: int) -> bool:
        """Whether batch norm normalises by the images of all GPUs."""
        return gpus > 1 and (self.batch < FEW_IMAGES if self.sync_bn is None else self.sync_bn)

    @property
    def ranges(self) -> Ranges:
        """What augmentation is drawn from."""
        return Ranges(tuple(self.scale), self.flip, self.color)

    @property
    def training_size(self) -> tuple[int, int]:
        """(height, width) of a training image."""
        return self.crop or self.target_size
