"""The architectures, all built through `models.build`."""

from importlib import import_module

from common.errors import UserError
from models.initialization import quick_compilation
from models.model_options import defaults, require_known

# name on the command line -> module with `build(input_shape, classes, **options)` and SIZE_MULTIPLE
ARCHITECTURES = {
    "bayes_segnet": "models.networks.bayes_segnet",
    "deeplabv3+": "models.decoders.deeplabv3plus",
    "fastscnn": "models.networks.fast_scnn",
    "separable_unet": "models.networks.separable_unet",
    "unet": "models.networks.unet",
}
PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")


def build(name: str, input_shape: tuple[int, int, int], classes: int, precision: str = "float32", **options):
    """Build an architecture with fresh weights.

    Args:
        name: a key of `ARCHITECTURES`.
        input_shape: (H, W, 3) in pixels.
        classes: number of output channels.
        precision: Keras's name of the dtype policy, one of `PRECISIONS`.
        options: the architecture's own, see its `build`.

    Returns:
        A `keras.Model`: RGB in 0..255, uint8 or float [B, H, W, 3] -> float32 logits [B, H, W, classes].

    Raises:
        UserError: unknown name, a size that the architecture cannot take, an option that it does not have.
    """
    module = import_module(_module(name))
    require_size(name, input_shape[:2], module.SIZE_MULTIPLE)
    require_known(name, module.build, options)

    import keras  # slow; the checks above answer first

    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        with quick_compilation():
            return module.build(input_shape, classes, **options)
    finally:
        keras.config.set_dtype_policy(policy)


def options_of(name: str, options: dict) -> dict:
    """All options of an architecture: those given, and the defaults of the others.

    Raises:
        UserError: an unknown name.
    """
    return defaults(import_module(_module(name)).build) | options


def nearest_size(name: str, size: tuple[float, float]) -> tuple[int, int]:
    """The size that an architecture takes, (height, width), next to one in fractions of pixels."""
    multiple = import_module(_module(name)).SIZE_MULTIPLE
    height, width = (max(round(side / multiple), 1) * multiple for side in size)
    return height, width


def encoder_layers(name: str, model) -> list:
    """The layers of an architecture's encoder, which can be filled with published weights, and frozen.

    Raises:
        UserError: it has none.
    """
    module = import_module(_module(name))
    if not hasattr(module, "encoder_layers"):
        raise UserError(f"{name} has no encoder with published weights; leave --freeze-encoder out")
    return module.encoder_layers(model)


def _module(name: str) -> str:
    if name not in ARCHITECTURES:
        raise UserError(f"unknown model '{name}'; there are: {', '.join(sorted(ARCHITECTURES))}")
    return ARCHITECTURES[name]


def require_size(name: str, size: tuple[int, int], multiple: int) -> None:
    """Raise UserError, naming the nearest valid sizes, unless both sides are multiples of `multiple`."""
    if not any(side % multiple for side in size):
        return
    below = [max(side // multiple, 1) * multiple for side in size]
    above = [-(-side // multiple) * multiple for side in size]
    valid = list(dict.fromkeys(f"{height},{width}" for height, width in (below, above)))
    raise UserError(
        f"{name} takes heights and widths that are multiples of {multiple}, not {size[0]},{size[1]}; "
        f"nearest: {' or '.join(valid)}"
    )
