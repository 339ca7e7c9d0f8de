"""Writes a model's weights as the state dict of a PyTorch package, which loads it with `strict=True`."""

import io
import re
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np

import models
from common.errors import UserError
from common.files import write_bytes
from models import encoders, registry
from models.encoders import efficientnet, vgg
from models.weights import native, torch_files, torch_state
from models.weights.torch_layout import places
from models.weights.torch_maps import Network, espnetv2, smp
from models.weights.torch_maps import encoders as maps
from models.weights.torch_state import PACKAGES

TORCHVISION = "torchvision"
# encoders that they have, by our names
ENCODERS = {
    "smp": r"resnet\d+|resnext\w+|mobilenet_v2|efficientnet-b\d|vgg\w+|xception_torch|mit_b\d",
    "mmseg": r"resnet\d+(_v1c)?|resnext\w+|mobilenet_v2|mit_b\d|hrnet\w+|stdc\d",
    "hub": r"mit_b\d",
    "efficientvit": r"efficientvit_b\d",
    TORCHVISION: r"resnet\d+|resnext\w+|mobilenet_v2",
}
# options that change no arithmetic, and those that shapes show
FREE = (
    "dropout",
    "initialization",
    "encoder_weights",
    "preset",
    "channels",
    "low_channels",
    "bin_channels",
    "key_channels",
    "head_channels",
    "last_channels",
    "blocks",
    "width",
    "codes",
)
IMAGENET_CLASSES = 1000
EFFICIENTNET_HEAD = 1280  # channels of B0's last convolution


@dataclass(frozen=True)
class Exported:
    """A state dict.

    Attributes:
        state: tensors by their keys.
        package: key of `PACKAGES`, or torchvision.
        filled: keys of what the package's network has beside ours, and makes no difference to its logits.
    """

    state: dict[str, np.ndarray]
    package: str
    filled: tuple[str, ...] = ()


def export(network, origin: native.Origin, package: str | None = None) -> Exported:
    """The state dict of a model.

    Auxiliary heads of mmsegmentation that serve training alone are not in it. What a package builds and does
    not use is filled with fresh values: ResNet's last stages in the PSPNet of segmentation_models.pytorch,
    layers of EdgeNets, auxiliary heads that a network of mmsegmentation always has.

    Args:
        network: a `keras.Model`, as `models.weights.loading.load_network` returns it.
        origin: what it was built as.
        package: a key of `PACKAGES`; None takes the only one that has such a network. `torchvision` takes
            the encoder alone, and fills its classifier with zeros.

    Raises:
        UserError: no package has such a network, or not the one that is named, or several have it.
    """
    if package == TORCHVISION:
        return _of_torchvision(network, origin)
    fitting = packages(origin)
    listed = ", ".join(f"{name} {value}" for name, value in origin.options.items()) or "its own"
    if not fitting:
        raise UserError(
            f"no PyTorch package has {origin.model} with the options {listed}; give other weights"
        )
    if package is None and len(fitting) > 1:
        raise UserError(f"several packages have {origin.model}; give `package` {' or '.join(fitting)}")
    if package not in (None, *fitting):
        has = ", ".join(fitting)
        raise UserError(f"{package} has no {origin.model} with the options {listed}; give `package` {has}")
    name = package or fitting[0]
    options = models.complete_options(origin.model, origin.options)
    kept = Network(origin.model, origin.classes, options)
    state = torch_state.state_dict(network, PACKAGES[name], kept)
    beside = _unused(name, kept, state)
    return Exported(_with_counters(state | beside), name, tuple(beside))


def packages(origin: native.Origin) -> list[str]:
    """The packages that have a network with the same layers and the same arithmetic."""
    found = registry.architecture(origin.model)
    options = models.complete_options(origin.model, origin.options)
    encoder, preset = options.get("encoder"), options.get("preset")
    if not encoder:
        return [name for name in PACKAGES if _has_whole(name, origin.model, options)]
    possible = [
        name
        for name in getattr(import_module(found.decoder), "PRESETS", ())
        if name in PACKAGES and re.fullmatch(ENCODERS[name], encoder)
    ]
    if preset is not None:
        return [name for name in possible if name == preset]
    return [name for name in possible if _same(origin, name, encoder)]


def _has_whole(package: str, model: str, options: dict) -> bool:
    """Whether a package has a network that is no encoder with a decoder."""
    return any(one.architecture == model and one.fits(options) for one in PACKAGES[package].WHOLE)


def _same(origin: native.Origin, package: str, encoder: str) -> bool:
    """Whether a network that names no package's preset has all options of one."""
    own = [family for family in maps.families(encoder) if family.package == package]
    theirs = {"preset": package, "encoder": encoder} | (own[0].options if own else {})
    both = [models.complete_options(origin.model, options) for options in (origin.options, theirs)]
    return _binding(both[0]) == _binding(both[1])


def _binding(options: dict) -> dict:
    """The options that decide which network it is; a preset's for other encoders do not."""
    foreign = set(encoders.OPTIONS) - set(encoders.options_of(options["encoder"]))
    return {name: value for name, value in options.items() if name not in FREE and name not in foreign}


