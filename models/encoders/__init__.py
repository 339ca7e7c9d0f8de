"""Encoders: classification networks without their classifiers, one family a file, built by `build`.

An encoder's module has `network(image)`, the strided network with its own normalisation of RGB in 0..255;
`TAPS`, the names of the layers whose outputs are its features, by their stride; and `IMAGENET`, its published
weights of keras.applications, or None.
"""

from dataclasses import dataclass
from importlib import import_module

from models import registry
from models.model_options import OptionError, require_one_of

OUTPUT_STRIDES = (8, 16, 32)


@dataclass(frozen=True)
class Features:
    """What a decoder builds on.

    Attributes:
        encoder: the encoder's name.
        at: stride of the strided network -> Keras tensor [B, H/stride, W/stride, C]. Where strides are
            turned into dilation, those beyond the output stride keep their key and have its resolution.
        layers: names of the encoder's layers.
    """

    encoder: str
    at: dict[int, object]
    layers: tuple[str, ...]


def build(name: str, image, output_stride: int, encoder_weights: str = "none") -> Features:
    """Build an encoder on an image.

    Args:
        name: a key of `models.registry.ENCODERS`.
        image: Keras tensor, RGB in 0..255, [B, H, W, 3] of static size.
        output_stride: one of `OUTPUT_STRIDES`; H and W are multiples of it.
        encoder_weights: "none", "imagenet", or the path of a Keras HDF5 file, see `models.weights.imagenet`.

    Raises:
        UserError: unknown name or output stride; weights that cannot be had or do not fit.
    """
    require_one_of("encoder", name, registry.ENCODERS)
    require_one_of("output stride", output_stride, OUTPUT_STRIDES)
    module = import_module(registry.ENCODERS[name].module)

    import keras

    from models.encoders.dilation import dilate
    from models.weights import imagenet

    path = imagenet.find(encoder_weights, name, module.IMAGENET)  # before seconds are spent on building
    strided = module.network(keras.Input((None, None, 3), name=image.name))
    encoder = dilate(strided, image, output_stride)
    if path:
        layers = [encoder.get_layer(layer.name) for layer in strided.layers if layer.weights]
        imagenet.fill(layers, path, name)
    at = {stride: encoder.get_layer(tap).output for stride, tap in module.TAPS.items()}
    own = tuple(layer.name for layer in encoder.layers if not isinstance(layer, keras.layers.InputLayer))
    return Features(name, at, own)


def require_levels(features: Features, levels: tuple[int, ...], decoder: str) -> None:
    """Raise OptionError unless an encoder has the features that a decoder needs, by their strides."""
    lacking = [f"1/{stride}" for stride in levels if stride not in features.at]
    if lacking:
        raise OptionError(
            f"{decoder} needs features at {', '.join(lacking)}, which {features.encoder} does not have; "
            "use another encoder"
        )
