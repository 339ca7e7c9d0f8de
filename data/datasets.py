"""Which data set a folder is, by the folders in it."""

from pathlib import Path

from data.cityscapes import Cityscapes
from data.samples import DataSet

KINDS = (Cityscapes,)


def found(root: Path) -> DataSet | None:
    """The data set at a folder, or None if it is of no known kind.

    Raises:
        PermissionError: it may not be read.
    """
    return next((kind(root) for kind in KINDS if kind.is_at(root)), None)


def opened(root: Path) -> DataSet:
    """The data set at a folder.

    Raises:
        UserError: it is of no known kind, or may not be read.
    """
    try:
        data_set = found(root)
    except PermissionError:
        data_set = None
    if data_set is None:
        data_set = Cityscapes(root)
        data_set.splits()  # tells what is missing
    return data_set
