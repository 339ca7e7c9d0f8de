"""The time of an epoch's steps, and the share of it spent waiting for data."""

import time

from training.progress import Epoch

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
