"""PyTorch files as arrays: what is read, and what of other people's files is refused, in little memory."""

import json
import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest

from common.errors import UserError
from models.weights import torch_files
from tiny import REPO

torch = pytest.importorskip("torch")
import hostile_weights  # noqa: E402

ARRAYS = {
    "a.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "a.count": np.asarray(7, np.int64),
}
PEAK = """
import json, resource, sys
import torch
from pathlib import Path
from common.errors import UserError
from models.weights import torch_files

def used():  # MiB, the most so far
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

sound, *paths = map(Path, sys.argv[1:])
torch_files.read(sound)
before, messages = used(), []
for path in paths:
    try:
        torch_files.read(path)
    except UserError as error:
        messages.append(str(error))
    else:
        messages.append("")
print(json.dumps({"more": used() - before, "messages": messages}))
"""


def tensors():
    return {key: torch.from_numpy(np.array(array)) for key, array in ARRAYS.items()}


def assert_read(path, **expected):
    found = torch_files.read(path)
    assert list(found.tensors) == list(ARRAYS)
    for key, array in ARRAYS.items():
        np.testing.assert_array_equal(found.tensors[key], array)
    assert (found.meta, found.config) == (expected.get("meta", {}), expected.get("config", {}))


@pytest.mark.parametrize("name", ["a.pth", "a.pt", "a.bin", "A.PTH"])
@pytest.mark.parametrize("zipped", [True, False])
def test_state_dicts_are_read(name, zipped, tmp_path):
    torch.save(tensors(), tmp_path / name, _use_new_zipfile_serialization=zipped)
    assert_read(tmp_path / name)


@pytest.mark.parametrize(
    "content",
    [
        {"state_dict": tensors(), "epoch": 3},
        {"model": tensors()},
        {"state_dict": {f"module.{key}": tensor for key, tensor in tensors().items()}},
        {f"model.{key}": tensor for key, tensor in tensors().items()},
        {"state_dict": {f"model.{key}": tensor for key, tensor in tensors().items()}},
    ],
)
def test_checkpoints_are_looked_into(content, tmp_path):
    torch.save(content, tmp_path / "a.pth")
    assert_read(tmp_path / "a.pth")


def test_what_mmsegmentation_says_of_itself_is_kept(tmp_path):
    torch.save({"meta": {"CLASSES": ("a", "b")}, "state_dict": tensors()}, tmp_path / "a.pth")
    assert_read(tmp_path / "a.pth", meta={"CLASSES": ("a", "b")})


@pytest.fixture
def history():
    """The class by which mmengine keeps the numbers of a training, under the name that its files know."""
    module = ModuleType("mmengine.logging.history_buffer")

    class HistoryBuffer:
        def __init__(self, steps):
            self.numbers = np.random.default_rng(0).normal(size=steps)
            self.last, self.method = self.numbers[-1], HistoryBuffer.mean

        def mean(self):
            return self.numbers.mean()

    HistoryBuffer.__module__, HistoryBuffer.__qualname__ = module.__name__, "HistoryBuffer"
    HistoryBuffer.mean.__module__, HistoryBuffer.mean.__qualname__ = module.__name__, "HistoryBuffer.mean"
    module.HistoryBuffer = HistoryBuffer
    names = ("mmengine", "mmengine.logging", module.__name__)
    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.setitem(sys.modules, name, module)
        yield HistoryBuffer


@pytest.mark.parametrize("steps", [3, 500_000])
def test_the_log_of_a_training_is_passed_over(history, steps, tmp_path):
    """500,000 numbers are over 4 MiB of the pickle."""
    log = {"log_scalars": {"train/loss": history(steps)}, "runtime_info": {"iter": np.int64(steps)}}
    meta = {"dataset_meta": {"classes": ("a", "b"), "palette": [[1, 2, 3], [4, 5, 6]]}}
    content = {"meta": meta, "state_dict": tensors(), "message_hub": log}
    torch.save(content, tmp_path / "a.pth")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "mmengine", None)  # it is not needed
        assert_read(tmp_path / "a.pth", meta=meta)


def test_a_folder_of_save_pretrained_is_read_without_torch(tmp_path, monkeypatch):
    from safetensors.numpy import save_file

    save_file(ARRAYS, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"id2label": {}}))
    monkeypatch.setitem(sys.modules, "torch", None)
    file = torch_files.find(tmp_path)
    found = torch_files.read(file)
    assert found.config == {"id2label": {}}
    np.testing.assert_array_equal(found.tensors["a.weight"], ARRAYS["a.weight"])


def test_a_pth_without_torch_says_what_to_install(tmp_path, monkeypatch):
    torch.save(tensors(), tmp_path / "a.pth")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UserError, match=r"a.pth needs PyTorch to be read: pip install .* -e .\[torch\]"):
        torch_files.read(tmp_path / "a.pth")


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision_is_read(kind, tmp_path):
    from safetensors.torch import save_file

    value = torch.tensor([1.5, -3.25, 0.0078125]).to(kind)
    save_file({"a": value}, tmp_path / "a.safetensors")
    torch.save({"a": value}, tmp_path / "a.pth")
    for name in ("a.safetensors", "a.pth"):
        np.testing.assert_array_equal(torch_files.read(tmp_path / name).tensors["a"], value.float().numpy())


@pytest.mark.parametrize("text", ["[" * 10**5, "[1]", "{"])
def test_a_broken_config_is_refused(text, tmp_path):
    from safetensors.numpy import save_file

    save_file(ARRAYS, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UserError, match="config.json is no JSON of a model"):
        torch_files.read(tmp_path / "model.safetensors")


def test_what_no_model_is_is_refused(tmp_path, monkeypatch):
    from safetensors.numpy import save_file

    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(UserError, match=r"list.pth holds no state dict of tensors; save"):
        torch_files.read(tmp_path / "list.pth")
    save_file(ARRAYS, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"a": "b" * 100}))
    monkeypatch.setattr(torch_files, "MOST_CONFIG", 50)
    with pytest.raises(UserError, match=r"config.json is no JSON of a model \(too long\)"):
        torch_files.read(tmp_path / "model.safetensors")
    monkeypatch.setattr(torch_files, "MOST_BYTES", 50)
    with pytest.raises(UserError, match="more than any model here; use another file"):
        torch_files.read(tmp_path / "model.safetensors")


@pytest.mark.slow
def test_hostile_files_are_refused_in_one_line_and_little_memory(tmp_path):
    """All in one process: neither a command of theirs, nor more than 300 MiB."""
    paths = [make(tmp_path) for make in hostile_weights.FILES]
    sound = hostile_weights.small(tmp_path / "sound.pth")
    done = subprocess.run(
        [sys.executable, "-c", PEAK, sound, *paths], cwd=REPO, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    for path, expected, message in zip(paths, hostile_weights.FILES.values(), answer["messages"]):
        assert expected in message and str(path) in message and message.isprintable()
    assert not (tmp_path / "mark").exists()
    assert answer["more"] < 300


def test_a_folder_of_that_name_is_none(tmp_path):
    (tmp_path / "x.pth").mkdir()
    assert torch_files.find(tmp_path / "x.pth") is None
