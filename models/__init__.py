"""The door to the models: `models.build(name, ...)`; `models.registry` lists what there is."""

from models.building import PRECISIONS, build, encoder_layers, nearest_size, options_of, size_multiple
from models.registry import ARCHITECTURES, ENCODERS, names

__all__ = [
    "ARCHITECTURES",
    "ENCODERS",
    "PRECISIONS",
    "build",
    "encoder_layers",
    "names",
    "nearest_size",
    "options_of",
    "size_multiple",
]
