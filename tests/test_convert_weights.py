"""convert_weights.py, and the other scripts with PyTorch's files, as a user runs them."""

from urllib.parse import urlsplit

import numpy as np
import pytest

import models
from common import left_out
from data import png
from file_server import serving
from models.weights import catalogue, native, run_files, torch_export, torch_files
from processes import assert_one_line_error, run_script
from tiny import tiny_dataset

torch = pytest.importorskip("torch")
import hostile_weights  # noqa: E402

SIZE = (32, 64)
OPTIONS = {"preset": "mmseg", "width": 4}
SCRIPT = "convert_weights.py"


@pytest.fixture(scope="module")
def network():
    import keras

    keras.utils.set_random_seed(0)
    return models.build("unet", (*SIZE, 3), 19, **OPTIONS)


@pytest.fixture(scope="module")
def checkpoint(network, tmp_path_factory):
    """As mmsegmentation writes one, with an auxiliary head."""
    exported = torch_export.export(network, native.Origin("unet", 19, SIZE, OPTIONS))
    state = {key: torch.from_numpy(np.array(array)) for key, array in exported.state.items()}
    state |= {"auxiliary_head.conv_seg.weight": torch.zeros(19, 64, 1, 1)}
    path = tmp_path_factory.mktemp("zoo") / "unet.pth"
    torch.save({"meta": {}, "state_dict": state}, path)
    return path


def told(path):
    return f"left out of {path}: auxiliary_head (1), num_batches_tracked (23)"


@pytest.mark.slow
def test_a_copy_is_written_and_written_back(checkpoint, tmp_path):
    copy, back = tmp_path / "unet.weights.h5", tmp_path / "back.pth"
    done = run_script(SCRIPT, checkpoint, "-o", copy, "--size", "32,64")
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [
        told(checkpoint),
        f"wrote {copy}: unet (preset mmseg, width 4) of mmsegmentation, cityscapes (19 classes), 32x64",
    ]
    assert native.read_origin(copy).converted_from["file"] == "unet.pth"
    done = run_script(SCRIPT, copy, "--to", "torch", "-o", back)
    assert done.returncode == 0 and "tensors for mmseg" in done.stderr
    before, after = torch_files.read(checkpoint).tensors, torch_files.read(back).tensors
    assert set(after) == set(before) - {"auxiliary_head.conv_seg.weight"}
    for key, array in after.items():
        np.testing.assert_array_equal(array, before[key])


