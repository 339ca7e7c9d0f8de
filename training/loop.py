"""The training loop: epochs of steps, validation, logs, checkpoints."""

import math
import time
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

import models
from common.errors import UserError
from data.labels import CLASS_COUNT, CLASS_NAMES
from data.pipeline import Batches
from evaluation.confusion import iou, mean_iou, pixel_accuracy
from models.weights import Origin
from training import averages, checkpoints, logs, optimizers, step
from training.checkpoints import Progress
from training.config import Config
from training.losses import total

REFRESH = 0.5  # seconds between looks at the loss; each one waits for the device


class Loop:
    """Trains a model from where `progress` says to the configured number of epochs.

    Args:
        config: the run's configuration.
        run: its folder.
        model, optimizer: built, and restored where resumed.
        training, validation: the batches.
        progress: how far the run has come; updated in place.
        jit: compile the steps by XLA.
    """

    def __init__(
        self,
        config: Config,
        run: Path,
        model: keras.Model,
        optimizer,
        training: Batches,
        validation: Batches,
        progress: Progress,
        jit: bool,
    ):
        self.config, self.run, self.model, self.optimizer = config, run, model, optimizer
        self.training, self.validation, self.progress = training, validation, progress
        self.jit, self.training_step = jit, None
        self.validation_step = step.validation_step(model, CLASS_COUNT, jit)
        self.logs = logs.Logs(run, progress.epoch)
        self.origin = Origin(config.model, CLASS_COUNT, config.target_size, config.options)

    def fit(self) -> None:
        """Train, validate, log and save, epoch by epoch.

        Raises:
            UserError: a damaged picture, a loss that is no number, a full disk.
        """
        while self.progress.epoch < self.config.epochs:
            self._choose_step()
            row = self._train_epoch()
            with averages.in_place(self.model, self.optimizer):
                scores, shown = self._validate()
            row |= scores
            self._advance(row["val_miou"])
            self.logs.write(row, shown)
            checkpoints.save(self.run, self.model, self.optimizer, self.origin, self.progress)
            print(self._line(row), flush=True)

    def _choose_step(self) -> None:
        """Compile the training step at the start, and anew when the encoder thaws."""
        frozen = self.progress.epoch < self.config.freeze_encoder
        thaws = self.progress.epoch == self.config.freeze_encoder > 0
        if self.training_step and not thaws:
            return
        if frozen or thaws:
            for layer in models.encoder_layers(self.config.model, self.model):
                layer.trainable = not frozen
        loss = total.build(self.config)
        self.training_step = step.training_step(self.model, self.optimizer, self.jit, self.config.remat, loss)

    def _train_epoch(self) -> dict:
        """One pass over the data; returns the log's figures about it."""
        rate = optimizers.learning_rate(self.optimizer)
        batches = self.training.training(self.config.seed, self.progress.epoch)
        clock = EpochClock(self.training.batch * self.training.shard.ranks)
        total, steps = 0.0, self.training.steps
        bar = tqdm(
            total=steps,
            desc=f"epoch {self.progress.epoch + 1}/{self.config.epochs}",
            unit="step",
            leave=False,
            disable=None,
        )
        with bar:
            for images, labels in clock.timed(batches):
                total += self.training_step(images, labels)  # stays on the device
                self.progress.step += 1
                if clock.due():
                    self._require_finite(float(total))
                    bar.update(clock.steps - bar.n)
                    bar.set_postfix_str(f"loss {float(total) / clock.steps:.3f}, {clock}", refresh=False)
        loss = float(total) / steps
        self._require_finite(loss)
        return {
            "epoch": self.progress.epoch + 1,
            "step": self.progress.step,
            "learning_rate": rate,
            "loss": loss,
            "images_per_s": clock.images_per_second,
            "data_wait": clock.data_wait,
            "seconds": clock.seconds,
        }

    def _require_finite(self, loss: float) -> None:
        if not math.isfinite(loss):
            raise UserError(
                f"the loss is no longer a number at step {self.progress.step} (learning rate "
                f"{optimizers.learning_rate(self.optimizer):g}); the last checkpoint is intact: "
                "start a new run with a lower learning rate"
            )

    def _validate(self) -> tuple[dict, list[np.ndarray]]:
        """Score the validation pictures at the target size, each once, from one summed matrix."""
        matrix = np.zeros((CLASS_COUNT, CLASS_COUNT), np.int64)
        loss, shown = 0.0, []
        batches = self.validation.evaluation()
        for images, labels in tqdm(
            batches, total=self.validation.steps, desc="validate", unit="step", leave=False, disable=None
        ):
            summed, counts, predictions = self.validation_step(images, labels)
            loss += float(summed)
            matrix += counts.numpy()
            if len(shown) < logs.PICTURES:
                shown += logs.samples_of(images, labels, predictions)
        ious = iou(matrix)
        row = {
            "val_loss": loss / max(matrix.sum(), 1),
            "val_accuracy": pixel_accuracy(matrix),
            "val_miou": mean_iou(matrix),
        }
        row |= {f"iou_{name.replace(' ', '_')}": float(value) for name, value in zip(CLASS_NAMES, ious)}
        return row, shown[: logs.PICTURES]

    def _advance(self, miou: float) -> None:
        self.progress.epoch += 1
        if miou > self.progress.best_miou:
            self.progress.best_miou, self.progress.best_epoch = miou, self.progress.epoch

    def _line(self, row: dict) -> str:
        mark = " *" if self.progress.best_epoch == row["epoch"] else ""
        return (
            f"epoch {row['epoch']}/{self.config.epochs}  "
            f"loss {row['loss']:.3f}  val_loss {row['val_loss']:.3f}  "
            f"accuracy {row['val_accuracy']:.3f}  mIoU {row['val_miou']:.3f}{mark}  "
            f"{row['images_per_s']:.1f} images/s  data wait {row['data_wait']:.0%}"
        )


class EpochClock:
    """Counts steps and seconds of an epoch, and the share spent waiting for data."""

    def __init__(self, images_per_step: int):
        self.images_per_step = images_per_step
        self.steps, self.waited = 0, 0.0
        self.start = self.looked = time.perf_counter()

    def timed(self, batches):
        """Hand the batches on, measuring how long each one took to come."""
        iterator = iter(batches)
        while True:
            asked = time.perf_counter()
            batch = next(iterator, None)
            if batch is None:
                return
            self.waited += time.perf_counter() - asked
            self.steps += 1
            yield batch

    def due(self) -> bool:
        """Whether it is time to look at the loss again."""
        now = time.perf_counter()
        if now - self.looked < REFRESH:
            return False
        self.looked = now
        return True

    @property
    def seconds(self) -> float:
        """Seconds since the epoch began."""
        return time.perf_counter() - self.start

    @property
    def images_per_second(self) -> float:
        """Pictures of all ranks per second."""
        return self.steps * self.images_per_step / self.seconds

    @property
    def data_wait(self) -> float:
        """Share of the time spent waiting for data, 0..1."""
        return self.waited / self.seconds

    def __str__(self):
        return f"{self.images_per_second:.1f} images/s, data wait {self.data_wait:.0%}"
