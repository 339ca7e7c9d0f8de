"""What `train.py -m NAME` trains with where the command line says nothing: a recipe for each architecture.

Rates and batches are those of one GPU: N of them train on N batches at N times the rate (`--lr-scaling`). A
published configuration of four GPUs with two images each stands here as one GPU with eight; on four,
`-b 2 --lr-scaling none` is that configuration again.
"""

from dataclasses import dataclass, replace

from common.errors import UserError
from data.ranges import NAMED
from models import registry
from training.optimization import defaults
from training.optimization.rates import Rates

CITYSCAPES = 2975  # training images: what iterations are counted on


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A published way of training, or one that did best here.

    Attributes:
        source: the paper's section or the configuration's name; what was chosen here says so.
        rates: of one GPU.
        optimizer: a key of `training.optimization.defaults.OPTIMIZERS`.
        momentum: of the optimizer, 0 where it has none.
        weight_decay: see docs/training.md.
        head_rate: the rate behind the encoder, as a multiple of the encoder's.
        batch: images of a step.
        iterations: steps of the run on Cityscapes; 0 where the source counts epochs.
        epochs: passes over the images, where it does.
        crop: (height, width) cut out of images of the whole size, None for whole images.
        balance: the largest share of one class in a crop.
        augment: a key of `data.ranges.NAMED`.
        loss: of the scores, see `training.losses`.
        auxiliary: weight of the auxiliary heads' losses; 0 trains without these heads.
        ema: what a moving average of the weights keeps at each step; 0 scores the weights themselves.
    """

    source: str
    rates: Rates
    optimizer: str = "sgd"
    momentum: float = 0.9
    weight_decay: float = defaults.WEIGHT_DECAY
    head_rate: float = 1.0
    batch: int = 4
    iterations: int = 0
    epochs: int = 500
    crop: tuple[int, int] | None = None
    balance: float = 1.0
    augment: str = "standard"
    loss: str = "ce"
    auxiliary: float = 0.0
    ema: float = 0.0

    @property
    def length(self) -> int:
        """Epochs in which as many images are seen as in the source's iterations on Cityscapes."""
        return -(-self.iterations * self.batch // CITYSCAPES) or self.epochs


def polynomial(maximum: float, minimum: float = 0.0, power: float = 0.9, warmup: float = 0.0) -> Rates:
    """A polynomial decay; `warmup` is a share of the run."""
    return Rates("polynomial", maximum, minimum, power, warmup_share=warmup)


# mmsegmentation's usual schedule on Cityscapes, which the configurations below change in parts
MMSEG = Recipe(
    source="mmsegmentation",
    rates=polynomial(0.01, 1e-4),
    weight_decay=5e-4,
    batch=8,
    iterations=80_000,
    crop=(512, 1024),
    balance=0.75,
    augment="strong",
)
SQUARE = (1024, 1024)
OF_TWO_GPUS = replace(  # its newer configurations, 2xb6-120k
    MMSEG, rates=polynomial(0.01), batch=12, iterations=120_000, crop=SQUARE, loss="ohem"
)

RECIPES = {
    "fastscnn": Recipe(
        source="arXiv 1902.04502, section 4.1; without its auxiliary losses, with an average of the weights, "
        "for which the rate ends at 0.01",
        rates=polynomial(0.045, 0.01),  # docs/camvid.md
        ema=0.99,
        batch=12,
        epochs=1000,
    ),
    # On a made-up town both variants learn most at 0.05, of 0.003, 0.05 and 0.1; at 0.003 the original has
    # barely begun when the run ends. Its published weights were written at a rate of 0.046. After 160 steps
    # Nesterov's momentum has a loss of 1.59 on validation images, plain momentum 1.64.
    "separable_unet": Recipe(
        source="the best of three rates here", rates=polynomial(0.05), optimizer="sgd_nesterov"
    ),
    "bayes_segnet": Recipe(  # the best of 0.001, 0.01 and 0.1 on a small town, too
        source="arXiv 1511.00561, section 3.2, for optimizer and rate, which falls here",
        rates=polynomial(0.1),
    ),
    # The paper's SGD is for batches of one image. The finder's minimum / 10 for Adam is 0.0026 at a width
    # of 32 on a made-up town; there 96 steps at 0.003 end with less loss than at 0.01 or 0.001. (A width of
    # 8 bears 0.01: the wider, the lower.)
    "unet": Recipe(
        source="the best of three rates here", rates=polynomial(0.003), optimizer="adam", momentum=0.0
    ),
    "deeplabv3+": replace(MMSEG, source="deeplabv3plus_r50-d8_4xb2-80k", auxiliary=0.4),
    "pspnet": replace(MMSEG, source="pspnet_r50-d8_4xb2-80k", auxiliary=0.4),
    "fcn": replace(MMSEG, source="fcn_r50-d8_4xb2-80k", auxiliary=0.4),
    "unet++": Recipe(
        source="arXiv 1807.10165, section IV, for optimizer and rate",
        rates=polynomial(3e-4),
        optimizer="adam",
        momentum=0.0,
        crop=(512, 1024),
    ),
    "manet": Recipe(
        source="Adam's usual rate", rates=polynomial(0.001), optimizer="adam", momentum=0.0, crop=(512, 1024)
    ),
    "fpn": replace(MMSEG, source="fpn_r50_4xb2-80k"),
    "segformer": replace(
        MMSEG,
        source="segformer_mit-b0_8xb1-160k; arXiv 2105.15203, section 4.1",
        rates=polynomial(6e-5, power=1.0, warmup=1500 / 160_000),
        optimizer="adamw",
        momentum=0.0,
        weight_decay=0.01,
        head_rate=10.0,
        iterations=160_000,
        crop=SQUARE,
    ),
    "ocrnet": replace(MMSEG, source="ocrnet_hr18_4xb2-160k", iterations=160_000, auxiliary=0.4),
    "fastfcn": replace(MMSEG, source="fastfcn_r50-d32_jpu_psp_4xb2-80k", auxiliary=0.4),
    "segfix": replace(
        MMSEG,
        source="openseg-group/openseg.pytorch, configs/cityscapes/H_SEGFIX.json and "
        "scripts/cityscapes/segfix, without its shifts of brightness",
        rates=polynomial(0.04),
        batch=16,
        crop=(512, 512),
        balance=1.0,
        augment="flip",
    ),
    "sinet": Recipe(
        source="clovaai/c3_sinet, setting/SINet.json and main_Auxloss.py, without weights of classes",
        rates=polynomial(0.045, power=0.98, warmup=0.05),
        optimizer="sgd_nesterov",
        weight_decay=2e-4,
        batch=6,
        epochs=1500,
        auxiliary=0.25,
    ),
    "espnetv2": Recipe(
        source="sacmehta/EdgeNets, README_Segmentation.md, first stage; polynomial for its cycles of rates, "
        "one rate for all layers",
        rates=polynomial(0.009),
        batch=25,
        epochs=100,
        crop=(256, 512),
    ),
    "efficientvit": Recipe(
        source="arXiv 2205.14756, section 4, for optimizer and schedule; a usual rate",
        rates=Rates("cosine", 0.001),
        optimizer="adamw",
        momentum=0.0,
        weight_decay=defaults.DECOUPLED_WEIGHT_DECAY,
        batch=16,
        crop=(512, 1024),
    ),
    "bisenetv2": replace(
        MMSEG,
        source="bisenetv2_fcn_4xb4-ohem-160k; arXiv 2004.02147, section 5.1",
        rates=polynomial(0.05, 1e-4, warmup=1000 / 160_000),
        batch=16,
        iterations=160_000,
        crop=SQUARE,
        loss="ohem",
        auxiliary=1.0,
    ),
    "stdc": replace(
        MMSEG,
        source="stdc1_4xb12-80k; arXiv 2104.13188, section 4.1",
        rates=polynomial(0.01, 1e-4, warmup=1000 / 80_000),
        batch=48,
        loss="ohem",
        auxiliary=1.0,
    ),
    # The configurations choose hard pixels below 0.9, at least 131,072 of a GPU's
    "ddrnet": replace(
        OF_TWO_GPUS,
        source="ddrnet_23-slim_2xb6-120k, without weights of classes, and with ohem's own choice of pixels",
        auxiliary=0.4,
    ),
    # There the scores of the first auxiliary head have plain cross-entropy, the pixels at borders ohem
    "pidnet": replace(
        OF_TWO_GPUS,
        source="pidnet-s_2xb6-120k_1024x1024, without weights of classes, and with ohem of both scores, "
        "by its own choice of pixels",
        auxiliary=1.0,
    ),
}


def recipe(model: str) -> Recipe:
    """An architecture's recipe.

    Raises:
        UserError: there is no such architecture, or it has none.
    """
    registry.architecture(model)
    if model not in RECIPES:
        raise UserError(f"{model} has no recipe; add one to training/recipes.py")
    return RECIPES[model]


def optimization(model: str, optimizer: str | None = None) -> dict:
    """Fields of a configuration: rates, optimizer, momentum and weight decay.

    Those of the recipe; with another kind of optimizer, that optimizer's usual ones instead.
    """
    own = recipe(model)
    if _is_alike(own, optimizer):
        optimizer, rates = optimizer or own.optimizer, own.rates
        momentum, weight_decay = own.momentum, own.weight_decay
    else:
        rates = Rates("polynomial", defaults.OPTIMIZERS[optimizer])
        momentum, weight_decay = defaults.momentum(optimizer), defaults.weight_decay(optimizer)
    return {"rates": rates, "optimizer": optimizer, "momentum": momentum, "weight_decay": weight_decay}


def _is_alike(own: Recipe, optimizer: str | None) -> bool:
    """Whether the recipe's rates are for such an optimizer; None is the recipe's."""
    optimizer = optimizer or own.optimizer
    return optimizer == own.optimizer or (defaults.is_sgd(optimizer) and defaults.is_sgd(own.optimizer))


def settings(model: str, given: dict) -> dict:
    """Fields of a configuration that the recipe decides, beside those that are `given`.

    A crop goes with images of the whole size: where a size is given, there is no crop but a given one. The
    rate of the head goes with the recipe's optimizer.
    """
    own = recipe(model)
    fields = optimization(model, given.get("optimizer"))
    fields |= {"head_rate": own.head_rate if _is_alike(own, given.get("optimizer")) else 1.0}
    fields |= {"auxiliary": own.auxiliary, "loss": own.loss, "ema": own.ema}
    fields |= {"batch": own.batch, "epochs": own.length, "augment": own.augment}
    if "target_size" not in given or given.get("crop"):
        fields |= {"crop": own.crop, "balance": own.balance}
    if "stages" in given and given["stages"].parts:  # which have rates of their own
        del fields["head_rate"]
    ranges = NAMED[given.get("augment", own.augment)]
    return fields | {"scale": ranges.scale, "flip": ranges.flip, "color": ranges.color}


def schedule(rates: Rates) -> str:
    """How rates go on from the highest, in words: `polynomial 0.9 to 0.0001, warm-up 5 %`."""
    words = rates.schedule + (f" {rates.power:g}" if rates.schedule == "polynomial" else "")
    if rates.minimum:
        words += f" to {rates.minimum:g}"
    if rates.warmup_share:
        words += f", warm-up {100 * rates.warmup_share:.2g} %"
    return words


def described(config) -> str:
    """One line: what a configuration trains with, the recipe's source, and what differs from the recipe."""
    images = "{} {} of {}x{}".format(
        config.batch, "crops" if config.crop else "images", *config.training_size
    )
    parts = [
        f"{config.optimizer} at {config.rates.maximum:g}, {schedule(config.rates)}",
        f"weight decay {config.weight_decay:g}",
        images + (f" with at most {100 * config.balance:g} % of a class" if config.balance < 1 else ""),
        f"{config.steps} steps" if config.steps else f"{config.epochs} epochs",
        f"augmentation {config.augment}",
        f"loss {registry.architecture(config.model).loss or config.loss}",
    ]
    if config.head_rate != 1:
        parts.insert(1, f"{config.head_rate:g} times that in the head")
    if config.auxiliary:
        parts.append(f"auxiliary {config.auxiliary:g}")
    if config.ema:
        parts.append(f"average {config.ema:g}")
    other = [name for name, value in settings(config.model, {}).items() if getattr(config, name) != value]
    if config.steps and "epochs" not in other:
        other.append("epochs")
    source = recipe(config.model).source + (f"; with other {', '.join(other)}" if other else "")
    return f"recipe: {', '.join(parts)} ({source})"
