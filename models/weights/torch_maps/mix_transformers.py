"""Mix Transformers in PyTorch state dicts: names of the original, of mmsegmentation, and of transformers.

Transformers changed its names in version 5.
"""

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
        Rule(f"{ours}_mlp_fc1", f"{theirs}.ffn.layers.0", convolution=True),
        Rule(f"{ours}_mlp_dwconv", f"{theirs}.ffn.layers.1"),
        Rule(f"{ours}_mlp_fc2", f"{theirs}.ffn.layers.4", convolution=True),
    ]


def _hub(encoder: str) -> list[Rule]:
    return [rule for stage in STAGES for rule in _hub_stage(stage)]


def _hub_old(encoder: str) -> list[Rule]:
    return [rule for stage in STAGES for rule in _hub_old_stage(stage)]


def _hub_stage(stage: int) -> list[Rule]:
    ours, theirs = f"block{stage}_(\\d+)", f"stages.{stage - 1}.blocks.{{0}}"
    return [
        Rule(f"patch_embed{stage}_proj", f"stages.{stage - 1}.patch_embeddings.proj"),
        Rule(f"patch_embed{stage}_norm", f"stages.{stage - 1}.patch_embeddings.layer_norm"),
        Rule(f"norm{stage}", f"stages.{stage - 1}.layer_norm"),
        Rule(f"{ours}_norm1", f"{theirs}.layernorm_before"),
        Rule(f"{ours}_norm2", f"{theirs}.layernorm_after"),
        Rule(f"{ours}_attn_([qkv])", f"{theirs}.attention.{{1}}_proj"),
        Rule(f"{ours}_attn_proj", f"{theirs}.attention.o_proj"),
        Rule(f"{ours}_attn_sr", f"{theirs}.attention.sequence_reduction.sequence_reduction"),
        Rule(f"{ours}_attn_norm", f"{theirs}.attention.sequence_reduction.layer_norm"),
        Rule(f"{ours}_mlp_(fc[12])", f"{theirs}.mlp.{{1}}"),
        Rule(f"{ours}_mlp_dwconv", f"{theirs}.mlp.dwconv.dwconv"),
    ]


def _hub_old_stage(stage: int) -> list[Rule]:
    ours, theirs = f"block{stage}_(\\d+)", f"encoder.block.{stage - 1}.{{0}}"
    return [
        Rule(f"patch_embed{stage}_proj", f"encoder.patch_embeddings.{stage - 1}.proj"),
        Rule(f"patch_embed{stage}_norm", f"encoder.patch_embeddings.{stage - 1}.layer_norm"),
        Rule(f"norm{stage}", f"encoder.layer_norm.{stage - 1}"),
        Rule(f"{ours}_norm1", f"{theirs}.layer_norm_1"),
        Rule(f"{ours}_norm2", f"{theirs}.layer_norm_2"),
        Rule(f"{ours}_attn_q", f"{theirs}.attention.self.query"),
        Rule(f"{ours}_attn_k", f"{theirs}.attention.self.key"),
        Rule(f"{ours}_attn_v", f"{theirs}.attention.self.value"),
        Rule(f"{ours}_attn_proj", f"{theirs}.attention.output.dense"),
        Rule(f"{ours}_attn_sr", f"{theirs}.attention.self.sr"),
        Rule(f"{ours}_attn_norm", f"{theirs}.attention.self.layer_norm"),
        Rule(f"{ours}_mlp_fc1", f"{theirs}.mlp.dense1"),
        Rule(f"{ours}_mlp_fc2", f"{theirs}.mlp.dense2"),
        Rule(f"{ours}_mlp_dwconv", f"{theirs}.mlp.dwconv.dwconv"),
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
    Family(
        mix_transformer.VARIANTS,
        _recognise("stages.0.patch_embeddings.proj.weight", r"stages\.{1}\.blocks\.(\d+)\."),
        _hub,
        package="hub",
    ),
    Family(
        mix_transformer.VARIANTS,
        _recognise("encoder.patch_embeddings.0.proj.weight", r"encoder\.block\.{1}\.(\d+)\."),
        _hub_old,
        package="hub-old",
    ),
)
