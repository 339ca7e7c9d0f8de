"""From a file of weights to the model that it belongs to, filled with them."""

from pathlib import Path

import models
from common.errors import UserError
from data.label_sets import CITYSCAPES, LabelSet
from models.model_options import DEFAULTS, OptionError
from models.weights import keras_hdf5, legacy, native, torch_files
from models.weights.run_files import weights_file


def load_network(
    source: Path,
    model: str | None = None,
    size: tuple[int, int] | None = None,
    encoder: str | None = None,
    options: dict | None = None,
):
    """Build the model that weights belong to, and fill it.

    Args:
        source: a run folder (its best checkpoint), a checkpoint folder, a .weights.h5 file, an .hdf5 file
            of Keras 2 (see `models.weights.legacy`), or a PyTorch file or folder (see
            `models.weights.torch_network`).
        model: the name that is expected; None takes the file's. A file of Keras 2 has none.
        size: (height, width) that images are brought to; None takes the training's.
        encoder: the name that is expected; None takes the file's.
        options: of the architecture, which replace those that a PyTorch file shows.

    Returns:
        (A `keras.Model`, see `models.build`, with an output for each class, and void beside these from
        Keras 2, the `native.Origin`).

    Raises:
        UserError: no or broken weights, or those of another model, encoder or class count.
    """
    path = weights_file(Path(source))
    if torch_files.find(path):
        return _torch_network(path, model, size, encoder, options)
    if options:
        raise OptionError(f"{path} tells its options itself; leave {', '.join(options)} out")
    origin, legacy_file = origin_of(path, model), keras_hdf5.has_layers(path)
    void = origin.classes - origin.label_set.classes  # an output of its own in weights of other packages
    if not legacy_file and void not in ((0, 1) if origin.converted_from else (0,)):
        raise UserError(
            f"{path} was trained for {origin.classes} classes, but its label set is "
            f"{origin.label_set.described()}; train anew, or give other weights"
        )
    if encoder:
        require_encoder(path, origin, encoder)
    network = build_network(path, origin, size or origin.size)
    if legacy_file:
        legacy.load(path, network, origin.label_set.classes)
    else:
        native.load(path, network)
    return network, origin


def _torch_network(path: Path, model, size, encoder, options):
    from models.weights import torch_network

    found = torch_network.read(path, model, options)
    origin = found.origin(size)
    if encoder:
        require_encoder(path, origin, encoder)
    return found.model(require_size(path, origin)), origin


def require_size(path: Path, origin: native.Origin) -> tuple[int, int]:
    """The size of a model, (height, width).

    Raises:
        UserError: it is not known.
    """
    if origin.size is None:
        raise UserError(f"{path} does not tell the size of its images; give `size`, height and width")
    return origin.size


def fill(source: Path, network) -> None:
    """Fill a model that is built already, and note in its `about.left_out` what it has no use for.

    Args:
        source: as in `load_network`, but for Keras 2.
        network: what `models.build` returned, without an auxiliary output.

    Raises:
        UserError: unreadable, or weights of another model.
    """
    path = weights_file(source)
    if torch_files.find(path):
        from models.weights import torch_network

        torch_network.read(path).fill(network)
    else:
        native.load(path, network)


def options_needed(source: Path, model: str) -> dict:
    """The options that a model needs to take weights: all of converted ones, else those that once had another
    default.

    Raises:
        UserError: unreadable, or weights of another model.
    """
    path = weights_file(source)
    if torch_files.find(path) or native.is_converted(path):
        return origin_of(path, model).options
    try:
        options = {} if keras_hdf5.has_layers(path) else native.read_origin(path).options
    except UserError:  # told by whoever reads the weights, who knows what they are for
        return {}
    return {name: value for name, value in options.items() if name in DEFAULTS.get(model, {})}


def origin_of(source: Path, model: str | None = None) -> native.Origin:
    """What weights were trained as; arguments and errors are those of `load_network`.

    The size of a PyTorch file is None where it does not tell one.
    """
    path = weights_file(source)
    if torch_files.find(path):
        from models.weights import torch_network

        return torch_network.read(path, model).origin()
    if keras_hdf5.has_layers(path):
        return legacy_origin(path, model)
    origin = native.read_origin(path)
    if model and model != origin.model:
        raise UserError(
            f"{path} holds weights of {origin.model}, not of {model}; give `model` {origin.model}"
        )
    return origin


def needs_keras(source: Path) -> bool:
    """Whether `origin_of` has to build the network, as for a PyTorch file; others tell what they hold."""
    return torch_files.find(weights_file(source)) is not None


def require_encoder(path: Path, origin: native.Origin, encoder: str) -> None:
    """Raise UserError unless weights are of a model with that encoder."""
    theirs = models.options_of(origin.model, origin.options).get("encoder")
    if theirs is None:
        raise UserError(f"{path} holds weights of {origin.model}, which has no encoder; leave `encoder` out")
    if theirs != encoder:
        raise UserError(f"{path} holds weights with encoder {theirs}, not {encoder}; leave `encoder` out")


def legacy_origin(path: Path, model: str | None) -> native.Origin:
    """What a file of Keras 2, which does not name its architecture, is taken for.

    Raises:
        UserError: no model is named.
    """
    if model is None:
        raise UserError(
            f"{path} was written by Keras 2 and names no architecture; give `model` separable_unet"
        )
    return native.Origin(model, legacy.outputs(CITYSCAPES.classes), legacy.SIZE, label_set=CITYSCAPES)


def label_set_of(source: Path) -> LabelSet:
    """Which classes weights tell apart; not of files of Keras 2."""
    path = weights_file(source)
    return origin_of(path).label_set if torch_files.find(path) else native.read_label_set(path)


def build_network(path: Path | str, origin: native.Origin, size: tuple[int, int]):
    """The model that a weights file belongs to, with fresh weights."""
    # the file holds the encoder as well; a stranger's may not make this machine download or open another
    options = {name: value for name, value in origin.options.items() if name != "encoder_weights"}
    try:
        return models.build(origin.model, (*size, 3), origin.classes, **options)
    except (OptionError, TypeError) as error:  # an option that is unknown, or its value
        raise UserError(f"{path} was written by another version of this project ({error})") from error
