"""EdgeNets, the repository of ESPNetv2."""

from benchmarks.peers import repositories
from benchmarks.peers.network import Network

TITLE = "EdgeNets"
NEEDS = ("torch",)
VARIABLE, ADDRESS = "PEERS_EDGENETS", "https://github.com/sacmehta/EdgeNets"
NETWORKS = tuple(
    Network("espnetv2", {"width_multiplier": width}, "ESPNetv2Segmentation") for width in (2.0, 0.5, 1.0, 1.5)
)


def build(network: Network, classes: int):
    """The `torch.nn.Module` of a network, with random weights."""
    module = repositories.imported(VARIABLE, ADDRESS, "model.segmentation.espnetv2")
    options = repositories.options(s=network.options["width_multiplier"])
    with repositories.printing_nothing():
        return getattr(module, network.original)(options, classes=classes, dataset="city")


def logits(module, images):
    """Normalised images [B, 3, H, W] -> logits [B, classes, H, W], in training the first of a tuple."""
    found = module(images)
    return repositories.enlarged(found[0] if isinstance(found, tuple) else found, images.shape[2:])
