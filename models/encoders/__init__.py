"""Encoders: classification networks without their classifiers, built through `backbones.build`."""

from dataclasses import dataclass
from importlib import import_module

from models.model_options import require_one_of

# name -> module with `network(image)`, the strided network with its own normalisation of RGB in 0..255;
# LOW_LEVEL, the name of its layer at 1/4 for decoders; IMAGENET, the published weights or None
BACKBONES = {
    "mobilenetv2": "models.encoders.mobilenet_v2",
    "resnet50": "models.encoders.resnet50",
    "xception": "models.encoders.xception",
    "modified_xception": "models.encoders.modified_xception",
}
OUTPUT_STRIDES = (8, 16, 32)


@dataclass(frozen=True)
class Features:
    """What a decoder builds on, Keras tensors."""

    low: object  # [B, H/4, W/4, C]
    high: object  # [B, H/output stride, W/output stride, C]


def build(name: str, image, output_stride: int, encoder_weights: str = "none") -> Features:
    """Build a backbone on an image.

    Args:
        name: a key of `BACKBONES`.
        image: Keras tensor, RGB in 0..255, [B, H, W, 3] of static size.
        output_stride: one of `OUTPUT_STRIDES`; H and W are multiples of it.
        encoder_weights: "none", "imagenet", or the path of a Keras HDF5 file, see `encoder_weights`.

    Raises:
        UserError: unknown name or output stride; weights that cannot be had or do not fit.
    """
    require_one_of("backbone", name, BACKBONES)
    require_one_of("output stride", output_stride, OUTPUT_STRIDES)
    module = import_module(BACKBONES[name])

    import keras

    from models.encoders.dilation import dilate
    from models.weights import imagenet as files

    path = files.find(encoder_weights, name, module.IMAGENET)  # before seconds are spent on building
    strided = module.network(keras.Input((None, None, 3), name=image.name))
    encoder = dilate(strided, image, output_stride)
    if path:
        layers = [encoder.get_layer(layer.name) for layer in strided.layers if layer.weights]
        files.fill(layers, path, name)
    return Features(encoder.get_layer(module.LOW_LEVEL).output, encoder.output)
