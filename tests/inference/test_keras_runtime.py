"""Weights files from strangers, as runtimes: what does not fit, or reaches out of the file, is named."""

import shutil

import h5py
import numpy as np
import pytest

import damage
import models
from common.errors import UserError
from data.label_sets import CITYSCAPES
from inference import runtimes
from models.weights import native
from trained import copy_with_origin, weights_file

SIZE = (64, 128)
KERNEL = "downsample1_conv/kernel"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return weights_file(tmp_path_factory.mktemp("trained") / "model.weights.h5", "fastscnn", SIZE)


class TestWeights:
    @pytest.mark.slow
    def test_of_another_class_count(self, tmp_path):
        path = tmp_path / "seven.h5"
        seven = models.build("fastscnn", (*SIZE, 3), 7)
        native.write(path, seven, native.Origin("fastscnn", 7, SIZE))
        with pytest.raises(UserError, match=f"{path} was trained for 7 classes, but .* cityscapes"):
            runtimes.load(path)
        native.write(path, seven, native.Origin("fastscnn", CITYSCAPES.classes, SIZE))  # a lie
        with pytest.raises(UserError, match=r"classifier_scores/kernel.*another number of classes"):
            runtimes.load(path)

    def test_of_another_model(self, trained, tmp_path):
        path = copy_with_origin(trained, tmp_path / "other.h5", model="othernet")
        with pytest.raises(
            UserError, match=f"{path} holds weights of othernet, not of fastscnn; give `model`"
        ):
            runtimes.load(path, "fastscnn")
        with pytest.raises(UserError, match=r"unknown model 'othernet'; there are: .*fastscnn"):
            runtimes.load(path)

    def test_of_a_model_that_lies_about_its_name(self, trained, tmp_path):
        path = copy_with(trained, tmp_path / "lie.h5", lambda file: file.move(KERNEL, "stem/kernel"))
        with pytest.raises(UserError, match=f"{path} has no '{KERNEL}'.*: weights of another model"):
            runtimes.load(path)

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "changed",
        [
            {"classes": "19"},
            {"format": 99},
            {"model": []},
            {"options": {"nonsense": 1}},
            {"options": {"dropout": "much"}},
            {"size": 5},
            {"size": [-64, 128]},
            {"size": ["a", "b"]},
            {"surplus": 1},
        ],
        ids=str,
    )
    def test_that_describe_themselves_in_another_way(self, trained, tmp_path, changed):
        path = copy_with_origin(trained, tmp_path / "strange.h5", **changed)
        with pytest.raises(UserError, match=f"{path} was written by another version"):
            runtimes.load(path)

    def test_that_ask_for_another_file_of_the_machine(self, trained, tmp_path, monkeypatch):
        """The encoder is in the weights file as well; `encoder_weights` of a stranger's opens nothing."""
        asked = {}
        build = models.build
        monkeypatch.setattr(models, "build", lambda *given, **options: asked.update(options) or build(*given))
        runtimes.load(
            copy_with_origin(trained, tmp_path / "a.h5", options={"encoder_weights": "/etc/passwd"})
        )
        assert "encoder_weights" not in asked

    def test_that_are_missing(self, tmp_path):
        with pytest.raises(UserError, match=f"no weights at {tmp_path}/missing; give a run folder"):
            runtimes.load(tmp_path / "missing")
        with pytest.raises(UserError, match=f"no weights at {tmp_path}; give a run folder"):
            runtimes.load(tmp_path)

    @pytest.mark.parametrize("harm", [damage.text, damage.truncate, damage.empty])
    def test_that_are_no_whole_file(self, trained, tmp_path, harm):
        path = shutil.copy(trained, tmp_path / "broken.h5")
        harm(path)
        with pytest.raises(UserError, match=f"{path} is not readable as HDF5 weights .*; copy it again"):
            runtimes.load(path)

    def test_of_another_program(self, tmp_path):
        with h5py.File(tmp_path / "keras.h5", "w") as file:
            file["layers/conv/vars/0"] = np.ones(3)
        with pytest.raises(UserError, match=r"keras\.h5 is not a weights file of this project"):
            runtimes.load(tmp_path / "keras.h5")

    def test_that_read_another_file_of_the_machine(self, trained, tmp_path):
        (tmp_path / "secret").write_bytes(bytes(3 * 3 * 3 * 32 * 4))
        path = copy_with(trained, tmp_path / "external.h5", external_data)
        with pytest.raises(UserError, match=f"{path}: '{KERNEL}' points into another file"):
            runtimes.load(path)

    def test_that_map_another_weights_file(self, trained, tmp_path):
        path = copy_with(trained, tmp_path / "virtual.h5", virtual_data)
        with pytest.raises(UserError, match=f"{path}: '{KERNEL}' points into another file"):
            runtimes.load(path)

    def test_that_link_to_another_weights_file(self, trained, tmp_path):
        path = copy_with(trained, tmp_path / "linked.h5", external_link)
        with pytest.raises(UserError, match=f"{path} has no '{KERNEL}'"):
            runtimes.load(path)

    def test_that_claim_a_terabyte(self, trained, tmp_path):
        def claim(file):
            del file[KERNEL]
            file.create_dataset(KERNEL, (2**38,), "float32")

        path = copy_with(trained, tmp_path / "huge.h5", claim)
        with pytest.raises(UserError, match=f"{path}: '{KERNEL}' claims 1024 GiB"):
            runtimes.load(path)

    def test_that_are_no_numbers(self, trained, tmp_path):
        def texts(file):
            shape = file[KERNEL].shape
            del file[KERNEL]
            file[KERNEL] = np.full(shape, b"text")

        path = copy_with(trained, tmp_path / "texts.h5", texts)
        with pytest.raises(UserError, match=f"{path}: '{KERNEL}' holds no numbers"):
            runtimes.load(path)


def copy_with(source, path, change):
    """A copy of a weights file, changed by `change(h5py.File)`."""
    shutil.copy(source, path)
    with h5py.File(path, "a") as file:
        change(file)
    return path


def external_data(file):
    shape, place = file[KERNEL].shape, file.filename.replace("external.h5", "secret")
    del file[KERNEL]
    file.create_dataset(KERNEL, shape, "float32", external=[(place, 0, h5py.h5f.UNLIMITED)])


def virtual_data(file):
    layout = h5py.VirtualLayout(file[KERNEL].shape, "float32")
    layout[:] = h5py.VirtualSource("trained.h5", KERNEL, file[KERNEL].shape)
    del file[KERNEL]
    file.create_virtual_dataset(KERNEL, layout)


def external_link(file):
    del file[KERNEL]
    file[KERNEL] = h5py.ExternalLink("trained.h5", KERNEL)
