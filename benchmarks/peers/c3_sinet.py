"""SINet's repository."""

from benchmarks.peers import repositories
from benchmarks.peers.network import Network

TITLE = "SINet's repository"
NEEDS = ("torch",)
VARIABLE, ADDRESS = "PEERS_C3_SINET", "https://github.com/clovaai/c3_sinet"
NETWORKS = (Network("sinet", {}, "Dnc_SINaux"),)
SETTINGS = (3, 10, 4)  # p, q, chnn of `setting/SINet.json`


def build(network: Network, classes: int):
    """The `torch.nn.Module` of a network, with random weights."""
    module = repositories.imported(VARIABLE, ADDRESS, "models.SINet")
    with repositories.printing_nothing():
        return getattr(module, network.original)(classes, *SETTINGS)


def logits(module, images):
    """Normalised images [B, 3, H, W] -> logits [B, classes, H, W]."""
    return repositories.enlarged(module(images), images.shape[2:])
