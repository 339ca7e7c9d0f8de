"""The tf.data pipelines: which image comes when, on which rank, and with which numbers."""

from dataclasses import replace
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

import damage
from common.errors import UserError
from data import augment, cache, datasets, draws, png
from data.cityscapes import CityscapesSample
from data.label_sets import CITYSCAPES, IGNORED
from data.pipeline import Batches, Shard, epoch_order
from tiny import tiny_dataset

SIZE = (16, 32)
IMAGES = 7  # no multiple of the batches below
NUMBERED = [CityscapesSample(Path(str(k)), Path(f"{k}_gtFine_labelIds.png")) for k in range(IMAGES)]


class NumberedCache:
    """Makes image k of `NUMBERED`, with all labels of class k, so that batches tell their images."""

    def load(self, sample):
        number = int(sample.image.name)
        image = np.random.default_rng(number).integers(0, 256, (*SIZE, 3), np.uint8)
        return image, np.full(SIZE, CITYSCAPES.file_values[number], np.uint8)


def numbered(batch, rank=0, ranks=1, workers=2):
    return Batches(NUMBERED, SIZE, batch, NumberedCache(), workers, Shard(rank, ranks))


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    root = tiny_dataset(tmp_path_factory.mktemp("pipeline"), train=IMAGES, size=(32, 64))
    return datasets.opened(root).training()


def batches(samples, batch, size=SIZE, kept=None):
    return Batches(samples, size, batch, kept or cache.NoCache(), workers=2)


def arrays(iterator):
    """All batches of an iterator as (images, labels)."""
    found = [(images.numpy(), labels.numpy()) for images, labels in iterator]
    for images, labels in found:
        assert images.dtype == labels.dtype == np.uint8
        assert images.shape == (*labels.shape, 3)
    return found


def numbers_of(found):
    """The numbers of the images in batches of `numbered`, in order; 255 for padding."""
    return [int(label.min()) for _, labels in found for label in labels]


def joined(ranks):
    """The global batches: what all ranks get in a step, one after the other."""
    steps = zip(*ranks, strict=True)
    return [tuple(np.concatenate(parts) for parts in zip(*step, strict=True)) for step in steps]


def batch_of(pairs):
    """(image, label) pairs as one batch."""
    return tuple(np.stack(parts) for parts in zip(*pairs, strict=True))


def assert_same(found, expected):
    for (images, labels), (other_images, other_labels) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(images, other_images)
        np.testing.assert_array_equal(labels, other_labels)


class TestEpochOrder:
    @pytest.mark.parametrize("count", [1, 2, 7, 100])
    def test_is_a_permutation(self, count):
        assert sorted(epoch_order(count, count, seed=3, epoch=4)) == list(range(count))

    def test_is_filled_up_from_its_start(self):
        order = epoch_order(7, 20, seed=3, epoch=4)
        np.testing.assert_array_equal(order[:7], epoch_order(7, 7, seed=3, epoch=4))
        np.testing.assert_array_equal(order[7:], np.tile(order[:7], 2)[:13])

    def test_follows_from_seed_and_epoch(self):
        orders = {key: tuple(epoch_order(50, 50, *key)) for key in [(0, 0), (0, 1), (1, 0), (1, 1)]}
        assert len(set(orders.values())) == 4
        assert tuple(epoch_order(50, 50, 0, 1)) == orders[0, 1]


