"""SegFormer on the hub, as transformers saves it: before version 5, and since.

NVIDIA's files are of the first kind (`segformer.encoder.block.0.0.attention.self.query`); version 5 writes
`segformer.stages.0.blocks.0.attention.q_proj`. The file of a classifier has `classifier.*` and no decoder.
"""

import numpy as np

from common.errors import UserError
from models.weights.torch_layout import Rule
from models.weights.torch_maps import Network, encoders, mix_transformers

TITLE = "SegFormer of transformers"
HEAD = "decode_head.classifier"


def recognise(state: dict[str, np.ndarray]) -> bool:
    """Whether a state dict is of this package."""
    return f"{HEAD}.weight" in state


def network(state: dict[str, np.ndarray], source) -> Network:
    """What a state dict holds.

    Raises:
        UserError: a network that is not known here.
    """
    new = _is_new(state)
    first = "segformer.stages.0.patch_embeddings.proj.weight"
    if not new:
        first = "segformer.encoder.patch_embeddings.0.proj.weight"
    block = r"segformer\.stages\.{}\.blocks\.(\d+)\." if new else r"segformer\.encoder\.block\.{}\.(\d+)\."
    blocks = [encoders.count(state, block.format(stage)) for stage in range(4)]
    encoder = mix_transformers.variant(state[first].shape[0], blocks) if first in state else None
    if not encoder:
        raise UserError(f"{source} is of {TITLE}, with an encoder that is not known here")
    channels = int(state["decode_head.linear_fuse.weight"].shape[0])
    options = {"encoder": encoder, "preset": "hub", "channels": channels}
    return Network("segformer", len(state[f"{HEAD}.bias"]), options, naming="new" if new else "old")


def _is_new(state) -> bool:
    return any(key.startswith("segformer.stages.") for key in state)


def rules(architecture: str, encoder: str, naming: str = "new") -> list[Rule]:
    """The rules of a network's layers; `naming` is `old` before version 5 of transformers."""
    head = [
        Rule(
            r"project(\d)_linear",
            f"decode_head.{'linear_projections' if naming == 'new' else 'linear_c'}.{{0}}.proj",
        ),
        Rule("fuse_conv", "decode_head.linear_fuse"),
        Rule("fuse_bn", "decode_head.batch_norm"),
        Rule("scores", HEAD),
    ]
    stages = [rule for stage in range(4) for rule in (_new if naming == "new" else _old)(stage)]
    return [*stages, *head]


def _new(stage: int) -> list[Rule]:
    ours, theirs = f"block{stage + 1}_(\\d+)", f"segformer.stages.{stage}.blocks.{{0}}"
    return [
        Rule(f"patch_embed{stage + 1}_proj", f"segformer.stages.{stage}.patch_embeddings.proj"),
        Rule(f"patch_embed{stage + 1}_norm", f"segformer.stages.{stage}.patch_embeddings.layer_norm"),
        Rule(f"norm{stage + 1}", f"segformer.stages.{stage}.layer_norm"),
        Rule(f"{ours}_norm1", f"{theirs}.layernorm_before"),
        Rule(f"{ours}_norm2", f"{theirs}.layernorm_after"),
        Rule(f"{ours}_attn_([qkv])", f"{theirs}.attention.{{1}}_proj"),
        Rule(f"{ours}_attn_proj", f"{theirs}.attention.o_proj"),
        Rule(f"{ours}_attn_sr", f"{theirs}.attention.sequence_reduction.sequence_reduction"),
        Rule(f"{ours}_attn_norm", f"{theirs}.attention.sequence_reduction.layer_norm"),
        Rule(f"{ours}_mlp_(fc[12])", f"{theirs}.mlp.{{1}}"),
        Rule(f"{ours}_mlp_dwconv", f"{theirs}.mlp.dwconv.dwconv"),
    ]


def _old(stage: int) -> list[Rule]:
    ours, theirs = f"block{stage + 1}_(\\d+)", f"segformer.encoder.block.{stage}.{{0}}"
    return [
        Rule(f"patch_embed{stage + 1}_proj", f"segformer.encoder.patch_embeddings.{stage}.proj"),
        Rule(f"patch_embed{stage + 1}_norm", f"segformer.encoder.patch_embeddings.{stage}.layer_norm"),
        Rule(f"norm{stage + 1}", f"segformer.encoder.layer_norm.{stage}"),
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
