"""What mmsegmentation's configuration says of a network and keys do not show: strides, dilations, corners.

Checkpoints carry its text, which is Python and a stranger's: it is parsed and never run. Without it the
options are those of `PRESETS["mmseg"]` of the decoder.
"""

import ast
import warnings
from dataclasses import dataclass

import models
from common.errors import UserError
from models.weights.torch_maps import Network

MOST_TEXT = 2**20  # characters
MOST_DILATION = 128  # a larger one would pad maps until memory is full
# values of parts of the model with which its networks are known here; those of a transformer are lists
FIXED = {
    "backbone": {
        "style": ("pytorch",),
        "num_heads": ((1, 2, 5, 8),),
        "sr_ratios": ((8, 4, 2, 1),),
    },
    "decode_head": {"pool_scales": ((1, 2, 3, 6),), "interpolate_mode": ("bilinear",)},
}


@dataclass(frozen=True)
class Stages:
    """Strides of a backbone.

    Attributes:
        stem: stride in front of its stages.
        strides: of the stages, as long as nothing is dilated.
    """

    stem: int
    strides: tuple[int, ...]


RESNET = Stages(4, (1, 2, 2, 2))
BACKBONES = {  # by their types
    "ResNet": RESNET,
    "ResNetV1c": RESNET,
    "ResNeXt": RESNET,
    "MobileNetV2": Stages(2, (1, 2, 2, 2, 1, 2, 1)),
}


def options(network: Network, meta: dict, path) -> dict:
    """Options of `models.build` that a checkpoint's `meta` shows.

    Args:
        network: what the keys show.
        meta: the checkpoint's; not to be trusted.
        path: of the file, for messages.

    Raises:
        UserError: the configuration is of a network that is not known here.
    """
    model = model_of(meta.get("cfg", meta.get("config")))
    backbone, head = _part(model, "backbone"), _part(model, "decode_head")
    for part, known in FIXED.items():
        for name, values in known.items():
            value = _part(model, part).get(name)
            if value is not None and value not in values:
                raise _unknown(path, name, value)
    found = _of_backbone(backbone, path)
    return found | _corners(network, head) | _of_head(network.architecture, head, path)


def _part(model: dict, name: str) -> dict:
    """A part of a model; of several heads the one whose scores are the answer."""
    part = model.get(name)
    if isinstance(part, tuple) and part:
        part = part[-1]
    return part if isinstance(part, dict) else {}


def _corners(network: Network, head: dict) -> dict:
    """How maps are enlarged, where a network has the choice and the head has not the usual way."""
    given, known = head.get("align_corners"), models.options_of(network.architecture, network.options)
    names = [name for name in ("align_corners", "levels_align_corners") if known.get(name, given) != given]
    return dict.fromkeys(names, given) if isinstance(given, bool) else {}


def _of_backbone(backbone: dict, path) -> dict:
    stages = BACKBONES.get(str(backbone.get("type")))
    if not stages:
        return {}
    count = len(stages.strides)
    strides = _numbers(backbone, "strides", path, count) or stages.strides
    dilations = _numbers(backbone, "dilations", path, count) or (1,) * count
    found, stride, dilation, implied = {}, stages.stem, 1, []
    for usual, step in zip(stages.strides, strides):
        if usual % step:
            raise _unknown(path, "strides", strides)
        stride, dilation = stride * step, dilation * usual // step
        implied.append(dilation)
    found["output_stride"] = stride
    if stages is not RESNET:
        if dilations != tuple(implied):
            raise _unknown(path, "dilations", dilations)
        return found
    if dilations != tuple(implied):
        found["dilations"] = dilations
    if max(dilations) > 1 and backbone.get("contract_dilation") is not True:
        found["first_dilation"] = "full"
    if multi_grid := _numbers(backbone, "multi_grid", path):
        found["multi_grid"] = multi_grid
    return found


def _of_head(architecture: str, head: dict, path) -> dict:
    if architecture == "deeplabv3+" and (dilations := _numbers(head, "dilations", path, 4)):
        if dilations[0] != 1:
            raise _unknown(path, "dilations", dilations)
        return {"rates": dilations[1:]}
    dilation = head.get("dilation", 1)
    if architecture == "fcn" and dilation != 1:
        if type(dilation) is not int or not 0 < dilation <= MOST_DILATION:
            raise _unknown(path, "dilation", dilation)
        return {"dilation": dilation}
    return {}


def _numbers(part: dict, name: str, path, count: int | None = None) -> tuple[int, ...] | None:
    """A list of strides or dilations; None where there is none."""
    value = part.get(name)
    if value is None:
        return None
    sound = isinstance(value, tuple) and value and len(value) == (count or len(value))
    if not sound or not all(type(number) is int and 0 < number <= MOST_DILATION for number in value):
        raise _unknown(path, name, value)
    return value


def _unknown(path, name: str, value) -> UserError:
    shown = str(value)[:40]
    return UserError(f"{path}: its configuration has {name} {shown!r}, which is not known here")


def model_of(text) -> dict:
    """The dict `model` of a configuration of mmsegmentation; empty where there is none to be read."""
    if not isinstance(text, str) or len(text) > MOST_TEXT:
        return {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = ast.parse(text).body
            for statement in body:
                if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "model":
                    model = _value(statement.value)
                    return model if isinstance(model, dict) else {}
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}  # no configuration in Python: then the keys alone say what the network is
    return {}


def _value(node):
    """Constants, lists, tuples, and dicts in either notation; None for anything else."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, (ast.List, ast.Tuple)):
        return tuple(_value(part) for part in node.elts)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
        return {word.arg: _value(word.value) for word in node.keywords}
    if isinstance(node, ast.Dict):
        return {str(_value(key)): _value(value) for key, value in zip(node.keys, node.values)}
    return None
