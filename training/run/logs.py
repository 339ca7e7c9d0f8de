"""What a run leaves to look at: CSV, TensorBoard, images, curves."""

import csv
import io
from pathlib import Path

import numpy as np
import tensorflow as tf

from common.files import write_bytes
from data import png
from data.label_sets import IGNORED, LabelSet
from training.run import run_folder

FIRST = ["epoch", "step", "learning_rate", "loss", "val_loss", "val_accuracy", "val_miou"]  # columns
LAST = ["images_per_s", "data_wait", "seconds"]
IMAGES = 4  # validation images shown each epoch


class Logs:
    """Writes a run's logs after each epoch; a resumed run continues them.

    Args:
        run: the run folder.
        label_set: of the run.
        epoch: finished epochs; rows of later ones (of an epoch that was cut off) are dropped.
    """

    def __init__(self, run: Path, label_set: LabelSet, epoch: int):
        self.run = run
        self.columns = [*FIRST, *iou_columns(label_set), *LAST]
        self.rows = [row for row in read(run) if int(row["epoch"]) <= epoch]
        self.tensorboard = tf.summary.create_file_writer(str(run / "tensorboard"))

    def write(self, row: dict, shown: list[np.ndarray]) -> None:
        """Write an epoch's figures and images.

        Args:
            row: values of `columns`; those of the validation are missing where there was none.
            shown: uint8 [H, 3 * W, 3], image | truth | prediction; none where there was no validation.
        """
        self.rows.append({name: _text(row[name]) if name in row else "" for name in self.columns})
        text = io.StringIO()
        table = csv.DictWriter(text, self.columns, lineterminator="\n")
        table.writeheader()
        table.writerows(self.rows)
        write_bytes(self.run / run_folder.LOG, text.getvalue().encode())
        if shown:
            png.write(self.image_path(row["epoch"]), np.concatenate(shown))
        with self.tensorboard.as_default(step=row["epoch"]):
            for name in self.columns[2:]:
                if not np.isnan(row.get(name, np.nan)):
                    tf.summary.scalar(name, row[name])
            if shown:
                tf.summary.image("image_truth_prediction", np.concatenate(shown)[None])
        self.tensorboard.flush()

    def image_path(self, epoch: int) -> Path:
        """The file that shows an epoch's validation images."""
        return self.run / "images" / f"epoch_{epoch}.png"


def iou_columns(label_set: LabelSet) -> list[str]:
    """The columns of the classes' IoUs, by train id."""
    return [f"iou_{name.replace(' ', '_')}" for name in label_set.names]


def read(run: Path) -> list[dict]:
    """The rows of a run's log, oldest first, as text; none if there is no log yet."""
    path = run / run_folder.LOG
    if not path.is_file():
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def side_by_side(
    image: np.ndarray, truth: np.ndarray, prediction: np.ndarray, label_set: LabelSet
) -> np.ndarray:
    """Image | truth | prediction, uint8 [H, 3 * W, 3]; ignored pixels are black in the truth alone."""
    return np.concatenate([image, *map(label_set.colorize, (truth, prediction))], axis=1)


def _text(value) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def draw_curves(run: Path) -> None:
    """Draw loss, mIoU and learning rate over the epochs into `curves.png`."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = read(run)
    panels = {
        "loss": {"loss": "training (augmented)", "val_loss": "validation, cross-entropy"},
        "share": {"val_miou": "mIoU", "val_accuracy": "pixel accuracy"},
        "learning rate": {"learning_rate": "learning rate"},
    }
    figure, axes = plt.subplots(1, 3, figsize=(15, 4.2), layout="constrained")
    for axis, (label, lines) in zip(axes, panels.items()):
        for column, name in lines.items():
            points = [(int(row["epoch"]), float(row[column])) for row in rows if row[column]]
            axis.plot(*zip(*points), marker=".", label=name)
        axis.set(xlabel="epoch", ylabel=label)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
        axis.legend()
    axes[1].set_ylim(0, 1)
    figure.suptitle("/".join(run.resolve().parts[-2:]))
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    plt.close(figure)
    write_bytes(run / run_folder.CURVES, buffer.getvalue())


def samples_of(images, labels, predictions, label_set: LabelSet) -> list[np.ndarray]:
    """The images of a validation batch to show; padding, which is all ignored, is left out."""
    triples = zip(images.numpy(), labels.numpy(), predictions.numpy())
    return [side_by_side(*triple, label_set) for triple in triples if (triple[1] != IGNORED).any()][:IMAGES]
