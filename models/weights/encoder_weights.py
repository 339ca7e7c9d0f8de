"""What an encoder starts from: ImageNet weights of keras.applications, or a file of Keras or PyTorch."""

from importlib import import_module
from pathlib import Path

from models import registry
from models.encoders import Features
from models.weights import imagenet, torch_files


def find(source, encoder: str) -> Path | None:
    """The file that is asked for.

    Args:
        source: "none" (there is none), "imagenet" (see `models.weights.imagenet`), or the path of a Keras
            HDF5 file or a PyTorch file: a classifier's, or a segmentation network's with that encoder.
        encoder: a key of `models.registry.ENCODERS`.

    Raises:
        UserError: there is no such file, or it cannot be fetched.
    """
    if isinstance(source, (str, Path)) and source not in (imagenet.NONE, imagenet.IMAGENET):
        file = torch_files.find(source)
        if file:
            return file
    module = import_module(registry.ENCODERS[encoder].module)
    published = getattr(module, "IMAGENET", None)  # or of each encoder of the module
    if isinstance(published, dict):
        published = published.get(encoder)
    return imagenet.find(source, encoder, published)


def fill(features: Features, path: Path) -> list[str]:
    """Fill an encoder from a file that `find` has returned, all of its layers or none.

    Returns:
        The keys of a PyTorch file that it has no use for, such as a classifier's.

    Raises:
        UserError: unreadable, or of another network; names the first layer or key that differs.
    """
    if torch_files.find(path):
        from models.weights import torch_encoder

        state = torch_files.read(torch_files.find(path)).tensors
        return torch_encoder.fill(features.model, features.encoder, state, path)
    layers = [layer for layer in features.model.layers if layer.weights]
    imagenet.fill(layers, path, features.encoder)
    return []
