"""The original of a network, in PyTorch: inference, and training steps."""

import functools
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from benchmarks import backend_devices
from benchmarks.peers import first_loss, networks
from benchmarks.peers.network import Network
from benchmarks.peers.peer_files import NORMALIZED, THEIRS
from benchmarks.train.steps import MOMENTUM, RATE, inputs
from benchmarks.turn_process import Work
from common.errors import UserError
from data.label_sets import CITYSCAPES, IGNORED


class Original:
    """A package's network with our weights, on the GPU if there is one, channels-last.

    Args:
        settings: see `benchmarks.peers.peer_process`.
        compiled: by `torch.compile`.

    Raises:
        UserError: a package that cannot be imported.
    """

    def __init__(self, settings: dict, compiled: bool):
        package = networks.by_package()[settings["package"]]
        network = Network(settings["model"], settings["options"], settings["original"])
        try:
            self._module = package.build(network, CITYSCAPES.classes)
        except (ImportError, RuntimeError) as error:  # torchvision of another PyTorch raises the latter
            raise UserError(f"{package.TITLE} does not work here: {short(error)}") from error
        folder = Path(settings["folder"])
        self._module.load_state_dict(load_file(folder / THEIRS), strict=True)
        self._device, self._settings, self._compiled = backend_devices.torch_device(), settings, compiled
        self._place = "cuda" if self._device.gpu else "cpu"
        self._module.to(self._place, memory_format=torch.channels_last)
        images = torch.from_numpy(np.load(folder / NORMALIZED)).to(self._place)
        self._images = images.to(memory_format=torch.channels_last)
        self._eager = functools.partial(package.logits, self._module)
        self._run = torch.compile(self._eager) if compiled else self._eager

    def inference(self, logits: Path) -> Work:
        """Images on the device -> float32 logits on the device.

        Args:
            logits: where those of the first image are written, float32 [1, H, W, classes].
        """
        self._module.eval()
        return Work(
            self._checked(lambda: self._infer(self._run, self._images)),
            self._device,
            self._about(),
            lambda: save(logits, self._infer(self._run, self._images)[:1]),
        )

    def training(self, logits: Path) -> Work:
        """Forward, cross-entropy of the enlarged logits, backward, SGD with momentum."""
        self._module.eval()
        save(logits, self._infer(self._eager, self._images[:1]))  # before the weights change
        self._module.train()
        optimizer = torch.optim.SGD(self._module.parameters(), lr=RATE, momentum=MOMENTUM)
        size = tuple(self._settings["size"])
        labels = inputs(self._settings["batch"], size, CITYSCAPES.classes)[1].astype(np.int64)
        labels = torch.from_numpy(labels).to(self._place)  # [B, H, W]
        about = self._about()

        def call():
            optimizer.zero_grad(set_to_none=True)
            with self._autocast():
                found = self._run(self._images)  # [B, classes, H, W]
            loss = torch.nn.functional.cross_entropy(found.float(), labels, ignore_index=IGNORED)
            loss.backward()
            optimizer.step()
            self._wait()
            first_loss.note(about, float(loss.detach()))

        return Work(self._checked(call), self._device, about)

    def _infer(self, run, images):
        with torch.inference_mode(), self._autocast():
            found = run(images).float()
        self._wait()
        return found

    def _wait(self) -> None:
        if self._device.gpu:
            torch.cuda.synchronize()

    def _autocast(self):
        short_numbers = self._settings["precision"] == "bfloat16"
        return torch.autocast(self._place, torch.bfloat16, enabled=short_numbers)

    def _about(self) -> dict:
        return {"batch": self._settings["batch"]}

    def _checked(self, call):
        """A call that returns nothing, and tells in one line that nothing compiles."""

        def checked():
            try:
                call()
            except Exception as error:  # of a compiler, or of what writes its input
                if not self._compiled:
                    raise
                raise UserError(f"torch.compile does not work here: {short(error)}") from error

        return checked


def save(path: Path, logits) -> None:
    """Write logits [N, classes, H, W] as [N, H, W, classes]."""
    np.save(path, logits.permute(0, 2, 3, 1).cpu().numpy())


def short(error: Exception) -> str:
    """The start of a message, in one line."""
    return " ".join(str(error).split())[:160]
