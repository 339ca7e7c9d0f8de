"""What keys of a state dict do not show of a network, from the configuration that comes with it.

Such a configuration is a stranger's: what is not known here is refused.
"""

from common.errors import UserError
from models.weights import mmseg_config
from models.weights.torch_maps import Network, hub, mmseg, smp

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
        return mmseg_config.options(network, content.meta, path)
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
