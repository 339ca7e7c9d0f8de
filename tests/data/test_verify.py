"""Every kind of damage is found, named by file, and rated: error or remark."""

import shutil

import numpy as np
import pytest

import damage
from common.errors import UserError
from data import datasets, png
from data.verify import check
from tiny import tiny_dataset, write_pair

SIZE = (16, 32)
IMAGE = np.zeros((*SIZE, 3), np.uint8)
LABEL = np.full(SIZE, 7, np.uint8)


@pytest.fixture
def root(tmp_path):
    return tiny_dataset(tmp_path / "set", train=3, val=2, size=SIZE)


@pytest.fixture
def sample(root):
    return datasets.opened(root).labelled("train")[1]


def findings(root, coarse=False):
    """(errors, remarks) as texts, without the remarks that every small set gets."""
    found = list(check(datasets.opened(root).plan(coarse), workers=2))
    usual = ("the whole of Cityscapes has", "no split 'test'")
    remarks = [one.text for one in found if not one.error]
    return [one.text for one in found if one.error], [
        text for text in remarks if not any(part in text for part in usual)
    ]


def only_error(root, coarse=False) -> str:
    errors, remarks = findings(root, coarse)
    assert len(errors) == 1 and remarks == []
    assert "\n" not in errors[0]
    return errors[0]


def only_remark(root, coarse=False) -> str:
    errors, remarks = findings(root, coarse)
    assert errors == [] and len(remarks) == 1
    return remarks[0]


def test_a_whole_set_has_no_errors(root):
    assert findings(root) == ([], [])
    texts = [str(one) for one in check(datasets.opened(root).plan())]
    assert f"remark: {root}/leftImg8bit/train: 3 images, the whole of Cityscapes has 2975" in texts
    assert len(texts) == 3  # train, val, and no test


def test_every_image_is_planned_once(root):
    assert len(datasets.opened(root).plan().jobs) == 5
    assert len({job.image.image for job in datasets.opened(root).plan().jobs}) == 5


@pytest.mark.parametrize("which", ["image", "label"])
@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (damage.truncate, "truncated"),
        (damage.flip_byte, "damaged"),
        (damage.empty, "the file is empty"),
        (damage.text, "not a PNG"),
        (damage.bomb, "100000x100000"),
    ],
)
def test_damaged_files(root, sample, which, harm, said):
    path = getattr(sample, which)
    harm(path)
    error = only_error(root)
    assert str(path) in error and said in error


@pytest.mark.parametrize(
    ("pixels", "said"),
    [
        (IMAGE[..., 0], "8-bit grey image, need 8-bit RGB"),
        (IMAGE.astype(np.uint16), "16-bit RGB"),
        (np.zeros((*SIZE, 4), np.uint8), "8-bit RGBA"),
    ],
)
def test_images_of_another_format(root, sample, pixels, said):
    damage.replace(sample.image, pixels)
    error = only_error(root)
    assert str(sample.image) in error and said in error


def test_a_label_with_an_unknown_value(root, sample):
    label = LABEL.copy()
    label[3, 4:6] = 200
    png.write(sample.label, label)
    assert f"{sample.label}: label value 200 in 2 pixels" in only_error(root)


def test_a_label_of_another_size(root, sample):
    png.write(sample.label, LABEL[:8])
    assert f"{sample.label} is 8x32 but its image {sample.image.name} is 16x32" in only_error(root)


def test_one_damaged_image_is_one_error_although_its_size_is_unknown(root, sample):
    damage.truncate(sample.image)
    png.write(sample.label, LABEL[:8])
    assert str(sample.image) in only_error(root)


def test_several_errors_are_all_listed(root):
    first, second, third = datasets.opened(root).labelled("train")
    damage.empty(first.image)
    damage.flip_byte(first.label)
    damage.text(second.label)
    third.label.unlink()
    errors, _ = findings(root)
    for path in (first.image, first.label, second.label, third.label):
        assert sum(str(path) in error for error in errors) == 1
    assert len(errors) == 4


def test_a_missing_label(root, sample):
    sample.label.unlink()
    error = only_error(root)
    assert str(sample.image) in error and str(sample.label) in error and "unpack gtFine" in error


def test_labels_not_unpacked_are_one_error_a_split(root):
    shutil.rmtree(root / "gtFine" / "train")
    assert f"{root}/gtFine/train: no label maps; unpack gtFine" in only_error(root)


def test_a_label_without_its_image(root, sample):
    sample.image.unlink()
    assert f"{sample.label}: a label without its image" in only_remark(root)


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_missing_and_an_empty_split(root, split):
    folder = root / "leftImg8bit" / split
    shutil.rmtree(folder)
    assert f"no split '{split}'" in only_error(root)
    (folder / "tinytown").mkdir(parents=True)
    assert f"split '{split}' is empty" in only_error(root)


