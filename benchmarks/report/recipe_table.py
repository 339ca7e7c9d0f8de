"""The recipes of all architectures as a section; of no record."""

from benchmarks.report.page_parts import Cell, Column, Section, Table, text
from models import registry
from training.recipes import RECIPES, Recipe, schedule

COLUMNS = [
    Column("model", numeric=False),
    Column("optimizer, rate", numeric=False),
    Column("schedule", numeric=False),
    Column("weight decay"),
    Column("images of a step", numeric=False),
    Column("length", numeric=False),
    Column("augmentation", numeric=False),
    Column("loss, auxiliary weight", numeric=False),
    Column("from", numeric=False),
]


def section() -> Section:
    """A table of what `train.py -m NAME` alone trains with."""
    rows = [_row(name, RECIPES[name]) for name in registry.ARCHITECTURES if name in RECIPES]
    return Section(
        "recipes", "Recipes", tables=[Table("Recipes", COLUMNS, [("images of 1024x2048, one GPU", rows)])]
    )


def _row(name: str, recipe: Recipe) -> list[Cell]:
    rates = recipe.rates
    head = f", head times {recipe.head_rate:g}" if recipe.head_rate != 1 else ""
    averaged = f", average {recipe.ema:g}" if recipe.ema else ""
    size = "{} crops of {}x{}".format(recipe.batch, *recipe.crop) if recipe.crop else f"{recipe.batch} whole"
    size += f", a class in at most {100 * recipe.balance:g} %" if recipe.balance < 1 else ""
    counted = f"{recipe.iterations:,} steps: " if recipe.iterations else ""
    loss = recipe.loss + (f", {recipe.auxiliary:g}" if recipe.auxiliary else "")
    return [
        text(name),
        text(f"{recipe.optimizer} {rates.maximum:g}{head}{averaged}"),
        text(schedule(rates)),
        Cell(f"{recipe.weight_decay:g}", recipe.weight_decay),
        text(size),
        text(f"{counted}{recipe.length} epochs"),
        text(recipe.augment),
        text(loss),
        text(recipe.source),
    ]
