"""Experiment trackers, each used where it is asked for and installed: Weights & Biases, and MLflow.

They get what the run folder's log gets. A tracker that fails while the run goes on is named once and left
alone: no training ends because a server is away.
"""

import math
import os
import sys
from dataclasses import asdict
from pathlib import Path

from common import packages
from common.errors import UserError
from common.files import write_bytes
from training.config_fields import Config

MLFLOW_ID = "mlflow_run_id.txt"  # in the run folder, so that a resumed run goes on in the same MLflow run


def require_installed(config: Config) -> None:
    """Raise UserError if a tracker is configured that is not installed."""
    for package, wanted in (("wandb", config.wandb), ("mlflow", config.mlflow)):
        if wanted:
            packages.require(f"`{package}`", (package,), "tracking")


def opened(config: Config, run: Path) -> list["Tracker"]:
    """The configured trackers, started.

    Raises:
        UserError: one cannot be started: no login, no server.
    """
    kinds = ((config.wandb, WeightsAndBiases), (config.mlflow, MLflow))
    return [Tracker(kind(config, run)) for wanted, kind in kinds if wanted]


class Tracker:
    """A started tracker whose failures do not spread."""

    def __init__(self, service):
        self.service = service

    def log(self, row: dict, image: Path | None) -> None:
        """Hand on an epoch's figures (those that are numbers) and its image, if it has one."""
        figures = {name: value for name, value in row.items() if not math.isnan(value)}
        self._guarded(lambda service: service.log(figures, image))

    def close(self, finished: bool) -> None:
        """Send or write what was logged, and mark the run as finished or as interrupted."""
        self._guarded(lambda service: service.close(finished))

    def _guarded(self, act) -> None:
        if self.service is None:
            return
        try:
            act(self.service)
        except Exception as error:  # of any kind: theirs, their server's, the network's
            name, reason = type(self.service).__name__, (str(error).splitlines() or [type(error).__name__])[0]
            print(f"{name} failed and is left out from here on: {reason[:160]}", file=sys.stderr)
            self.service = None


class WeightsAndBiases:
    """A run of a Weights & Biases project, by the run folder's name; WANDB_MODE=offline works as usual."""

    def __init__(self, config: Config, run: Path):
        import wandb

        os.environ.setdefault("WANDB_SILENT", "true")
        try:
            self._run = wandb.init(
                project=config.wandb,
                id=f"{config.model.replace('+', 'p')}-{run.resolve().name}",  # ids take no '+'
                resume="allow",
                dir=str(run),
                config=_told(config),
            )
        except Exception as error:
            raise UserError(
                f"cannot start a Weights & Biases run ({str(error).splitlines()[0][:120]}); "
                "run `wandb login`, or set WANDB_MODE=offline"
            ) from error
        self._image = wandb.Image

    def log(self, figures: dict, image: Path | None) -> None:
        """One step an epoch."""
        images = {"predictions": self._image(str(image))} if image else {}
        self._run.log(figures | images, step=int(figures["epoch"]))

    def close(self, finished: bool) -> None:
        """Wait for what is still to be written."""
        self._run.finish(exit_code=0 if finished else 1)


class MLflow:
    """A run of the MLflow experiment with the model's name, at a tracking URI."""

    def __init__(self, config: Config, run: Path):
        os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
        import mlflow

        known = run / MLFLOW_ID
        try:
            self._client = mlflow.MlflowClient(tracking_uri=config.mlflow)
            if known.is_file():
                self._id = known.read_text().strip()
                return
            found = self._client.get_experiment_by_name(config.model)
            experiment = found.experiment_id if found else self._client.create_experiment(config.model)
            self._id = self._client.create_run(experiment, run_name=run.resolve().name).info.run_id
            for name, value in _told(config).items():
                self._client.log_param(self._id, name, value)
        except Exception as error:
            raise UserError(
                f"cannot start an MLflow run at {config.mlflow} ({str(error).splitlines()[0][:120]}); "
                "correct `mlflow`, for example sqlite:///mlflow.db"
            ) from error
        write_bytes(known, self._id.encode())

    def log(self, figures: dict, image: Path | None) -> None:
        """One step an epoch."""
        for name, value in figures.items():
            self._client.log_metric(self._id, name, float(value), step=int(figures["epoch"]))
        if image:
            self._client.log_artifact(self._id, str(image), "predictions")

    def close(self, finished: bool) -> None:
        """Mark the run; an interrupted one is marked anew when it has gone on."""
        self._client.set_terminated(self._id, "FINISHED" if finished else "KILLED")


def _told(config: Config) -> dict:
    """What trackers are told of a configuration: of the label set its name, which is what one filters by."""
    return asdict(config) | {"label_set": config.label_set.name}