def _unused(package: str, network: Network, state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What a package builds and does not use, with fresh values."""
    if package == "smp":
        return _unused_of_smp(network.architecture, network.options["encoder"], state)
    if package == "edgenets":
        return espnetv2.beside(state)
    return _unused_heads(PACKAGES[package], network, state)


def _unused_of_smp(architecture: str, encoder: str, state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    image = keras.Input((64, 64, 3))
    whole = encoders.build(encoder, image, 32).model
    found = places(whole, maps.rules(encoder, smp.PREFIX, "smp"))
    beside = {place.key: place.theirs() for place in found if place.key not in state and not place.part}
    if encoder in efficientnet.VARIANTS:
        channels = efficientnet.VARIANTS[encoder].channels(EFFICIENTNET_HEAD)
        deepest = efficientnet.VARIANTS[encoder].channels(efficientnet.STAGES[-1][2])
        beside |= _fresh("encoder.conv_head", "encoder.bn2", (channels, deepest, 1, 1))
    if architecture == "unet++" and encoder in vgg.VARIANTS:
        for number in range(2):
            name = f"decoder.center.{number}"
            beside |= _fresh(f"{name}.0", f"{name}.1", (vgg.CHANNELS[-1], vgg.CHANNELS[-1], 3, 3))
    return beside


def _unused_heads(source, network: Network, state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Auxiliary heads that a network of the source always has, with fresh values."""
    if not any(one.architecture == network.architecture and one.always_auxiliary for one in source.WHOLE):
        return {}
    whole = models.build(
        network.architecture, (64, 64, 3), network.classes, auxiliary=True, **network.options
    )
    return {
        key: array
        for key, array in torch_state.state_dict(whole, source, network).items()
        if key not in state
    }


def _fresh(convolution: str, norm: str, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """A convolution of zeros and its batch norm, by their keys."""
    ones, zeros = np.ones(shape[0], np.float32), np.zeros(shape[0], np.float32)
    return {
        f"{convolution}.weight": np.zeros(shape, np.float32),
        f"{norm}.weight": ones,
        f"{norm}.bias": zeros,
        f"{norm}.running_mean": zeros,
        f"{norm}.running_var": ones,
    }


def _of_torchvision(network, origin: native.Origin) -> Exported:
    encoder = models.complete_options(origin.model, origin.options).get("encoder")
    if not encoder or not re.fullmatch(ENCODERS[TORCHVISION], encoder):
        raise UserError(
            f"torchvision's classifiers are written for ResNet, ResNeXt and MobileNetV2, not for "
            f"{encoder or origin.model}; give another `package`"
        )
    state = classifier(encoder, SimpleNamespace(layers=models.encoder_layers(network)))
    whole = classifier(encoder, encoders.build(encoder, keras.Input((64, 64, 3)), 32).model)
    lacking = [key for key in whole if key not in state]
    if lacking:
        raise UserError(
            f"the network has only a part of {encoder}: '{lacking[0]}' is missing; give other weights"
        )
    return Exported(state, TORCHVISION, tuple(state)[-2:])


def classifier(encoder: str, model) -> dict[str, np.ndarray]:
    """An encoder as torchvision's classifier of ImageNet, with a last layer of zeros."""
    state = {place.key: place.theirs() for place in places(model, maps.rules(encoder, ""))}
    channels = list(state.values())[-1].shape[0]
    last = "classifier.1" if encoder == "mobilenet_v2" else "fc"
    return _with_counters(state) | {
        f"{last}.weight": np.zeros((IMAGENET_CLASSES, channels), np.float32),
        f"{last}.bias": np.zeros(IMAGENET_CLASSES, np.float32),
    }


def _with_counters(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The state dict with zero steps for each batch norm, which nothing but training reads."""
    counted = {}
    for key, array in state.items():
        counted[key] = array
        if key.endswith(".running_var"):
            counted[key.replace("running_var", "num_batches_tracked")] = np.zeros((), np.int64)
    return counted


def write(path: Path, exported: Exported) -> None:
    """Write a state dict, as safetensors or as `torch.save` does, by the file's ending.

    Raises:
        UserError: another ending, a folder that cannot be written to, or PyTorch is needed and missing.
    """
    state = {key: np.array(array, order="C") for key, array in exported.state.items()}
    if require_suffix(path) == torch_files.SAFETENSORS:
        from safetensors.numpy import save

        write_bytes(path, save(state, {"format": "pt"}))
        return
    import torch

    content = io.BytesIO()
    torch.save({key: torch.from_numpy(array) for key, array in state.items()}, content)
    write_bytes(path, content.getbuffer())


def require_suffix(path: Path) -> str:
    """The ending of a file to be written.

    Raises:
        UserError: it is no PyTorch file's, or needs PyTorch, which is missing.
    """
    suffix = path.suffix.lower()
    if suffix not in torch_files.SUFFIXES:
        raise UserError(f"{path} ends in none of {', '.join(torch_files.SUFFIXES)}; name such a file")
    if suffix != torch_files.SAFETENSORS:
        try:
            import torch  # noqa: F401
        except ImportError as error:
            raise UserError(
                f"writing {suffix} needs PyTorch: pip install -c constraints.txt -e .[torch], or name a "
                ".safetensors file"
            ) from error
    return suffix
