"""A package of PyTorch that has the toy network, as the packages of `benchmarks.peers` have others."""

import sys

from benchmarks.peers import networks
from benchmarks.peers.network import Network
from models.weights.torch_maps import Whole

NAME, TITLE = "twin", "the twin"
NEEDS = ("torch",)
NETWORKS = (Network("toy", {"dropout": 0.0}, "Twin"),)
WHOLE = (Whole("toy", "stem.weight", "scores.bias", rules=lambda options: []),)


def rules(network):
    """What the twin calls the toy's layers, for `models.weights.torch_export`."""
    from models.weights.torch_layout import Rule

    parts = {
        "stem_conv": "stem",
        "stem_bn": "stem_bn",
        "middle_depthwise": "middle",
        "middle_bn": "middle_bn",
    }
    return [Rule(ours, theirs) for ours, theirs in (parts | {"scores": "scores"}).items()]


def build(network, classes):
    from torch import nn

    class Twin(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Conv2d(3, 16, 5, stride=2, bias=False)
            self.stem_bn = nn.BatchNorm2d(16, eps=1e-3)
            self.middle = nn.Conv2d(16, 16, 3, stride=2, groups=16, bias=False)
            self.middle_bn = nn.BatchNorm2d(16, eps=1e-3)
            self.scores = nn.Conv2d(16, classes, 1)

        def forward(self, x):
            x = nn.functional.pad(x, (1, 2, 1, 2))  # what "same" is of even sizes
            x = nn.functional.relu(self.stem_bn(self.stem(x)))
            x = nn.functional.pad(x, (0, 1, 0, 1))
            return self.scores(nn.functional.relu(self.middle_bn(self.middle(x))))

    return Twin()


def logits(module, images):
    from torch.nn.functional import interpolate

    return interpolate(module(images), images.shape[-2:], mode="bilinear", align_corners=False)


def register() -> None:
    """Make it the only package in this process."""
    networks.by_package = lambda: {NAME: sys.modules[__name__]}


def register_names() -> None:
    """Have `models.weights.torch_export` write its state dicts."""
    from models.weights import torch_export

    torch_export.PACKAGES[NAME] = sys.modules[__name__]
