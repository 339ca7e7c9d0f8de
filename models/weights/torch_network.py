"""A PyTorch file of a segmentation network: which network it holds, and the Keras model with its weights."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import models
from common.errors import UserError
from data.label_sets import CITYSCAPES, LabelSet
from models.weights import native, torch_encoder, torch_files, torch_labels, torch_options, torch_state
from models.weights.torch_maps import Network

CITYSCAPES_SIZE = (1024, 2048)  # (height, width) of its pictures, which networks see whole


@dataclass(frozen=True)
class TorchNetwork:
    """What a file holds.

    Attributes:
        path: of the file.
        source: module of the package that wrote it, see `models.weights.torch_maps`.
        network: architecture, classes, options.
        state: tensors by their keys.
        label_set: the classes that it tells apart.
    """

    path: Path
    source: ModuleType
    network: Network
    state: dict
    label_set: LabelSet

    @property
    def described(self) -> str:
        """The network in a few words: `pspnet with encoder resnet50 (mmsegmentation)`."""
        name, encoder = self.network.architecture, self.network.options.get("encoder")
        return f"{name}{f' with encoder {encoder}' if encoder else ''} ({self.source.TITLE})"

    def origin(self, size: tuple[int, int] | None = None) -> native.Origin:
        """What the weights belong to.

        Args:
            size: (height, width) that images are brought to; None: the training's where the source tells
                it, else of Cityscapes its pictures', else None.
        """
        default = CITYSCAPES_SIZE if self.label_set == CITYSCAPES else None
        return native.Origin(
            self.network.architecture,
            self.network.classes,
            size or self.network.size or default,
            self.network.options,
            label_set=self.label_set,
            converted_from=self._provenance(),
        )

    def _provenance(self) -> dict:
        with open(self.path, "rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return {"file": self.path.name, "sha256": sha256, "package": self.source.TITLE}

    def model(self, size: tuple[int, int]):
        """A `keras.Model` with the weights; `about.left_out` lists keys that it has no use for.

        Raises:
            UserError: a size or an option that the architecture does not take; other keys or shapes.
        """
        network = models.build(
            self.network.architecture, (*size, 3), self.network.classes, **self.network.options
        )
        self.fill(network)
        return network

    def fill(self, model) -> None:
        """Give a model, built with this network's options, the weights; notes what is left out."""
        left_out = torch_state.fill(model, self.source, self.network, self.state, self.path)
        model.about = replace(model.about, left_out=tuple(left_out))


def read(path: Path, model: str | None = None, options: dict | None = None) -> TorchNetwork:
    """Read a file and recognise the network in it.

    Args:
        path: one that `torch_files.find` has returned.
        model: the architecture that is expected; None takes any.
        options: of the architecture, which replace recognised ones.

    Raises:
        UserError: of no network that is known here, or of another; the message says of what.
    """
    content = torch_files.read(path)
    state = content.tensors
    if not any(source.recognise(state) for source in torch_state.PACKAGES.values()):
        torch_encoder.require_no_classifier(state, path)
    source, network = torch_state.recognise(state, path)
    shown = torch_options.shown(source, network, content, path)
    network = replace(network, options=network.options | shown | (options or {}))
    label_set = torch_labels.label_set(content, network.classes - network.void, path)
    found = TorchNetwork(path, source, network, state, label_set)
    if model and model != network.architecture:
        raise UserError(
            f"{path} holds weights of {found.described}, not of {model}; give `model` {network.architecture}"
        )
    return found
