"""Which data set a folder is: by its name, or by the folders in it."""

from pathlib import Path

from common.errors import UserError
from data.bdd100k import Bdd100kDrivable, Bdd100kSemantic
from data.camvid import CamVid
from data.cityscapes import Cityscapes
from data.kitti import Kitti, KittiRoad
from data.own_folder import OwnFolder
from data.samples import DataSet

KINDS = (Cityscapes, Kitti, KittiRoad, CamVid, Bdd100kDrivable, Bdd100kSemantic, OwnFolder)


def found(root: Path, dataset: str | None = None, classes: str | None = None) -> DataSet | None:
    """The data set at a folder, or None if it is of no known kind.

    Args:
        root: the folder.
        dataset: the name of its kind; None: recognised by the folders in it.
        classes: see `DataSet`.

    Raises:
        PermissionError: it may not be read.
        UserError: no kind of that name, several kinds at once, or no such classes.
    """
    kinds = [kind for kind in KINDS if kind.is_at(root)] if dataset is None else [_named(dataset)]
    if len(kinds) > 1:
        names = " and ".join(kind.name for kind in kinds)
        raise UserError(f"{root} holds {names}: choose one of them with `dataset`")
    return kinds[0](root, classes) if kinds else None


def opened(root: Path, dataset: str | None = None, classes: str | None = None) -> DataSet:
    """The data set at a folder; arguments as `found`.

    Raises:
        UserError: as `found`, or it is of no known kind, or may not be read.
    """
    try:
        data_set = found(root, dataset, classes)
    except PermissionError:
        data_set = None
    if data_set is None:
        data_set = Cityscapes(root, classes)
        data_set.splits()  # tells what is missing
    return data_set


def _named(name: str) -> type[DataSet]:
    for kind in KINDS:
        if kind.name == name:
            return kind
    raise UserError(f"no `dataset` is called {name}; there are {', '.join(kind.name for kind in KINDS)}")