def test_a_wrong_root(tmp_path):
    with pytest.raises(UserError, match="no Cityscapes folder"):
        datasets.opened(tmp_path).plan()


def test_train_id_files_alone_will_do(root):
    for number, one in enumerate(datasets.opened(root).labelled("train")):
        one.label.unlink()
        path = one.label.with_name(f"{one.name}_gtFine_labelTrainIds.png")
        png.write(path, np.full(SIZE, (0, 18, 255)[number], np.uint8))
    assert "no pixel of a scored class" in only_remark(root)  # the third holds 255 alone
    png.write(path, np.full(SIZE, 19, np.uint8))
    assert f"{path}: label value 19 in 512 pixels, known are 0..18 and 255" in only_error(root)


def test_a_label_map_of_nothing(root, sample):
    png.write(sample.label, np.full(SIZE, 4, np.uint8))  # 4: static, not scored
    assert f"{sample.label}: no pixel of a scored class" in only_remark(root)


def test_damage_in_test_stops_no_training(root):
    image, _ = write_pair(root, "test", "berlin_000000_000019", IMAGE, np.zeros(SIZE, np.uint8))
    assert findings(root) == ([], [])  # its labels are void by design
    damage.truncate(image)
    assert f"{image}: truncated" in only_remark(root)


def test_images_of_several_sizes_are_one_remark(root):
    write_pair(root, "train", "ulm_000000_000019", IMAGE[:8], LABEL[:8])
    assert "'train' has images of 2 sizes: 16x32 (3 images), 8x32 (1 image)" in only_remark(root)


def test_missing_instances_are_one_remark(root):
    for split in ("train", "val"):
        for one in datasets.opened(root).labelled(split):
            one.instances.unlink()
    assert "split 'val' has no instanceIds for 2 images" in only_remark(root)


@pytest.mark.parametrize("harm", [damage.truncate, lambda path: damage.replace(path, LABEL)])
def test_damaged_instances_stop_the_evaluation_of_val_alone(root, sample, harm):
    harm(sample.instances)
    assert str(sample.instances) in only_remark(root)
    scored = datasets.opened(root).labelled("val")[0]
    harm(scored.instances)
    errors, _ = findings(root)
    assert len(errors) == 1
    assert str(scored.instances) in errors[0] and "evaluation would fail" in errors[0]


def test_instances_of_another_size(root):
    scored = datasets.opened(root).labelled("val")[0]
    png.write(scored.instances, LABEL[:8].astype(np.uint16))
    assert f"{scored.instances} is 8x32 but its image" in only_error(root)


class TestCoarse:
    @pytest.fixture
    def coarse_root(self, root):
        for split in ("train", "val"):
            for one in datasets.opened(root).labelled(split):
                write_pair(root, split, one.name, IMAGE, LABEL, kind="gtCoarse")
        write_pair(root, "train_extra", "ulm_000000_000019", IMAGE, LABEL, kind="gtCoarse")
        return root

    def test_whole(self, coarse_root):
        assert findings(coarse_root, coarse=True) == ([], [])
        jobs = datasets.opened(coarse_root).plan(coarse=True).jobs
        assert [len(job.labels) for job in jobs] == [2] * 5 + [1]  # an image with two labels is decoded once

    def test_damage_is_found_only_when_asked_for(self, coarse_root):
        label = datasets.opened(coarse_root).training(coarse=True)[-1].label
        damage.truncate(label)
        assert str(label) in only_error(coarse_root, coarse=True)
        assert findings(coarse_root) == ([], [])

    def test_void_coarse_labels_are_usual(self, coarse_root):
        label = datasets.opened(coarse_root).training(coarse=True)[0].label
        png.write(label, np.zeros(SIZE, np.uint8))
        assert findings(coarse_root, coarse=True) == ([], [])

    def test_coarse_labels_alone_will_do(self, coarse_root):
        shutil.rmtree(coarse_root / "gtFine")
        assert findings(coarse_root, coarse=True) == ([], [])
        errors, _ = findings(coarse_root)
        assert len(errors) == 2  # without --coarse, the fine labels of train and val are missing

    def test_fine_validation_alone_will_do(self, coarse_root):
        shutil.rmtree(coarse_root / "gtCoarse" / "val")
        assert findings(coarse_root, coarse=True) == ([], [])

    def test_no_train_extra_is_a_remark(self, coarse_root):
        shutil.rmtree(coarse_root / "gtCoarse" / "train_extra")
        assert "train_extra: no label maps" in only_remark(coarse_root, coarse=True)
        shutil.rmtree(coarse_root / "leftImg8bit" / "train_extra")
        assert "no split 'train_extra'" in only_remark(coarse_root, coarse=True)

    def test_no_coarse_labels_at_all_is_an_error(self, root):
        errors, _ = findings(root, coarse=True)
        assert len(errors) == 1 and f"{root}/gtCoarse/train: no label maps" in errors[0]
