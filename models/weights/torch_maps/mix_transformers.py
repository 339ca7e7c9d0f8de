"""Mix Transformers in PyTorch state dicts: names of the original and of mmsegmentation."""

from models.encoders import mix_transformer
from models.weights.torch_layout import Rule
from models.weights.torch_maps.families import Family, count

STAGES = (1, 2, 3, 4)


def variant(channels: int, blocks: list[int]) -> str | None:
    """The name of the one with so many channels in its first stage and blocks in all four."""
    for name, found in mix_transformer.VARIANTS.items():
        if (found.channels[0], list(found.blocks)) == (channels, blocks):
            return name
    return None


def _recognise(first: str, block: str):
    """Recognises by the first patch embedding, and a pattern of blocks' keys with a place for the stage."""

    def recognise(shapes: dict[str, tuple]) -> str | None:
        if first not in shapes:
            return None
        return variant(shapes[first][0], [count(shapes, block.format(stage, stage - 1)) for stage in STAGES])

    return recognise


def _original(encoder: str) -> list[Rule]:
    return [
        Rule(r"patch_embed(\d)_(proj|norm)", "patch_embed{0}.{1}"),
        Rule(r"block(\d)_(\d+)_(norm[12])", "block{0}.{1}.{2}"),
        Rule(r"block(\d)_(\d+)_attn_(q|proj|sr|norm)", "block{0}.{1}.attn.{2}"),
        Rule(r"block(\d)_(\d+)_attn_k", "block{0}.{1}.attn.kv", (0, 2)),
        Rule(r"block(\d)_(\d+)_attn_v", "block{0}.{1}.attn.kv", (1, 2)),
        Rule(r"block(\d)_(\d+)_mlp_(fc[12])", "block{0}.{1}.mlp.{2}"),
        Rule(r"block(\d)_(\d+)_mlp_dwconv", "block{0}.{1}.mlp.dwconv.dwconv"),
        Rule(r"norm(\d)", "norm{0}"),
    ]


def _mmseg(encoder: str) -> list[Rule]:
    return [rule for stage in STAGES for rule in _mmseg_stage(stage)]


def _mmseg_stage(stage: int) -> list[Rule]:
    ours, theirs = f"block{stage}_(\\d+)", f"layers.{stage - 1}.1.{{0}}"
    return [
        Rule(f"patch_embed{stage}_proj", f"layers.{stage - 1}.0.projection"),
        Rule(f"patch_embed{stage}_norm", f"layers.{stage - 1}.0.norm"),
        Rule(f"norm{stage}", f"layers.{stage - 1}.2"),
        Rule(f"{ours}_(norm[12])", f"{theirs}.{{1}}"),
        Rule(f"{ours}_attn_q", f"{theirs}.attn.attn.in_proj_{{parameter}}", (0, 3)),
        Rule(f"{ours}_attn_k", f"{theirs}.attn.attn.in_proj_{{parameter}}", (1, 3)),
        Rule(f"{ours}_attn_v", f"{theirs}.attn.attn.in_proj_{{parameter}}", (2, 3)),
        Rule(f"{ours}_attn_proj", f"{theirs}.attn.attn.out_proj"),
        Rule(f"{ours}_attn_(sr|norm)", f"{theirs}.attn.{{1}}"),
        Rule(f"{ours}_mlp_fc1", f"{theirs}.ffn.layers.0"),
        Rule(f"{ours}_mlp_dwconv", f"{theirs}.ffn.layers.1"),
        Rule(f"{ours}_mlp_fc2", f"{theirs}.ffn.layers.4"),
    ]


FAMILIES = (
    Family(
        mix_transformer.VARIANTS,
        _recognise("patch_embed1.proj.weight", r"block{0}\.(\d+)\."),
        _original,
    ),
    Family(
        mix_transformer.VARIANTS,
        _recognise("layers.0.0.projection.weight", r"layers\.{1}\.1\.(\d+)\."),
        _mmseg,
        package="mmseg",
    ),
)
