"""How far a run has come, to the picture."""

from dataclasses import dataclass, field


@dataclass
class Epoch:
    """What is done of the epoch under way."""

    pictures: int = 0  # of all ranks, those that fill up the last batch included
    steps: int = 0
    loss: float = 0.0  # summed over the steps
    learning_rate: float = 0.0  # of the first step
    seconds: float = 0.0
    waited: float = 0.0  # seconds of them in which no batch was ready

    @property
    def images_per_second(self) -> float:
        """Pictures of all ranks per second."""
        return self.pictures / max(self.seconds, 1e-9)

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
    ranks: int = 1  # or replicas; who made the steps of the epoch under way

    @classmethod
    def read(cls, saved: dict) -> "Progress":
        """The inverse of `dataclasses.asdict`."""
        return cls(**{**saved, "under_way": Epoch(**saved["under_way"])})

    def end_epoch(self, miou: float | None) -> None:
        """Count the epoch under way as finished, with its score if it was validated."""
        self.epoch, self.under_way = self.epoch + 1, Epoch()
        if miou is not None and miou > self.best_miou:
            self.best_miou, self.best_epoch = miou, self.epoch

    @property
    def is_best(self) -> bool:
        """Whether the epoch just finished is the best one."""
        return self.best_epoch == self.epoch and not self.under_way.steps
