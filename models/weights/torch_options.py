"""What keys of a state dict do not show of a network, from the configuration that comes with it.

Such a configuration is a stranger's text: mmsegmentation's, which is Python, is parsed and never run.
"""

import ast
import math
import warnings

import models
from common.errors import UserError
from models.weights.torch_maps import Network, hub, mmseg, smp

MOST_TEXT = 2**20  # characters
PARTS = ("decode_head", "backbone")
# values of segmentation_models.pytorch's configuration with which its networks are known here
FIXED_SMP = {
    "decoder_attention_type": (None,),
    "decoder_interpolation": ("nearest",),
    "decoder_merge_policy": ("add",),
    "decoder_aspp_separable": (True,),
    "upsampling": (4, 8),
}
FIXED_HUB = {
    "hidden_act": ("gelu",),
    "num_attention_heads": ([1, 2, 5, 8],),
    "strides": ([4, 2, 2, 2],),
    "reshape_last_stage": (True,),
}
STEM_STRIDES = {"ResNet": 4, "ResNetV1c": 4, "MobileNetV2": 2}  # by mmsegmentation's name of the backbone


def shown(source, network: Network, content, path) -> dict:
    """Options of a network that a file's `meta` or `config` shows.

    Args:
        source: module of the package, see `models.weights.torch_maps`.
        network: what the keys show.
        content: the file's, see `models.weights.torch_files.Content`.
        path: of the file, for messages.

    Raises:
        UserError: the configuration is of a network that is not known here.
    """
    if source is smp:
        return _smp(network, content.config, path)
    if source is hub:
        _require(FIXED_HUB, content.config, path)
    if source is mmseg:
        return _mmseg(network, content.meta)
    return {}


def _smp(network: Network, config: dict, path) -> dict:
    _require(FIXED_SMP, config, path)
    options = {}
    if network.architecture == "deeplabv3+":
        stride, rates = config.get("encoder_output_stride"), config.get("decoder_atrous_rates")
        if isinstance(stride, int):
            options["output_stride"] = stride
        if isinstance(rates, list) and all(isinstance(rate, int) for rate in rates):
            options["rates"] = tuple(rates)
    return options


def _require(known: dict, config: dict, path) -> None:
    for name, values in known.items():
        if name in config and config[name] not in values:
            shown = str(config[name])[:40]
            raise UserError(f"{path}: its configuration has {name} {shown!r}, which is not known here")


def _mmseg(network: Network, meta: dict) -> dict:
    model = model_of(meta.get("cfg", meta.get("config")))
    options = {}
    head, backbone = (_last(model.get(name)) for name in PARTS)
    known, align_corners = models.options_of(network.architecture, network.options), head.get("align_corners")
    if isinstance(align_corners, bool) and known.get("align_corners", align_corners) != align_corners:
        options["align_corners"] = align_corners
    stem, strides = STEM_STRIDES.get(str(backbone.get("type"))), backbone.get("strides")
    if stem and isinstance(strides, (list, tuple)) and all(type(stride) is int for stride in strides):
        options["output_stride"] = stem * math.prod(strides)
    return options


def _last(part) -> dict:
    """A part of a model; of several heads the one whose scores are the answer."""
    if isinstance(part, (list, tuple)) and part:
        part = part[-1]
    return part if isinstance(part, dict) else {}


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
