"""DDRNet as its authors publish it: ydhongHIT/DDRNet, `segmentation/`."""

from models.weights.torch_maps import Source, numbered
from models.weights.torch_maps.mmseg_networks.ddrnet import VARIANTS

RULES = [
    *numbered.SHARED,
    *numbered.branch("context"),
    *numbered.branch("spatial", "_"),
    *numbered.sequence(r"(down\d)_0", "{0}", 0, 1),
    *numbered.sequence(r"(down\d)_1", "{0}", 3, 4),
    *numbered.head("head", "final_layer"),
    *numbered.head("auxiliary_head", "seghead_extra"),
]
SOURCE = Source(
    "DDRNet's authors", (numbered.source("ddrnet", "down3.0.weight", RULES, VARIANTS, (numbered.FIRST,)),)
)
