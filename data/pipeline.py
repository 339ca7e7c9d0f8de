"""tf.data pipelines: from samples to uint8 batches, the same ones on every run of a seed.

Every random choice follows from (seed, epoch, index of the image), never from the order in which
threads or ranks happen to run, so a run can be repeated, resumed at any step, and spread over ranks.
"""

import atexit
import itertools
import weakref
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from common.errors import UserError
from data import augment, draws
from data.label_sets import IGNORED
from data.ranges import STANDARD, Ranges
from data.samples import Sample


@dataclass(frozen=True)
class Shard:
    """Which part of each global batch this process gets."""

    rank: int = 0
    ranks: int = 1


class Batches:
    """Batches of a list of samples: uint8 images [B, h, w, 3] and train ids [B, h, w], 255 ignored.

    Args:
        samples: pairs of files, in index order.
        size: (h, w) of the result in pixels.
        ranges: of augmentation.
        whole: (h, w) that whole images have at scale 1, of which training cuts `size`; None: `size`.
        most: a share of a cut's labelled pixels; cuts in which a class has more are avoided. 1: none are.
        batch: images per rank and step.
        cache: where decoded images come from (`data.cache`).
        workers: threads that decode and augment.
        shard: this process's part.
    """

    def __init__(
        self,
        samples: list[Sample],
        size,
        batch: int,
        cache,
        workers: int,
        shard: Shard = Shard(),
        ranges: Ranges = STANDARD,
        whole=None,
        most: float = 1.0,
    ):
        self.samples, self.size, self.batch = samples, tuple(size), batch
        self.cache, self.workers, self.shard = cache, workers, shard
        self.ranges, self.whole, self.most = ranges, tuple(whole or size), most
        self._failure: UserError | None = None

    @property
    def steps(self) -> int:
        """Steps of an epoch, the same on every rank; the last one is filled up."""
        return -(-len(self.samples) // self.global_batch)

    @property
    def global_batch(self) -> int:
        """Images of all ranks in a step."""
        return self.batch * self.shard.ranks

    def training(self, seed: int, epoch: int, seen: int = 0) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        """An epoch of augmented batches in random order, without the first `seen` images of all ranks.

        Raises:
            UserError: an image is damaged; the message names it.
        """
        left = -(-max(len(self.samples) - seen, 0) // self.global_batch) * self.global_batch
        indices = self._mine(epoch_order(len(self.samples), seen + left, seed, epoch)[seen:])

        def load(index):
            return self.augmented(int(index), draws.generator(seed, epoch, int(index)))

        return self._iterate(indices, load)

    def endless(self, seed: int) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        """What training would see, epoch after epoch."""
        for epoch in itertools.count():
            yield from self.training(seed, epoch)

    def files(self, seed: int, epoch: int, seen: int) -> list[Path]:
        """The images of the global training batch that starts after `seen` images."""
        order = epoch_order(len(self.samples), seen + self.global_batch, seed, epoch)
        return [self.samples[index].image for index in order[seen:]]

    def evaluation(self) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        """Every image once, in order; the last batches are padded with images that are all ignored."""
        padding = self.steps * self.global_batch - len(self.samples)
        indices = self._mine(np.concatenate([np.arange(len(self.samples)), np.full(padding, -1)]))
        return self._iterate(indices, self._plain)

    def augmented(self, index: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """One image and its train ids for training, by the next random numbers of `random`."""
        choice = draws.draw(random, self.ranges)
        image, label, table = self._load(index)
        if self.most < 1:
            label, table = augment.look_up(label, table), None
            choice = augment.balanced(label, self.size, self.whole, choice, self.most, random)
        image, label = augment.apply(image, label, self.size, choice, self.whole)
        return image, label if table is None else augment.look_up(label, table)

    def _mine(self, indices: np.ndarray) -> np.ndarray:
        # [steps, ranks, batch]: a global batch holds the same images however many ranks share it
        return indices.reshape(-1, self.shard.ranks, self.batch)[:, self.shard.rank].reshape(-1)

    def _plain(self, index):
        if index < 0:
            return np.zeros((*self.size, 3), np.uint8), np.full(self.size, IGNORED, np.uint8)
        image, label, table = self._load(int(index), scored=True)
        image, label = augment.resize(image[:, :], label, self.size)
        return image, augment.look_up(label, table)

    def _load(self, index: int, scored: bool = False):
        sample = self.samples[index]
        image, label = self.cache.load(sample)
        return image, label, sample.to_scored_ids if scored else sample.to_train_ids

    def _iterate(self, indices: np.ndarray, load) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        return closed_at_exit(self._elements(indices, load))

    def _elements(self, indices: np.ndarray, load) -> Generator[tuple[tf.Tensor, tf.Tensor], None, None]:
        def guarded(index):
            try:
                return load(index)
            except UserError as error:  # tf.data would bury it in a traceback
                self._failure = error
                raise

        @tf.autograph.experimental.do_not_convert
        def element(index):
            image, label = tf.numpy_function(guarded, [index], [tf.uint8, tf.uint8])
            return tf.ensure_shape(image, (*self.size, 3)), tf.ensure_shape(label, self.size)

        dataset = tf.data.Dataset.from_tensor_slices(indices)
        # one more in flight than there are threads, so that none idles while a result is handed over
        dataset = dataset.map(element, num_parallel_calls=self.workers + 1, deterministic=True)
        dataset = dataset.batch(self.batch, drop_remainder=True)  # there is none; but a fixed shape
        dataset = dataset.prefetch(2).with_options(untuned())
        try:
            yield from dataset
        except tf.errors.OpError:
            if self._failure:
                raise self._failure from None
            raise


def untuned() -> tf.data.Options:
    """Without tf.data's own tuning, which has nothing to choose here.

    Its thread sleeps longer and longer, and the end of an epoch may wait until it wakes: seconds, measured.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return options


def epoch_order(count: int, length: int, seed: int, epoch: int) -> np.ndarray:
    """A permutation of `count` indices, repeated from its start up to `length`: shuffle precedes sharding."""
    return np.resize(np.random.default_rng((seed, epoch)).permutation(count), length)


# At the interpreter's own end no thread gets its lock any more, and tf.data, which waits there for its
# threads, would wait for ever: a training that failed would hang instead of saying so.
UNFINISHED: weakref.WeakSet[Generator] = weakref.WeakSet()


def closed_at_exit(generator: Generator) -> Generator:
    """The same generator, which is closed when the program ends."""
    UNFINISHED.add(generator)
    return generator


@atexit.register
def close_unfinished():
    """Close all generators that are still under way."""
    for generator in list(UNFINISHED):
        generator.close()
