"""Networks of PyTorch's packages from files as these write them: their logits, by stored references.

The references, how they were made and what counts as equal: `../shared/parity/README.md`.
"""

import importlib.util
import json

import cv2
import numpy as np
import pytest

import models
from tiny import REPO

PARITY = REPO.parent / "shared" / "parity"
torch = pytest.importorskip("torch")

pytestmark = pytest.mark.skipif(not PARITY.is_dir(), reason=f"no references at {PARITY}")


def weights(name):
    """The state dict of a reference, as NumPy arrays; it follows from names and shapes."""
    specification = importlib.util.spec_from_file_location("weights_by_name", PARITY / "weights_by_name.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module.state_dict(PARITY / f"{name}.json")


def save_state_dict(arrays, folder):
    torch.save({key: torch.from_numpy(array) for key, array in arrays.items()}, folder / "model.pth")
    return folder / "model.pth"


def save_checkpoint(arrays, folder):
    tensors = {key: torch.from_numpy(array) for key, array in arrays.items()}
    torch.save({"meta": {"epoch": 1}, "state_dict": tensors}, folder / "model.pth")
    return folder / "model.pth"


def save_pretrained(arrays, folder):
    from safetensors.numpy import save_file

    save_file(arrays, folder / "model.safetensors")
    return folder


def assert_same(logits, name):
    """As the README of the references says."""
    specification = json.loads((PARITY / f"{name}.json").read_text())
    expected, scale = np.load(PARITY / f"{name}.npz"), specification["scale"]
    ours = logits[0].transpose(2, 0, 1)  # [classes, H, W]
    assert np.abs(ours[:, 3::8, 3::8] - expected["logits"]).max() < 1e-4 * scale
    best = np.sort(ours, axis=0)
    clear = best[-1] - best[-2] > 2e-3 * scale
    assert clear.mean() > 0.5
    assert (ours.argmax(0) == expected["labels"])[clear].mean() > 0.999


@pytest.mark.parametrize(
    ("name", "save", "left_out"),
    [
        ("hf-segformer-b0", save_pretrained, ()),
        ("mmseg-segformer_mit-b0", save_checkpoint, ()),
        ("smp-Unet-mobilenet_v2", save_state_dict, ()),
        ("smp-PSPNet-resnet50", save_pretrained, ("encoder.layer3.", "encoder.layer4.")),
        ("mmseg-unet-s5-d16_fcn", save_checkpoint, ("auxiliary_head.",)),
        ("mmseg-ocrnet_hr18", save_checkpoint, ()),
        ("effvit-seg_b0", save_checkpoint, ()),
        ("mmseg-fast_scnn", save_checkpoint, ("auxiliary_head.",)),
        ("mmseg-pidnet-s", save_checkpoint, ("decode_head.p_", "decode_head.d_")),
    ],
)
def test_the_logits_are_the_packages(name, save, left_out, tmp_path):
    arrays = weights(name)
    path = save(arrays, tmp_path)
    specification = json.loads((PARITY / f"{name}.json").read_text())
    model = models.load(path, tuple(specification["size"]))
    picture = cv2.cvtColor(cv2.imread(str(PARITY / "picture.png")), cv2.COLOR_BGR2RGB)
    assert_same(np.asarray(model(picture[None], training=False)), name)
    unused = {key for key in arrays if key.startswith(left_out) or key.endswith("num_batches_tracked")}
    assert set(model.about.left_out) == unused
