"""Weight files: arrays in, arrays out, checked by name and shape; nothing else is read from them."""

import json

import h5py
import numpy as np
import pytest

import models
from common.errors import UserError
from models.weights import loading, native


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    model = models.build("fastscnn", (32, 64, 3), 19)
    path = tmp_path_factory.mktemp("weights") / "model.weights.h5"
    native.write(path, model, native.Origin("fastscnn", 19, (32, 64)))
    return path, model


def test_loaded_weights_give_the_same_logits_at_another_size(saved):
    path, model = saved
    other = models.build("fastscnn", (64, 64, 3), 19)
    native.load(path, other)
    for a, b in zip(model.weights, other.weights):
        np.testing.assert_array_equal(a, b)


def test_the_origin_is_kept_with_options_whose_default_has_changed(saved):
    assert native.read_origin(saved[0]) == native.Origin("fastscnn", 19, (32, 64), {"preset": "pytorch"})


def test_a_file_that_names_no_preset_is_of_the_network_that_was_the_default(saved, tmp_path):
    paper = models.build("fastscnn", (32, 64, 3), 19, preset="paper")
    arrays = {variable.path: np.asarray(variable) for variable in paper.weights}
    origin = native.read_arrays(saved[0])[1] | {"options": {}}
    native.write_arrays(tmp_path / "before.weights.h5", arrays, origin)
    found, origin = loading.load_network(tmp_path / "before.weights.h5")
    assert origin.options == {"preset": "paper"}
    assert [v.path for v in found.weights] == list(arrays)
    assert loading.options_needed(tmp_path / "before.weights.h5", "fastscnn") == {"preset": "paper"}
    assert loading.options_needed(saved[0], "fastscnn") == {"preset": "pytorch"}


def test_another_class_count_names_weight_and_shapes(saved):
    model = models.build("fastscnn", (32, 64, 3), 20)
    before = [np.array(v) for v in model.weights]
    with pytest.raises(UserError, match=r"classifier_scores/kernel.*\(1, 1, 128, 19\).*\(1, 1, 128, 20\)"):
        native.load(saved[0], model)
    for a, b in zip(before, model.weights):
        np.testing.assert_array_equal(a, b)  # all or none


def test_missing_and_surplus_weights_are_named(saved, tmp_path):
    path, model = saved
    arrays, origin = native.read_arrays(path)
    kernel = arrays.pop("downsample1_conv/kernel")
    native.write_arrays(tmp_path / "less.h5", arrays, origin)
    with pytest.raises(UserError, match="has no 'downsample1_conv/kernel'"):
        native.load(tmp_path / "less.h5", model)
    native.write_arrays(
        tmp_path / "more.h5", arrays | {"downsample1_conv/kernel": kernel, "aux/kernel": kernel}, origin
    )
    with pytest.raises(UserError, match="has 'aux/kernel', which the model lacks"):
        native.load(tmp_path / "more.h5", model)


def test_data_kept_in_another_file_is_refused(tmp_path):
    np.arange(4, dtype="float32").tofile(tmp_path / "secret.bin")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["origin"] = "{}"
        file.create_dataset("k", (4,), "float32", external=[(str(tmp_path / "secret.bin"), 0, 16)])
    with pytest.raises(UserError, match="'k' points into another file"):
        native.read_arrays(tmp_path / "a.h5")


def test_a_label_set_of_another_version_is_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["origin"] = json.dumps({"label_set": {"colours": 3}})
    with pytest.raises(UserError, match="a.h5 was written by another version of this project"):
        native.read_label_set(tmp_path / "a.h5")


def test_external_links_are_not_followed(saved, tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["origin"] = "{}"
        file["stolen"] = h5py.ExternalLink(str(saved[0]), "/downsample1_conv/kernel")
    assert native.read_arrays(tmp_path / "a.h5")[0] == {}
