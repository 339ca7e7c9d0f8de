"""The training loop: epochs of steps, validation, logs, checkpoints."""

import itertools
import math
import time
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

import models
from common.errors import NotFiniteError, RankLostError
from data.pipeline import Batches
from models.weights.native import Origin
from training.config_fields import Config
from training.losses import total
from training.optimization import optimizers, stages
from training.ranks import divergence
from training.ranks.distributed import lost
from training.ranks.ranks import ALONE, Ranks
from training.run import checkpoints, logs, validation
from training.run.interruptions import Interrupted, Interruptions
from training.run.progress import EpochClock, Progress
from training.run.trackers import Tracker
from training.run.watchdog import Watchdog
from training.steps import step


class Loop:
    """Trains a model from where `progress` says to the configured number of epochs, steps or hours.

    Args:
        config: the run's configuration.
        run: its folder.
        model, optimizer: built, and restored where resumed.
        whole: the network at the size of whole images, for validation; None where that is the model's.
        training, validation: the batches.
        progress: how far the run has come; updated in place.
        jit: compile the steps by XLA.
        stop: whether a signal asks to stop.
        trackers: get what the log gets.
        ranks: the processes of the run; the first one writes and prints for all.
    """

    def __init__(
        self,
        config: Config,
        run: Path,
        model: keras.Model,
        optimizer,
        whole: keras.Model | None,
        training: Batches,
        validation: Batches,
        progress: Progress,
        jit: bool,
        stop: Interruptions,
        trackers: list[Tracker],
        ranks: Ranks = ALONE,
    ):
        self.config, self.run, self.model, self.optimizer = config, run, model, optimizer
        self.training, self.validation, self.progress = training, validation, progress
        self.length = config.length(training.steps)  # in steps
        self.jit, self.training_step = jit, None
        self.scored = total.scored(config)
        self.scored_labels = self.scored.label_set or config.label_set
        self.network = models.without_auxiliary(model)
        self.whole = whole or self.network
        self.validation_step = step.validation_step(
            self.whole, self.scored_labels.classes, jit, ranks, self.scored
        )
        self.stop, self.trackers, self.ranks = stop, trackers, ranks
        self.logs = logs.Logs(run, self.scored_labels, progress.epoch) if ranks.first else None
        labels = config.label_set
        self.origin = Origin(
            config.model, labels.classes, config.target_size, config.options, label_set=labels
        )
        self.watchdog = Watchdog(run, ranks, config.stall_timeout)
        self.stages, self._frozen = stages.of(config), ()
        self._trained = False  # the first step is compiled
        self._losses = []  # of the steps since the last look, still on the device
        self._saved = time.monotonic()

    def fit(self) -> None:
        """Train, validate, log and save, epoch by epoch.

        Raises:
            Interrupted: by a signal; where the run stands is saved.
            NotFiniteError: a loss or gradient that is no number; nothing was updated by it.
            UserError: a damaged image, a full disk.
        """
        try:
            with self.watchdog:
                while not self.is_over():
                    self._epoch()
        except tf.errors.OpError as error:
            if lost(error):
                raise RankLostError("another rank has ended; its own message says why") from None
            raise
        except Interrupted:  # raised where the model holds its own weights, or their average: now its own
            self._look()
            self._save()
            # one rank's signal is all ranks'; and they wait here, as launchers stop all when the first ends
            self.stop.received = next(filter(None, self.ranks.gather(self.stop.received)))
            raise

    def is_over(self) -> bool:
        """Whether the run has ended: by its length, without a better score for too long, or out of time."""
        over = self.progress.epoch >= self.epochs or self.out_of_patience() or self.out_of_time()
        return self.ranks.agree(over)  # clocks differ

    def out_of_patience(self) -> bool:
        """Whether `patience` epochs went by without a better score."""
        return 0 < self.config.patience <= self.progress.epoch - self.progress.best_epoch

    def out_of_time(self) -> bool:
        """Whether the configured hours of training are over, by this process's clock."""
        spent = self.progress.seconds + self.progress.under_way.seconds
        return 0 < 3600 * self.config.hours <= spent

    @property
    def epochs(self) -> int:
        """Epochs of the whole run, of which the last one may be a part."""
        return -(-self.length // self.training.steps)

    def _epoch(self) -> None:
        self._choose_step()
        self._train()
        row = self._row()
        scores, shown = self._validate()
        row |= scores
        self.progress.end_epoch(row.get("val_miou"))
        if self.ranks.first:
            self._record(row, shown)
        self._save()

    def _record(self, row: dict, shown: list) -> None:
        """Log an epoch, and print its line."""
        self.logs.write(row, shown)
        for tracker in self.trackers:
            tracker.log(row, self.logs.image_path(row["epoch"]) if shown else None)
        print(self._line(row), flush=True)

    def _choose_step(self) -> None:
        """Compile the training step at the start, and anew when other parts of the model are frozen."""
        stage = self.stages.at(self.progress.epoch)
        if self.training_step and stage.frozen == self._frozen:
            return
        if stage.frozen != self._frozen:
            stages.freeze(self.model, self.stages, stage)
        self._frozen = stage.frozen
        loss = total.build(self.config)
        self.training_step = step.training_step(
            self.model,
            self.optimizer,
            self.jit,
            self.config.remat,
            loss,
            self.ranks,
            self.config.synchronizes(self.ranks.gpus),
        )

    def _train(self) -> None:
        """Pass over what is left of the epoch's images."""
        done = self.progress.under_way
        if not done.steps:
            done.learning_rate = optimizers.learning_rate(self.optimizer)
        clock = EpochClock(done)
        batches = self.training.training(self.config.seed, self.progress.epoch, done.images)
        self._between_steps()
        with self._bar() as bar:
            for images, labels in self._of_run(clock.timed(batches)):
                self._losses.append(self.training_step(images, labels))
                self._trained = True
                done.steps += 1
                done.images += self.training.global_batch
                self.progress.step += 1
                if clock.due():
                    self._look()
                    bar.update(done.steps - bar.n)
                    bar.set_postfix_str(f"loss {done.loss / done.steps:.3f}, {done}", refresh=False)
                if self._between_steps():
                    break
        self._look()
        if self._holds_a_part():  # which validation may have to save
            optimizers.hand_accumulated_to_first(self.optimizer, self.ranks)
        clock.count()

    def _of_run(self, batches: Iterator) -> Iterator:
        """The batches of an epoch that belong to the run: of the last one maybe the first batches alone."""
        left = self.length - self.progress.epoch * self.training.steps
        return itertools.islice(batches, self._steps_left()) if left < self.training.steps else batches

    def _steps_left(self) -> int:
        """Steps that are left of the epoch under way."""
        of_run = self.length - self.progress.epoch * self.training.steps
        seen = self.progress.under_way.images // self.training.global_batch  # also where ranks have changed
        return min(self.training.steps, of_run) - seen

    def _bar(self) -> tqdm:
        return tqdm(
            initial=self.progress.under_way.steps,
            total=self.progress.under_way.steps + self._steps_left(),
            desc=f"epoch {self.progress.epoch + 1}/{self.epochs}",
            unit="step",
            leave=False,
            disable=None if self.ranks.first else True,
        )

    def _between_steps(self) -> bool:
        """Obey a signal of any rank's, and save where the first one's clock says that it is due.

        Several ranks that accumulate gradients do so after an update: until then each holds its own.

        Returns:
            Whether by that clock the run's time is over.
        """
        due = self.ranks.first and time.monotonic() - self._saved >= 60 * self.config.save_every
        self.watchdog.beat(compiles=not self._trained)
        if self.progress.step % divergence.EVERY == 0:
            divergence.require_none(self.model, self.ranks, self.progress.step)
        over = self.ranks.first and self.out_of_time()
        flags = np.array([self.stop.received is not None, due, over], np.int32)
        stops, saves, over = self.ranks.total(flags)
        if (stops or saves or over) and self._holds_a_part():
            return False
        if stops:
            raise Interrupted
        if saves:
            self._look()
            self._save()
        return bool(over)

    def _holds_a_part(self) -> bool:
        """Whether this rank's optimizer holds a part of an update whose rest is with other ranks."""
        return self.ranks.size > 1 and optimizers.amid_update(self.optimizer)

    def _look(self) -> None:
        """Wait for the losses of the latest steps and add them up.

        Raises:
            NotFiniteError: one is no number.
        """
        done = self.progress.under_way
        waiting, self._losses = self._losses, []
        for behind, loss in zip(range(len(waiting), 0, -1), map(float, waiting)):
            if not math.isfinite(loss):
                raise self._not_finite(behind)
            done.loss += loss

    def _not_finite(self, behind: int) -> NotFiniteError:
        """The error of the step that was done `behind` - 1 steps before the last one."""
        first = self.progress.under_way.images - behind * self.training.global_batch
        files = self.training.files(self.config.seed, self.progress.epoch, first)
        return NotFiniteError(
            f"the loss or a gradient is no longer a number at step {self.progress.step - behind + 1} "
            f"(learning rate {optimizers.learning_rate(self.optimizer):g}, "
            f"images {', '.join(path.name for path in files)}); that step changed nothing and the last "
            "checkpoint is intact: start a new run with a lower learning rate"
        )

    def _validate(self):
        """(figures, images to show) of an epoch that is validated, else nothing."""
        if not self._validates():
            return {}, []
        self.watchdog.beat(compiles=True)
        with checkpoints.in_place(self.model, self.optimizer):
            if self.whole is not self.network:
                for theirs, ours in zip(self.whole.weights, self.network.weights, strict=True):
                    theirs.assign(ours)
            return validation.score(
                self.validation_step,
                self.validation,
                self.scored_labels,
                self._obey,
                self.ranks,
                self.scored,
            )

    def _validates(self) -> bool:
        """Whether the epoch under way, whose training is done, is validated."""
        number = self.progress.epoch + 1
        if number >= self.epochs or self.ranks.agree(self.out_of_time()):
            return True
        if every := self.config.validate_steps:
            return number * self.training.steps // every > (number - 1) * self.training.steps // every
        return number % self.config.validate_every == 0

    def _obey(self) -> None:
        self.watchdog.beat()
        if self.ranks.any(self.stop.received is not None):
            raise Interrupted

    def _save(self) -> None:
        if self.ranks.first:
            checkpoints.save(self.run, self.model, self.optimizer, self.origin, self.progress)
        self._saved = time.monotonic()

    def _row(self) -> dict:
        """The log's figures of the training."""
        done = self.progress.under_way
        return {
            "epoch": self.progress.epoch + 1,
            "step": self.progress.step,
            "learning_rate": done.learning_rate,
            "loss": done.loss / done.steps,
            "images_per_s": done.images_per_second,
            "data_wait": done.data_wait,
            "seconds": done.seconds,
        }

    def _line(self, row: dict) -> str:
        parts = [f"epoch {row['epoch']}/{self.epochs}", f"loss {row['loss']:.3f}"]
        if "val_miou" in row:
            mark = " *" if self.progress.is_best else ""
            parts += [f"val_loss {row['val_loss']:.3f}", f"accuracy {row['val_accuracy']:.3f}"]
            parts += [f"mIoU {row['val_miou']:.3f}{mark}"]
        parts += [f"{row['images_per_s']:.1f} images/s", f"data wait {row['data_wait']:.0%}"]
        return "  ".join(parts)
