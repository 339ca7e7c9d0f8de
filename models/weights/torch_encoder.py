"""From a PyTorch state dict to the weights of an encoder alone.

The dict may be a classifier's (torchvision, timm, mmpretrain, SegFormer's original), or that of a whole
segmentation network, whose other layers stay out.
"""

import re

import numpy as np

from common.errors import UserError
from models.model_options import OptionError
from models.weights import torch_state
from models.weights.torch_layout import places
from models.weights.torch_maps import encoders
from models.weights.torch_maps.encoders import Found

PREFIXES = ("", "encoder.", "backbone.", "backbone.backbone.", "segformer.")  # of an encoder's keys
# of layers behind an encoder that stands at the top of a state dict
CLASSIFIERS = (r"(fc|head|classifier|pre_logits|last_linear|decode_head)\..*",)


def fill(model, encoder: str, state: dict[str, np.ndarray], path) -> list[str]:
    """Give an encoder the weights of a state dict, all of them or none.

    Args:
        model: whose layers are those of the encoder, as `models.encoders.Features.model`.
        encoder: its name, a key of `models.registry.ENCODERS`.
        state: tensors by their keys.
        path: where they come from, for messages.

    Returns:
        The keys that were left out: classifier, decoder, counters, layers behind the last feature.

    Raises:
        UserError: of another encoder; a key of the encoder too many or too few, or another shape.
    """
    found = recognise(state, encoder)
    if not found:
        found = likeliest(model, encoder, state, path)
    if found.encoder != encoder:
        raise UserError(f"{path} holds weights of {found.encoder}, not of {encoder}; name that encoder")
    unused = (*found.unused, *CLASSIFIERS)
    if found.prefix:
        unused = (*found.unused, f"(?!{re.escape(found.prefix)}).*")
    return torch_state.fill_by_rules(model, encoder, found.rules, unused, state, path)


def recognise(state: dict[str, np.ndarray], encoder: str) -> Found | None:
    """The encoder in a state dict, that of the name `encoder` first; None where none is known."""
    found = [one for prefix in PREFIXES if (one := encoders.find(state, prefix))]
    return min(found, key=lambda one: one.encoder != encoder, default=None)


def require_no_classifier(state: dict[str, np.ndarray], path) -> None:
    """Raise UserError if a state dict holds an encoder and no segmentation network."""
    found = next((one for prefix in PREFIXES if (one := encoders.find(state, prefix))), None)
    if found:
        raise UserError(
            f"{path} holds weights of the encoder {found.encoder} alone; start a training from it with "
            "`encoder_weights`"
        )


def likeliest(model, encoder: str, state: dict[str, np.ndarray], path) -> Found:
    """The names and prefix by which a state dict has most of an encoder's keys, though not all.

    Raises:
        UserError: it has none of them, or no PyTorch package is known to have the encoder.
    """
    every = [Found(encoder, family, prefix) for family in encoders.families(encoder) for prefix in PREFIXES]
    if not every:
        raise OptionError(f"{encoder} has no PyTorch weights; give a Keras .h5 file, or another encoder")
    covered = [sum(place.key in state for place in places(model, one.rules)) for one in every]
    if not any(covered):
        raise UserError(f"{path} holds no encoder that is known here; {encoder} needs one of its own")
    return every[int(np.argmax(covered))]
