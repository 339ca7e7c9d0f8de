"""Encoders: classification networks without their classifiers, one family a file, built by `build`.

An encoder's module has `build(name, image, output_stride, **options)`, which gives its features by their
stride, and normalises RGB in 0..255 itself; and `IMAGENET`, its weights of keras.applications, if it has any.
"""

from dataclasses import dataclass
from importlib import import_module

from models import registry
from models.model_options import OptionError, defaults, require_known, require_one_of

# those of single encoders, in which publications differ
OPTIONS = ("first_dilation", "multi_grid", "dilations", "epsilons", "dilated_blocks", "last_conv")


@dataclass(frozen=True)
class Features:
    """What a decoder builds on.

    Attributes:
        encoder: the encoder's name.
        at: stride of the strided network -> Keras tensor [B, H/stride, W/stride, C]. Where strides are
            turned into dilation, those beyond the output stride keep their key and have its resolution.
        layers: names of the encoder's layers.
        model: `keras.Model` of these layers, from the image to all features; for weights to be filled in.
    """

    encoder: str
    at: dict[int, object]
    layers: tuple[str, ...]
    model: object = None


def build(name: str, image, output_stride: int, **options) -> Features:
    """Build an encoder on an image, with fresh weights; `models.weights.encoder_weights` fills in others.

    Args:
        name: a key of `models.registry.ENCODERS`.
        image: Keras tensor, RGB in 0..255, [B, H, W, 3] of static size.
        output_stride: one of the encoder's, see `models.registry.Encoder`; H and W are multiples of it.
        options: the encoder's own, see its module's `build`.

    Raises:
        UserError: unknown name, output stride or option.
    """
    require_one_of("encoder", name, registry.ENCODERS)
    require_one_of(f"output stride of {name}", output_stride, registry.ENCODERS[name].output_strides)
    module = import_module(registry.ENCODERS[name].module)
    require_known(f"the encoder {name}", options_of(name), options)

    import keras

    at = module.build(name, image, output_stride, **options)
    encoder = keras.Model(image, list(at.values()), name="encoder")
    own = [layer.name for layer in encoder.layers if not isinstance(layer, keras.layers.InputLayer)]
    return Features(name, at, tuple(own), encoder)


def options_of(name: str) -> dict:
    """The options of an encoder, with their defaults."""
    return defaults(import_module(registry.ENCODERS[name].module).build, 3)


def require_levels(features: Features, levels: tuple[int, ...], decoder: str) -> None:
    """Raise OptionError unless an encoder has the features that a decoder needs, by their strides."""
    lacking = [f"1/{stride}" for stride in levels if stride not in features.at]
    if lacking:
        raise OptionError(
            f"{decoder} needs features at {', '.join(lacking)}, which {features.encoder} does not have; "
            "use another encoder"
        )
