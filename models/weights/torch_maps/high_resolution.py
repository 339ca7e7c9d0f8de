"""HRNet in PyTorch state dicts: mmsegmentation, timm and the original have the same names."""

from models.encoders import hrnet
from models.weights.torch_layout import Rule
from models.weights.torch_maps.families import Family, count


def _recognise(shapes: dict[str, tuple]) -> str | None:
    if "stage4.0.branches.3.0.conv1.weight" not in shapes:
        return None
    width = shapes["stage4.0.branches.0.0.conv1.weight"][0]
    blocks = {count(shapes, pattern) for pattern in (r"layer1\.(\d+)\.", r"stage4\.0\.branches\.0\.(\d+)\.")}
    modules = tuple(count(shapes, rf"stage{stage}\.(\d+)\.") for stage in (2, 3, 4))
    for name, variant in hrnet.VARIANTS.items():
        if (width, blocks, modules) == (variant.width, {variant.blocks}, variant.modules):
            return name
    return None


FAMILIES = (
    Family(
        hrnet.VARIANTS,
        _recognise,
        lambda encoder: [
            Rule(r"stage(\d)_(\d)_fuse_(.*)", "stage{0}.{1}.fuse_layers.{dots}"),
            Rule(r"((?:conv\d|bn\d|layer1_|transition\d_|stage\d_).*)", "{dots}"),
        ],
        # of classifiers, behind the four resolutions
        unused=(r"(incre_modules|downsamp_modules|final_layer)\..*",),
    ),
)
