"""What the learning-rate finder leaves: JSON, an image, and the commands that use its suggestions."""

import io
import json
import shlex
from dataclasses import asdict
from pathlib import Path

from common.errors import UserError
from common.files import write_bytes
from training import options
from training.config import new
from training.config_fields import Config
from training.lr_finder.sweep import Suggestions, Sweep

FOLDER = "lrfinder_results"
ALWAYS_NAMED = ("model", "path", "optimizer", "target_size")
CYCLE = 8  # epochs of a whole cycle; Smith's step size is 2 to 10 epochs


def made_folder(logs: Path, config: Config) -> Path:
    """Make the folder `<logs>/<model>/lrfinder_results`, if it is not there.

    Raises:
        UserError: not writable.
    """
    folder = logs / config.model / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {folder}: {error.strerror}; see `logs`") from error
    return folder


def write(logs: Path, config: Config, found: Sweep, suggestions: Suggestions | None) -> Path:
    """Write `<logs>/<model>/lrfinder_results/<model>-<optimizer>[-<momentum>]` .json and .png.

    Returns:
        the path without its ending.

    Raises:
        UserError: not writable.
    """
    momentum = f"-{config.momentum:g}" if config.momentum else ""
    folder = made_folder(logs, config)
    name = f"{config.model}-{config.optimizer}{momentum}"
    content = {
        "config": asdict(config),
        "suggestions": asdict(suggestions) if suggestions else None,
        "commands": commands(config, suggestions) if suggestions else [],
        **asdict(found),
    }
    write_bytes(folder / f"{name}.json", (json.dumps(content, indent=2) + "\n").encode())
    write_bytes(folder / f"{name}.png", image(name, found, suggestions))
    return folder / name


def commands(config: Config, suggestions: Suggestions) -> list[str]:
    """train.py with one falling rate, and with cycles."""
    start = " ".join(["python train.py", *map(shlex.quote, words(config))])
    lowest, highest = suggestions.cyclic_minimum, suggestions.cyclic_maximum
    return [
        f"{start} --schedule polynomial --max-lr {suggestions.tenth_of_minimum:.2g} --min-lr 0 --power 0.9",
        f"{start} --schedule cyclic --min-lr {lowest:.2g} --max-lr {highest:.2g} --cycle {CYCLE}",
    ]


def words(config: Config) -> list[str]:
    """The options of train.py that make this configuration, its rates aside."""
    named = {name: getattr(config, name) for name in ("model", "optimizer", "target_size")}
    usual = new(named, Path(config.path))  # where a size is given, there is no crop by itself
    found = []
    for name, option in options.of(Config, nested=False).items():
        value = getattr(config, name)
        if name in ALWAYS_NAMED or value != getattr(usual, name):
            found += option.words(value)
    for name, value in config.options.items():
        option = name.replace("_", "-")
        found += [f"--no-{option}"] if value is False else [f"--{option}"]
        found += [] if isinstance(value, bool) else [str(value)]
    return found


def text(config: Config, found: Sweep, suggestions: Suggestions | None) -> str:
    """The suggestions, and how to use them."""
    ending = "until the loss burst" if found.diverged else "to the end"
    if not found.rates:
        return "the loss was no number at the first step: give a smaller `minimum`"
    seen = "{} images of {}x{}".format(config.batch, *config.training_size)
    lines = [
        f"{len(found.rates)} steps from {found.rates[0]:.2g} to {found.rates[-1]:.2g}, {ending}; "
        f"{seen} a step, augmentation {config.augment}"
    ]
    if not suggestions:
        return "\n".join([*lines, "the loss never fell: no suggestion; try another `minimum` and `maximum`"])
    lines += [
        f"steepest descent   {suggestions.steepest:.2g}",
        f"minimum / 10       {suggestions.tenth_of_minimum:.2g}",
        f"cyclic             {suggestions.cyclic_minimum:.2g} to {suggestions.cyclic_maximum:.2g}",
        *commands(config, suggestions),
    ]
    return "\n".join(lines)


def image(title: str, found: Sweep, suggestions: Suggestions | None) -> bytes:
    """Losses over rates with the suggestions marked, as PNG."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(9, 5), layout="constrained")
    axis.semilogx(found.rates, found.losses, color="0.75", linewidth=1, label="loss")
    axis.semilogx(found.rates, found.smoothed, label="smoothed")
    if suggestions:
        lowest, highest = suggestions.cyclic_minimum, suggestions.cyclic_maximum
        axis.axvspan(lowest, highest, alpha=0.12, label=f"cyclic {lowest:.2g} to {highest:.2g}")
        one, two = suggestions.steepest, suggestions.tenth_of_minimum
        axis.axvline(one, color="C1", label=f"steepest descent {one:.2g}")
        axis.axvline(two, color="C2", label=f"minimum / 10, {two:.2g}")
    if found.smoothed:
        axis.set_ylim(min(0, *found.losses), 1.5 * max(found.smoothed[: len(found.smoothed) // 2 + 1]))
    axis.set(xlabel="learning rate", ylabel="loss", title=title)
    axis.grid(alpha=0.3)
    axis.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    plt.close(figure)
    return buffer.getvalue()
