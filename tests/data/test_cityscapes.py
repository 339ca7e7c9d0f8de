"""Which files belong together."""

import shutil

import numpy as np
import pytest

import damage
from common.errors import UserError
from data import datasets
from data.samples import require_sound_headers
from tiny import tiny_dataset, write_pair

IMAGE = np.zeros((8, 16, 3), np.uint8)
LABEL = np.full((8, 16), 7, np.uint8)


@pytest.fixture
def root(tmp_path):
    return tiny_dataset(tmp_path / "set", train=3, val=2, size=(16, 32))


@pytest.fixture
def coarse_root(root):
    """Coarse labels for the train split's images, one train_extra image, and a coarse val."""
    for sample in datasets.opened(root).labelled("train") + datasets.opened(root).labelled("val"):
        split = sample.image.parent.parent.name
        write_pair(root, split, sample.name, IMAGE, LABEL, kind="gtCoarse")
    write_pair(root, "train_extra", "ulm_000000_000019", IMAGE, LABEL, kind="gtCoarse")
    return root


def test_pairs_are_sorted_and_belong_together(root):
    write_pair(root, "train", "aachen_000009_000019", IMAGE, LABEL)  # a second city, before the first
    samples = datasets.opened(root).training()
    assert [sample.folder for sample in samples] == ["aachen"] + ["tinytown"] * 3
    assert samples == sorted(samples, key=lambda sample: sample.image)
    for sample in samples:
        assert sample.image.is_file() and sample.label.is_file()
        assert sample.label.name == f"{sample.name}_gtFine_labelIds.png"
        assert sample.folder == sample.label.parent.name
        assert not sample.holds_train_ids


def test_instances_beside_the_label(root):
    sample = datasets.opened(root).validation()[0]
    assert sample.instances.name == f"{sample.name}_gtFine_instanceIds.png"
    sample.instances.unlink()
    assert sample.instances is None
    assert datasets.opened(root).unlabelled("val")[0].instances is None


def test_train_ids_only_where_they_alone_exist(root):
    both, alone, _ = datasets.opened(root).training()
    shutil.copy(both.label, both.label.with_name(f"{both.name}_gtFine_labelTrainIds.png"))
    alone.label.rename(alone.label.with_name(f"{alone.name}_gtFine_labelTrainIds.png"))
    found = datasets.opened(root).training()
    assert [sample.holds_train_ids for sample in found] == [False, True, False]
    assert found[1].instances is not None  # the instance file's name follows the image, not the label


def test_coarse_training_takes_train_extra_along(coarse_root):
    samples = datasets.opened(coarse_root).training(coarse=True)
    assert [sample.folder for sample in samples] == ["tinytown"] * 3 + ["ulm"]
    assert all("gtCoarse" in sample.label.parts for sample in samples)
    shutil.rmtree(coarse_root / "gtCoarse" / "train_extra")
    assert len(datasets.opened(coarse_root).training(coarse=True)) == 3


def test_coarse_validation_only_without_fine_labels(coarse_root):
    assert "gtFine" in datasets.opened(coarse_root).validation(coarse=True)[0].label.parts
    shutil.rmtree(coarse_root / "gtFine")
    assert "gtCoarse" in datasets.opened(coarse_root).validation(coarse=True)[0].label.parts
    with pytest.raises(UserError, match="gtFine"):
        datasets.opened(coarse_root).validation()


def test_unlabelled_needs_no_labels(root):
    shutil.rmtree(root / "gtFine")
    assert [sample.label for sample in datasets.opened(root).unlabelled("val")] == [None, None]


def test_files_that_macos_leaves_are_no_images(root):
    city = root / "leftImg8bit" / "train" / "tinytown"
    (city / "._tinytown_000000_000019_leftImg8bit.png").write_bytes(b"\0\5\26\7")
    assert len(datasets.opened(root).training()) == 3


def test_a_missing_label_is_named_with_the_cure(root):
    label = datasets.opened(root).training()[1].label
    label.unlink()
    with pytest.raises(UserError, match=f"{label} is missing; .*prepare_data.py verify"):
        datasets.opened(root).training()


def test_a_wrong_root_a_missing_and_an_empty_split(root, tmp_path):
    with pytest.raises(UserError, match="no Cityscapes folder: .*leftImg8bit"):
        datasets.opened(tmp_path).training()
    with pytest.raises(UserError, match=r"no split 'test' .*there: train, val"):
        datasets.opened(root).unlabelled("test")
    (root / "leftImg8bit" / "test" / "berlin").mkdir(parents=True)
    with pytest.raises(UserError, match="split 'test' is empty"):
        datasets.opened(root).unlabelled("test")


def test_pairs_are_compared_by_their_headers(root):
    samples = datasets.opened(root).training()
    require_sound_headers(samples)
    damage.truncate(samples[0].image)  # its header is still whole
    require_sound_headers(samples)
    damage.replace(samples[2].label, LABEL)
    with pytest.raises(UserError, match=f"{samples[2].label} is 8x16 but its image .* is 16x32"):
        require_sound_headers(samples)
    damage.empty(samples[1].image)
    with pytest.raises(UserError, match=f"{samples[1].image}: not a PNG"):
        require_sound_headers(samples)
