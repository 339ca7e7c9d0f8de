"""PIDNet as its authors publish it: XuJiacong/PIDNet, `models/pidnet.py`."""

from models.weights.torch_maps import Source, numbered
from models.weights.torch_maps.mmseg_networks.pidnet import VARIANTS

RULES = [
    *numbered.SHARED,
    *numbered.sequence("spp_processes", "spp.scale_process", 2, 0),
    *numbered.branch("i"),
    *numbered.branch("p", "_"),
    *numbered.branch("d", "_d"),
    *numbered.sequence(r"(pag\d)_p", "{0}.f_x", 0, 1),
    *numbered.sequence(r"(pag\d)_i", "{0}.f_y", 0, 1),
    *numbered.sequence(r"(diff\d)", "{0}", 0, 1),
    *numbered.sequence(r"dfm_(p|i)", "dfm.conv_{0}", 0, 1),
    *numbered.sequence("dfm", "dfm.conv", 2, 0),
    *numbered.head("i_head", "final_layer"),
    *numbered.head("p_head", "seghead_p"),
    *numbered.head("d_head", "seghead_d"),
]
WIDTHS = (numbered.FIRST, "spp.scale0.2.weight")
SOURCE = Source(
    "PIDNet's authors", (numbered.source("pidnet", "pag3.f_x.0.weight", RULES, VARIANTS, WIDTHS),)
)
