"""What a run makes of services that fail; the services themselves are tested by whole runs."""

import math

from training.run.trackers import Tracker


class Service:
    """Takes one epoch; then its server is gone."""

    def __init__(self):
        self.taken = []

    def log(self, figures, image):
        if self.taken:
            raise ConnectionError("the server is gone\nand a second line")
        self.taken.append((figures, image))

    def close(self, finished):
        raise AssertionError("a service that failed is not asked again")


def test_a_service_that_fails_is_left_out_and_the_run_goes_on(capsys):
    service = Service()
    tracker = Tracker(service)
    tracker.log({"loss": 0.5, "val_miou": math.nan}, None)
    assert service.taken == [({"loss": 0.5}, None)]
    for _ in range(2):
        tracker.log({"loss": 0.25}, None)
    tracker.close(finished=True)
    told = capsys.readouterr().err
    assert told == "Service failed and is left out from here on: the server is gone\n"
