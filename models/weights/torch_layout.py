"""How Keras's variables and PyTorch's tensors correspond: names of parameters, order of axes.

A map (see `models.weights.torch_maps`) says which module of PyTorch a layer is; the rest follows here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from keras import layers

# Keras's name of a variable -> PyTorch's
PARAMETERS = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
    "slope": "weight",
}

DEPTHWISE = (2, 3, 0, 1)  # the order of axes that takes [outputs, 1, h, w] to [h, w, outputs, 1]


@dataclass(frozen=True)
class Rule:
    r"""Which module of PyTorch a layer is.

    Attributes:
        layer: regular expression of the whole name of our layer.
        module: template of the key: `{0}`, `{1}`, ... are the expression's groups, `{dots}` the last of them
            with dots for underscores. `.weight` and so on is added, or put where `{parameter}` stands.
        part: (index, count) where our layer is one of several equal parts of theirs along `axis`.
        convolution: our layer is dense, theirs a 1x1 convolution.
        groups: of a channel shuffle that theirs has before the layer along `axis`, and ours has not.
        axis: of PyTorch's tensors; 0 are outputs, 1 inputs.
    """

    layer: str
    module: str
    part: tuple[int, int] | None = None
    convolution: bool = False
    groups: int = 1
    axis: int = 0

    def key(self, layer: str, parameter: str) -> str | None:
        """The key of a parameter of our layer, or None where the rule is about others."""
        found = re.fullmatch(self.layer, layer)
        if not found:
            return None
        groups = found.groups() or (layer,)
        module = self.module.format(*groups, dots=groups[-1].replace("_", "."), parameter=parameter)
        return module if "{parameter}" in self.module else f"{module}.{parameter}"


@dataclass(frozen=True)
class Place:
    """Where a variable of ours lies in a state dict.

    Attributes:
        variable: Keras's.
        key: PyTorch's.
        axes: ours = theirs.transpose(axes).
        rule: of the layer.
        convolution: see `Rule.convolution`; of a kernel.
    """

    variable: object
    key: str
    axes: tuple[int, ...]
    rule: Rule
    convolution: bool = False

    @property
    def part(self) -> tuple[int, int] | None:
        """See `Rule.part`."""
        return self.rule.part

    @property
    def _flat(self) -> tuple[int, ...]:
        """Our shape, of a depthwise kernel [h, w, channels, multiplier] as [h, w, outputs, 1]."""
        shape = tuple(self.variable.shape)
        return (*shape[:2], shape[2] * shape[3], 1) if self.axes == DEPTHWISE else shape

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of PyTorch's tensor."""
        shape = [0] * len(self.axes)
        for ours, theirs in enumerate(self.axes):
            shape[theirs] = self._flat[ours]
        if self.part:
            shape[self.rule.axis] *= self.part[1]
        return (*shape, 1, 1) if self.convolution else tuple(shape)

    def ours(self, tensor: np.ndarray) -> np.ndarray:
        """PyTorch's tensor, or its part, as our variable's value."""
        if self.part:
            tensor = np.split(tensor, self.part[1], self.rule.axis)[self.part[0]]
        if self.rule.groups > 1:  # a shuffle of `channels / groups` groups takes one of `groups` back
            tensor = shuffled(tensor, tensor.shape[self.rule.axis] // self.rule.groups, self.rule.axis)
        if self.convolution:
            tensor = tensor[:, :, 0, 0]
        return tensor.transpose(self.axes).reshape(self.variable.shape)

    def theirs(self) -> np.ndarray:
        """Our variable's value as PyTorch's tensor, or as its part."""
        tensor = np.asarray(self.variable).reshape(self._flat).transpose(np.argsort(self.axes))
        if self.rule.groups > 1:
            tensor = shuffled(tensor, self.rule.groups, self.rule.axis)
        return tensor[:, :, None, None] if self.convolution else tensor


def shuffled(tensor: np.ndarray, groups: int, axis: int) -> np.ndarray:
    """ShuffleNet's channel shuffle (arXiv 1707.01083) along an axis: first the groups' first channels."""
    parts = np.split(tensor, groups, axis)
    return np.stack(parts, axis + 1).reshape(tensor.shape)


def axes(layer, parameter: str, rank: int) -> tuple[int, ...]:
    """The order of PyTorch's axes in our variable: kernels of convolutions are [out, in, h, w] there."""
    if parameter != "kernel" or rank < 2:
        return tuple(range(rank))
    if rank == 2:
        return 1, 0
    if isinstance(layer, layers.DepthwiseConv2D):
        return DEPTHWISE
    return 2, 3, 1, 0  # also of Conv2DTranspose: [in, out, h, w] -> [h, w, out, in]


def places(model, rules: list[Rule]) -> Iterator[Place]:
    """Where each variable of a model lies.

    Raises:
        LookupError: no rule covers a layer.
    """
    for layer in model.layers:
        for variable in layer.weights:
            if variable.name == "seed_generator_state":
                continue
            parameter = PARAMETERS.get(variable.name, variable.name)
            name = variable.path.rpartition("/")[0].replace("/", "_")
            for rule in rules:
                if key := rule.key(name, parameter):
                    order = axes(layer, variable.name, len(variable.shape))
                    kernel_of_convolution = rule.convolution and parameter == "weight"
                    yield Place(variable, key, order, rule, kernel_of_convolution)
                    break
            else:
                raise LookupError(f"no rule says which module of PyTorch '{name}' is")
