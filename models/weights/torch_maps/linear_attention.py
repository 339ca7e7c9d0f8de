"""EfficientViT's encoder in state dicts of its authors' repository (mit-han-lab/efficientvit)."""

from models.encoders import efficientvit
from models.weights.torch_layout import Rule
from models.weights.torch_maps.families import Family, count

MODULE = r"(inverted|depth|point)"


def _recognise(shapes: dict[str, tuple]) -> str | None:
    first = shapes.get("input_stem.op_list.0.conv.weight")
    blocks = [count(shapes, rf"stages\.{stage}\.op_list\.(\d+)\.") for stage in range(4)]
    for name, variant in efficientvit.VARIANTS.items():
        attention = [0, 0, 1, 1]  # blocks of these stages follow one that halves the size
        expected = [number + more for number, more in zip(variant.blocks[1:], attention)]
        if first is not None and (variant.channels[0], expected) == (first[0], blocks):
            return name
    return None


def _rules(encoder: str) -> list[Rule]:
    block = "stages.{0}.op_list.{1}"
    return [
        Rule(r"stem_0_(conv|norm)", "input_stem.op_list.0.{0}"),
        Rule(rf"stem_(\d+)_{MODULE}_(conv|norm)", "input_stem.op_list.{0}.main.{1}_conv.{2}"),
        Rule(rf"stage(\d)_(\d+)_{MODULE}_(conv|norm)", f"{block}.main.{{2}}_conv.{{3}}"),
        Rule(rf"stage(\d)_(\d+)_local_{MODULE}_(conv|norm)", f"{block}.local_module.main.{{2}}_conv.{{3}}"),
        Rule(r"stage(\d)_(\d+)_context_qkv", f"{block}.context_module.main.qkv.conv"),
        Rule(r"stage(\d)_(\d+)_context_aggregate_(\d)", f"{block}.context_module.main.aggreg.0.{{2}}"),
        Rule(r"stage(\d)_(\d+)_context_proj_(conv|norm)", f"{block}.context_module.main.proj.{{2}}"),
    ]


FAMILIES = (Family(efficientvit.VARIANTS, _recognise, _rules, unused=(r"head\..*",)),)