@pytest.mark.slow
def test_predict_and_export_take_the_file(checkpoint, tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
    png.write(tmp_path / "a.png", image)
    done = run_script(
        "predict.py", "-w", checkpoint, "-p", tmp_path / "a.png", "-t", "32,64", "-r", tmp_path / "r"
    )
    assert done.returncode == 0 and done.stderr.splitlines()[0] == told(checkpoint)
    done = run_script(
        "convert_to_onnx.py", "-w", checkpoint, "-t", "32,64", "--argmax", "-o", tmp_path / "a.onnx"
    )
    assert done.returncode == 0 and done.stderr.splitlines()[0] == told(checkpoint)
    again = run_script(
        "predict.py", "-w", tmp_path / "a.onnx", "-p", tmp_path / "a.png", "-r", tmp_path / "o"
    )
    assert again.returncode == 0
    found = [next((tmp_path / folder).rglob("*_labelIds.png")).read_bytes() for folder in "ro"]
    assert found[0] == found[1]


@pytest.mark.slow
def test_a_training_starts_from_the_file(checkpoint, network, tmp_path):
    """At a rate that changes nothing; the network's options come with the file."""
    town = tiny_dataset(tmp_path / "town", train=2, val=1, size=SIZE)
    options = ["-m", "unet", "-p", town, "-t", "32,64", "-b", 2, "-e", 1, "--logs", tmp_path / "logs"]
    done = run_script("train.py", *options, "-l", "1e-30", "--init-weights", checkpoint)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines().count(told(checkpoint)) == 1
    run = next((tmp_path / "logs" / "unet").iterdir())
    assert native.read_origin(run_files.weights_file(run)).options == OPTIONS
    found = models.load(run)
    for before, after in zip(network.trainable_weights, found.trainable_weights, strict=True):
        np.testing.assert_allclose(after, before, atol=1e-6)
    done = run_script("train.py", *options[2:], "-m", "fastscnn", "--init-weights", checkpoint)
    assert_one_line_error(done, checkpoint, "weights of unet (mmsegmentation), not of fastscnn")


@pytest.mark.slow
def test_a_training_starts_from_a_classifier(tmp_path):
    import keras

    from models import encoders

    town = tiny_dataset(tmp_path / "town", train=2, val=1, size=SIZE)
    features = encoders.build("resnet18", keras.Input((*SIZE, 3)), 32)
    state = torch_export.classifier("resnet18", features.model)
    state = {key: torch.from_numpy(np.array(array)) for key, array in state.items()}
    torch.save(state, tmp_path / "resnet18.pth")
    options = ["-m", "unet", "--encoder", "resnet18", "-p", town, "-t", "32,64", "-b", 2, "-e", 1]
    done = run_script(
        "train.py", *options, "--logs", tmp_path / "logs", "--encoder-weights", tmp_path / "resnet18.pth"
    )
    assert done.returncode == 0, done.stderr
    assert f"left out of {tmp_path / 'resnet18.pth'}: fc (2), num_batches_tracked (20)" in done.stderr


@pytest.mark.slow
def test_published_weights_are_fetched_by_name_and_converted(tmp_path):
    """Of the catalogue one whose hash is not published, from a mirror with weights of ours."""
    one = catalogue.published()["segformer-b0-nvidia-cityscapes"]
    model = models.build(one.model, (*SIZE, 3), 19, **one.options)
    torch_export.write(
        tmp_path / "a.bin", torch_export.export(model, native.Origin(one.model, 19, SIZE, one.options))
    )
    cache, image = tmp_path / "cache", tmp_path / "a.png"
    png.write(image, np.zeros((*SIZE, 3), np.uint8))
    with serving({urlsplit(one.address).path: (tmp_path / "a.bin").read_bytes()}) as (files, address):
        variables = {"WEIGHTS_MIRROR": address, "WEIGHTS_CACHE": cache}
        done = run_script(SCRIPT, one.name, "--size", "32,64", folder=tmp_path, **variables)
        assert done.returncode == 0, done.stderr
        assert f"wrote {one.name}.weights.h5: segformer (encoder mit_b0, " in done.stderr
        assert done.stderr.splitlines()[-1] == f"terms: {one.terms}"
        words = ("-w", one.name, "-p", image, "-r", tmp_path / "results", "-t", "32,64")
        done = run_script("predict.py", *words, folder=tmp_path, **variables)
        assert done.returncode == 0, done.stderr
        assert len(files.asked) == 1
    assert [path for path in cache.rglob("*") if path.is_file()] == [cache / one.name / "pytorch_model.bin"]
    found = models.load(tmp_path / f"{one.name}.weights.h5")
    for before, after in zip(model.weights, found.weights, strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.slow
def test_without_a_network_one_line_says_what_to_put_where(tmp_path):
    one = catalogue.published()["sinet-cityscapes"]
    variables = {"WEIGHTS_MIRROR": "http://127.0.0.1:9", "WEIGHTS_CACHE": tmp_path / "cache"}
    done = run_script(SCRIPT, one.name, folder=tmp_path, **variables)
    place = tmp_path / "cache" / one.name / "SINet.pth"
    assert_one_line_error(done, "cannot fetch SINet.pth (Connection refused)", f"and put it at {place}")


def test_the_catalogue_is_listed():
    done = run_script(SCRIPT, "--list")
    assert done.returncode == 0 and done.stdout == catalogue.table() + "\n" and not done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "nothing to convert; give a file of weights, a run, or a name that --list shows"),
        (["{}"], "no file to write; give -o/--output"),
        (["sinet-cityscapes", "--to", "torch"], "no file to write; give -o/--output"),
        (["sinet-cityscape"], "does not exist (did you mean sinet-cityscapes?)"),
        (["none.pth", "-o", "a.weights.h5"], "none.pth does not exist"),
        (["{}", "-o", "a.h5"], "a.h5 does not end in .weights.h5"),
        (["{}", "-o", "no/a.weights.h5"], "cannot write no/a.weights.h5"),
        (["{}", "-o", "a.weights.h5", "-m", "pspnet"], "not of pspnet; give -m/--model unet"),
        (["{}", "-o", "a.weights.h5", "--package", "smp"], "--package belongs to --to torch"),
        (["{}", "-o", "a.weights.h5", "--size", "33,64"], "multiples of 16"),
        (["{}", "-o", "a.txt", "--to", "torch"], "a.txt ends in none of .pth"),
        (["{}", "-o", "a.pth", "--to", "torch", "--package", "smp", "--size", "32,64"], "smp has no unet"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(options, message, checkpoint, tmp_path):
    words = [str(checkpoint) if word == "{}" else word for word in options]
    assert_one_line_error(run_script(SCRIPT, *words, folder=tmp_path), message)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    "make", [hostile_weights.command_in_zip, hostile_weights.gigabyte_header, hostile_weights.text]
)
def test_hostile_files_are_one_line_and_write_nothing(make, tmp_path):
    path, image = make(tmp_path), tmp_path / "a.png"
    png.write(image, np.zeros((*SIZE, 3), np.uint8))
    done = run_script(SCRIPT, path, "-o", tmp_path / "a.weights.h5")
    assert_one_line_error(done, path, hostile_weights.FILES[make])
    done = run_script("predict.py", "-w", path, "-p", image, "-r", tmp_path / "results", "-t", "32,64")
    assert_one_line_error(done, path, hostile_weights.FILES[make])
    assert {found for found in tmp_path.rglob("*") if found.is_file()} == {path, image}


def test_a_folder_that_is_called_like_a_file_is_one_line(tmp_path):
    (tmp_path / "x.pth").mkdir()
    done = run_script(SCRIPT, tmp_path / "x.pth", "-o", tmp_path / "a.weights.h5")
    assert_one_line_error(done, "no weights at", "x.pth")


def test_what_is_left_out_is_one_line_however_much_it_is():
    keys = [f"part{number}.weight" for number in range(9)] + ["a.num_batches_tracked"]
    keys += [f"encoder.layer{number}.weight" for number in (3, 4, 4)]
    told = left_out.summary(sorted(keys))
    assert told == (
        "encoder.layer3 (1), encoder.layer4 (2), part0 (1), part1 (1), part2 (1), 6 more, "
        "num_batches_tracked (1)"
    )
    assert left_out.summary([]) == ""
