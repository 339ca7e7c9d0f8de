"""SegFormer of transformers."""

from benchmarks.peers.network import Network

TITLE = "transformers"
NEEDS = ("torch", "transformers")
NETWORKS = tuple(
    Network("segformer", {"encoder": encoder, "preset": "hub", "channels": channels}, "segformer")
    for encoder, channels in (
        ("mit_b0", 256),
        ("mit_b1", 256),
        *((f"mit_b{size}", 768) for size in range(2, 6)),
    )
)
WIDE = [64, 128, 320, 512]  # channels of the stages, of all but the smallest encoder
CONFIGURATIONS = {  # of the encoder
    "mit_b0": {},
    "mit_b1": {"hidden_sizes": WIDE},
    "mit_b2": {"hidden_sizes": WIDE, "depths": [3, 4, 6, 3]},
    "mit_b3": {"hidden_sizes": WIDE, "depths": [3, 4, 18, 3]},
    "mit_b4": {"hidden_sizes": WIDE, "depths": [3, 8, 27, 3]},
    "mit_b5": {"hidden_sizes": WIDE, "depths": [3, 6, 40, 3]},
}


def build(network: Network, classes: int):
    """The `torch.nn.Module` of a network, with random weights."""
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    encoder = CONFIGURATIONS[network.options["encoder"]]
    configuration = SegformerConfig(
        num_labels=classes, decoder_hidden_size=network.options["channels"], **encoder
    )
    return SegformerForSemanticSegmentation(configuration)


def logits(module, images):
    """Normalised images [B, 3, H, W] -> logits [B, classes, H, W]."""
    from torch.nn.functional import interpolate

    return interpolate(module(images).logits, images.shape[-2:], mode="bilinear", align_corners=False)
