"""How far a run has come, to the image."""

import time
from dataclasses import dataclass, field

NAMED_BEFORE = {"pictures": "images"}  # fields in checkpoints of version 0.1


@dataclass
class Epoch:
    """What is done of the epoch under way."""

    images: int = 0  # of all ranks, those that fill up the last batch included
    steps: int = 0
    loss: float = 0.0  # summed over the steps
    learning_rate: float = 0.0  # of the first step
    seconds: float = 0.0
    waited: float = 0.0  # seconds of them in which no batch was ready

    @property
    def images_per_second(self) -> float:
        """Images of all ranks per second."""
        return self.images / max(self.seconds, 1e-9)

    @property
    def data_wait(self) -> float:
        """Share of the time spent waiting for data, 0..1."""
        return self.waited / max(self.seconds, 1e-9)

    def __str__(self):
        return f"{self.images_per_second:.1f} images/s, data wait {self.data_wait:.0%}"


@dataclass
class Progress:
    """How far a run has come."""

    epoch: int = 0  # finished epochs
    step: int = 0  # finished steps
    best_miou: float = -1.0
    best_epoch: int = 0
    under_way: Epoch = field(default_factory=Epoch)
    seconds: float = 0.0  # of training in finished epochs
    ranks: int = 1  # or replicas; who made the steps of the epoch under way

    @classmethod
    def read(cls, saved: dict) -> "Progress":
        """The inverse of `dataclasses.asdict`."""
        epoch = {NAMED_BEFORE.get(name, name): value for name, value in saved["under_way"].items()}
        return cls(**{**saved, "under_way": Epoch(**epoch)})

    def end_epoch(self, miou: float | None) -> None:
        """Count the epoch under way as finished, with its score if it was validated."""
        self.seconds += self.under_way.seconds
        self.epoch, self.under_way = self.epoch + 1, Epoch()
        if miou is not None and miou > self.best_miou:
            self.best_miou, self.best_epoch = miou, self.epoch

    @property
    def is_best(self) -> bool:
        """Whether the epoch just finished is the best one."""
        return self.best_epoch == self.epoch and not self.under_way.steps


REFRESH = 0.5  # seconds between looks at the loss; each one waits for the device


class EpochClock:
    """Adds seconds to the epoch under way; what an interrupted process has spent on it is there already."""

    def __init__(self, epoch: Epoch):
        self.epoch = epoch
        self._counted = self._looked = time.perf_counter()

    def timed(self, batches):
        """Hand the batches on, measuring how long each one took to come."""
        iterator = iter(batches)
        while True:
            asked = time.perf_counter()
            batch = next(iterator, None)
            if batch is None:
                return
            self.epoch.waited += time.perf_counter() - asked
            yield batch
            self.count()

    def count(self) -> None:
        """Add what has passed since the last call."""
        now = time.perf_counter()
        self.epoch.seconds += now - self._counted
        self._counted = now

    def due(self) -> bool:
        """Whether it is time to look at the loss again."""
        now = time.perf_counter()
        if now - self._looked < REFRESH:
            return False
        self._looked = now
        return True
