"""The door to the models: `models.build(name, ...)`, `models.load(path)`; `models.registry` lists them."""

from pathlib import Path

from models.building import (
    PRECISIONS,
    build,
    complete_options,
    encoder_layers,
    nearest_size,
    options_of,
    size_multiple,
    without_auxiliary,
)
from models.registry import ARCHITECTURES, ENCODERS, names

__all__ = [
    "ARCHITECTURES",
    "ENCODERS",
    "PRECISIONS",
    "build",
    "complete_options",
    "encoder_layers",
    "load",
    "names",
    "nearest_size",
    "options_of",
    "size_multiple",
    "without_auxiliary",
]


def load(path: Path, size: tuple[int, int] | None = None, **options):
    """Load a trained model from a file of weights, this project's or another's.

    Args:
        path: a run folder, a checkpoint, a .weights.h5 file; a PyTorch file (.pth, .pt, .bin, .safetensors)
            of segmentation_models.pytorch, mmsegmentation or SegFormer on the hub, or a folder of their
            `save_pretrained`. Which network it is, is read off the file. Or a name of `published.toml`,
            whose file is fetched at first.
        size: (height, width) that images are brought to, in pixels; None takes the training's. PyTorch files
            do not tell it: with the classes of Cityscapes it is then that of its pictures, (1024, 2048).
        options: of the architecture, see `build`, where a PyTorch file does not show them, such as
            `output_stride`.

    Returns:
        A `keras.Model`, see `build`. `about.left_out` lists keys that it has no use for.

    Raises:
        UserError: no or broken weights, or of a network that is not known here; no size where one is needed.
    """
    from models.weights.loading import load_network

    return load_network(Path(path), size=size, options=options)[0]