class TestTraining:
    def test_the_same_seed_and_epoch_give_the_same_batches(self):
        first = arrays(numbered(2).training(seed=5, epoch=3))
        assert_same(first, arrays(numbered(2).training(seed=5, epoch=3)))

    @pytest.mark.parametrize(("seed", "epoch"), [(6, 3), (5, 4)])
    def test_another_seed_or_epoch_gives_other_order_and_augmentation(self, seed, epoch):
        ours, others = arrays(numbered(7).training(5, 3)), arrays(numbered(7).training(seed, epoch))
        assert numbers_of(ours) != numbers_of(others)
        for number in range(IMAGES):
            views = [
                images[numbers_of(found).index(number)] for found in (ours, others) for images, _ in found
            ]
            assert (views[0] != views[1]).any()

    @pytest.mark.parametrize("epoch", [0, 1])
    def test_every_image_occurs_and_the_last_batch_is_full(self, epoch):
        found = arrays(numbered(2).training(0, epoch))
        assert len(found) == numbered(2).steps == 4
        assert sorted(numbers_of(found)[:IMAGES]) == list(range(IMAGES))
        assert numbers_of(found)[IMAGES:] == numbers_of(found)[:1]

    @pytest.mark.parametrize("ranks", [1, 2, 3])
    def test_ranks_share_the_batches_of_one_rank(self, ranks):
        alone = arrays(numbered(6).training(1, 2))
        shared = [arrays(numbered(6 // ranks, rank, ranks).training(1, 2)) for rank in range(ranks)]
        assert [len(found) for found in shared] == [2] * ranks
        assert_same(joined(shared), alone)
        assert set(numbers_of(alone)) == set(range(IMAGES))

    @pytest.mark.parametrize("first_step", [0, 1, 3, 4])
    def test_from_a_image_on_is_the_end_of_the_epoch(self, first_step):
        whole = arrays(numbered(2).training(1, 2))
        assert_same(arrays(numbered(2).training(1, 2, 2 * first_step)), whole[first_step:])

    def test_from_a_step_on_holds_for_every_rank(self):
        for rank in range(2):
            whole = arrays(numbered(2, rank, 2).training(1, 2))
            assert_same(arrays(numbered(2, rank, 2).training(1, 2, seen=4)), whole[1:])

    def test_another_number_of_ranks_goes_on_at_the_same_image(self):
        by_two = joined([arrays(numbered(1, rank, 2).training(1, 2)) for rank in range(2)])
        by_three = joined([arrays(numbered(1, rank, 3).training(1, 2, seen=4)) for rank in range(3)])
        assert sorted([*numbers_of(by_two[:2]), *numbers_of(by_three)][:IMAGES]) == list(range(IMAGES))

    def test_workers_do_not_change_the_batches(self):
        one, many = (arrays(numbered(2, workers=workers).training(1, 2)) for workers in (1, 8))
        assert_same(one, many)

    def test_a_batch_holds_what_augment_makes(self, samples):
        seed, epoch = 4, 1
        found = arrays(batches(samples, IMAGES).training(seed, epoch))
        expected = []
        for number in epoch_order(IMAGES, IMAGES, seed, epoch):
            choice = draws.draw(draws.generator(seed, epoch, int(number)))
            expected.append(augment.apply(*samples[number].decode(), SIZE, choice))
        images, labels = batch_of(expected)
        assert_same(found, [(images, CITYSCAPES.file_to_train[labels])])


class TestEvaluation:
    @pytest.mark.parametrize("ranks", [1, 2, 3])
    def test_every_image_once_over_all_ranks_and_padding_ignored(self, ranks):
        shared = [arrays(numbered(2, rank, ranks).evaluation()) for rank in range(ranks)]
        assert len({len(found) for found in shared}) == 1
        numbers = numbers_of(joined(shared))
        assert numbers[:IMAGES] == list(range(IMAGES))
        assert set(numbers[IMAGES:]) <= {IGNORED}
        assert len(numbers) % (2 * ranks) == 0

    def test_more_ranks_than_images_leave_some_with_padding_alone(self):
        shared = [arrays(numbered(8, rank, 3).evaluation()) for rank in range(3)]
        assert [set(numbers_of(found)) for found in shared] == [{*range(7), IGNORED}, {IGNORED}, {IGNORED}]

    def test_a_batch_holds_the_resized_image_and_mapped_labels(self, samples):
        found = arrays(batches(samples, IMAGES).evaluation())
        images, labels = batch_of([augment.resize(*sample.decode(), SIZE) for sample in samples])
        assert_same(found, [(images, CITYSCAPES.file_to_train[labels])])

    def test_at_the_images_own_size_nothing_is_resampled(self, samples):
        found = arrays(batches(samples, IMAGES, size=(32, 64)).evaluation())
        images, labels = batch_of([sample.decode() for sample in samples])
        assert_same(found, [(images, CITYSCAPES.file_to_train[labels])])

    def test_label_ids_are_mapped_and_train_ids_taken_as_they_are(self, tmp_path):
        image, by_ids, by_train_ids = (
            tmp_path / f"a_{kind}.png" for kind in ("rgb", "labelIds", "labelTrainIds")
        )
        png.write(image, np.zeros((1, 4, 3), np.uint8))
        png.write(by_ids, np.array([[7, 24, 0, 33]], np.uint8))  # road, person, unlabeled, bicycle
        png.write(by_train_ids, np.array([[0, 11, 255, 18]], np.uint8))
        pairs = [CityscapesSample(image, by_ids), CityscapesSample(image, by_train_ids)]
        [(_, labels)] = arrays(batches(pairs, 2, size=(1, 4)).evaluation())
        np.testing.assert_array_equal(labels, [[[0, 11, 255, 18]]] * 2)


@pytest.mark.parametrize("kind", ["memory", "folder"])
def test_a_cache_changes_no_batch_of_any_epoch(samples, tmp_path, kind):
    kept = cache.open_cache(str(tmp_path / "cache") if kind == "folder" else kind, samples)
    for epoch in range(2):
        expected = arrays(batches(samples, 2).training(0, epoch))
        assert_same(arrays(batches(samples, 2, kept=kept).training(0, epoch)), expected)
    own_size = arrays(batches(samples, 2, size=(32, 64)).evaluation())  # no step of this copies the arrays
    for _ in range(2):
        assert_same(arrays(batches(samples, 2, size=(32, 64), kept=kept).evaluation()), own_size)


def test_parts_of_jpeg_images_make_the_batches_of_whole_ones(tmp_path):
    found = []
    for sample in datasets.opened(tiny_dataset(tmp_path / "set", train=3, size=(60, 90))).training():
        image = tmp_path / f"{sample.image.stem}.jpg"
        image.write_bytes(imagecodecs.jpeg8_encode(sample.decode_image(), level=95, subsampling="420"))
        found.append(replace(sample, image=image))
    kept = cache.open_cache("memory", found)
    for draw in (lambda made: made.training(0, 0), lambda made: made.evaluation()):
        for size in (SIZE, (60, 90)):
            assert_same(arrays(draw(batches(found, 3, size))), arrays(draw(batches(found, 3, size, kept))))


@pytest.mark.parametrize("kind", ["none", "memory", "folder"])
@pytest.mark.parametrize("way", ["training", "evaluation"])
def test_a_damaged_image_is_named_in_one_line(tmp_path, way, kind):
    found = datasets.opened(tiny_dataset(tmp_path / "set", train=5, size=(32, 64))).training()
    damage.flip_byte(found[3].image)
    kept = cache.open_cache(str(tmp_path / "cache") if kind == "folder" else kind, found)
    iterator = batches(found, 2, kept=kept)
    with pytest.raises(UserError, match=f"{found[3].image}: damaged PNG") as error:
        list(iterator.training(0, 0) if way == "training" else iterator.evaluation())
    assert "\n" not in str(error.value)


def test_batches_before_a_damaged_image_still_come(tmp_path):
    found = datasets.opened(tiny_dataset(tmp_path / "set", train=8, size=(32, 64))).training()
    png.write(found[7].label, np.full((32, 64), 200, np.uint8))
    iterator = batches(found, 2).evaluation()
    assert len([next(iterator) for _ in range(3)]) == 3
    with pytest.raises(UserError, match=f"{found[7].label}: label value 200 in 2048 pixels"):
        next(iterator)
