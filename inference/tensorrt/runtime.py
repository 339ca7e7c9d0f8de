"""Engines as a runtime: `predict(images, size) -> labels`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from common.errors import UserError
from inference import resizing
from inference.graph_interface import PROBABILITIES
from inference.tensorrt import plan as plans
from inference.tensorrt.cuda import Cuda
from inference.tensorrt.package import array_type, tensorrt

if TYPE_CHECKING:
    from data.label_sets import LabelSet  # which needs more packages than a Jetson has


class TensorRTRuntime:
    """An engine with one image in and logits or labels out.

    Attributes:
        name: of the file, up to its first dot.
        size: (height, width) of its input in pixels.
        label_set: the classes that it tells apart.

    Args:
        path: an engine that was built on this machine.
        label_set: its classes.

    Raises:
        UserError: TensorRT or CUDA is missing, the engine is of another machine or of another number of
            classes, or it is no such model.
    """

    def __init__(self, path: Path, label_set: LabelSet):
        self.label_set = label_set
        trt = tensorrt()
        self._cuda = Cuda()
        plans.require_same_machine(path, self._cuda.device_name(), trt.__version__)
        reader = trt.Runtime(trt.Logger(trt.Logger.ERROR))
        if plans.dla_core(path) is not None:
            reader.DLA_core = plans.dla_core(path)  # the file does not tell TensorRT
        self._engine = reader.deserialize_cuda_engine(path.read_bytes())
        if self._engine is None:
            raise UserError(f"{path} is no engine that TensorRT {trt.__version__} reads; build it anew")
        names = [self._engine.get_tensor_name(number) for number in range(self._engine.num_io_tensors)]
        inputs = [name for name in names if self._engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
        if len(names) != 2 or len(inputs) != 1:
            raise UserError(f"{path} has {names} in and out; need one image in, logits or labels out")
        self._context, self._stream = self._engine.create_execution_context(), self._cuda.stream()
        self._arrays = []
        self._returns_probabilities = PROBABILITIES in names
        for name in sorted(names, key=inputs.__contains__, reverse=True):
            shape = tuple(self._engine.get_tensor_shape(name))
            array = np.empty(shape, array_type(self._engine.get_tensor_dtype(name)))
            address = self._cuda.allocate(array.nbytes)
            self._context.set_tensor_address(name, address)
            self._arrays.append((array, address))
        shape = self._arrays[0][0].shape
        self._channels_last = len(shape) == 4 and shape[3] == 3
        self.name, self.size = path.name.split(".")[0], shape[1:3] if self._channels_last else shape[2:]
        self._source = str(path)
        self._require_classes()

    def predict(self, images: np.ndarray, size: tuple[int, int] | None = None) -> np.ndarray:
        """Classify pixels.

        Args:
            images: uint8 RGB [N, h, w, 3] of the runtime's size.
            size: (height, width) of the result, for which logits or probabilities are resized, or labels
                where the engine returns these alone; None: the runtime's.

        Returns:
            uint8 [N, height, width] of train ids.
        """
        batch = len(self._arrays[0][0])
        labels = []
        for start in range(0, len(images), batch):
            part = images[start : start + batch]
            found = self._run(np.resize(part, (batch, *part.shape[1:])))[: len(part)]
            labels.append(self._labels(found, size or self.size))
        return np.concatenate(labels)

    def _require_classes(self) -> None:
        """Raise UserError if the engine returns scores of another number of classes than the label set's."""
        shape = self._arrays[1][0].shape  # [N, h, w, classes], [N, classes, h, w], or labels [N, h, w]
        if len(shape) == 3:
            return
        returned, classes = shape[3] if shape[1:3] == self.size else shape[1], self.label_set.classes
        if returned != classes:
            name = plans.label_set_path(Path(self._source)).name
            raise UserError(
                f"{self._source} returns {returned} classes, but {self.label_set.name} has {classes}; copy "
                f"{name}, which tells its own, beside it, or build it anew"
            )

    def _labels(self, found: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """What the engine returns for images, as their labels of a size, uint8 [N, *size]."""
        if found.ndim == 3:
            labels = found.astype(np.uint8)
            return labels if size == self.size else resizing.nearest(labels, size, self._source)
        scores = found if found.shape[1:3] == self.size else found.transpose(0, 2, 3, 1)  # [N, h, w, classes]
        return np.stack([resizing.labels_at(one, size, self._returns_probabilities) for one in scores])

    def _run(self, images: np.ndarray) -> np.ndarray:
        (given, source), (output, target) = self._arrays
        given[...] = images if self._channels_last else images.transpose(0, 3, 1, 2)
        self._cuda.upload(source, given)
        if not self._context.execute_async_v3(self._stream):
            raise UserError("TensorRT fails to run the engine; build it anew")
        self._cuda.wait(self._stream)
        self._cuda.download(output, target)
        return output
