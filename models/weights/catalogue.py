"""The published weights that load here, by name: `published.toml`, which says what its fields mean."""

import difflib
import functools
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

from models import registry
from models.weights import download

FILE = Path(__file__).with_name("published.toml")
CACHE = "WEIGHTS_CACHE"  # environment variable: folder that fetched files are kept in


@dataclass(frozen=True)
class Source:
    """Who published weights.

    Attributes:
        title: in tables and messages.
        page: of the code.
        folder: of the files, a URL that ends in a slash.
        licence: of the code and the weights.
        citation: beside those of the architectures.
    """

    title: str
    page: str
    folder: str
    licence: str
    citation: str


@dataclass(frozen=True)
class Published:
    """A file of weights.

    Attributes:
        name: in the catalogue.
        source: who published it.
        model: a key of `models.registry.ARCHITECTURES`.
        options: of `models.build` that tell the network from others of the architecture.
        file: below the source's folder.
        miou: published with it, in %, at one scale without flipping.
        tested: the sizes of pictures, or windows, of that score.
        data: what it was trained on, with the terms.
        sha256: the hash, or first digits of it, if published.
        answer: logits of one pixel of a made-up street, see `benchmarks.zoo.answer`, of weights whose logits
            have been compared with the original code's.
    """

    name: str
    source: Source
    model: str
    options: dict
    file: str
    miou: float
    tested: str
    data: str
    sha256: str = ""
    answer: tuple[float, ...] = ()

    @property
    def address(self) -> str:
        """Where it is fetched from."""
        return self.source.folder + self.file

    @property
    def path(self) -> Path:
        """Where it is kept once fetched; also where to put what was fetched otherwise."""
        return cache() / self.name / self.file.rpartition("/")[2]

    @property
    def network(self) -> str:
        """The network in a few words: `PSPNet, ResNet-50 v1c`."""
        others = [str(value) for name, value in self.options.items() if name not in ("encoder", "preset")]
        return ", ".join([*registry.titles(self.model, self.options.get("encoder")), *others])

    @property
    def papers(self) -> list[str]:
        """Of the architecture and its encoder."""
        found = registry.ARCHITECTURES.get(self.model), registry.ENCODERS.get(self.options.get("encoder"))
        return list(dict.fromkeys(one.paper for one in found if one))

    @property
    def terms(self) -> str:
        """The licence, and what to cite, in one line."""
        return f"{self.source.licence}; {self.data}; cite {', '.join([*self.papers, self.source.citation])}"


def cache() -> Path:
    """The folder of fetched weights: `WEIGHTS_CACHE`, else below `XDG_CACHE_HOME`, else below ~/.cache."""
    if folder := os.environ.get(CACHE):
        return Path(folder).expanduser()
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "street-scene-benchmark" / "weights"


@functools.cache
def published() -> dict[str, Published]:
    """All of the catalogue by name, in its order."""
    content = tomllib.loads(FILE.read_text())
    sources = {name: Source(**fields) for name, fields in content["sources"].items()}
    return {
        name: Published(name, **(fields | {"source": sources[fields["source"]], "data": content["data"]}))
        for name, fields in content["weights"].items()
    }


def networks() -> list[Published]:
    """The entries of different networks, of each the first."""
    found: dict[str, Published] = {}
    for one in published().values():
        found.setdefault(one.network, one)
    return list(found.values())


def find(name: Path | str) -> Published | None:
    """What is called so in the catalogue, unless there is a file or folder of that name."""
    return None if Path(name).exists() else published().get(str(name))


def near(name: Path | str) -> str:
    """` (did you mean NAME?)` where the catalogue has a similar one, else nothing."""
    longer = [one for one in published() if one.startswith(str(name))]
    found = longer or difflib.get_close_matches(str(name), published(), 1)
    return f" (did you mean {found[0]}?)" if found else ""


def fetch(found: Published) -> Path:
    """Its file, fetched if it is not in the cache yet.

    Raises:
        UserError: it cannot be fetched: says which file to put where; or it is damaged.
    """
    return download.fetch(download.Remote(found.address, found.sha256), found.path)


def table() -> str:
    """The catalogue as text in columns."""
    rows = [("name", "network", "mIoU, %", "tested on", "by")]
    rows += [
        (one.name, one.network, f"{one.miou:.2f}", one.tested, one.source.title)
        for one in published().values()
    ]
    widths = [max(map(len, column)) for column in zip(*rows)]
    right = 2  # the column of numbers
    lines = [
        "  ".join(
            cell.rjust(width) if place == right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths))
        ).rstrip()
        for row in rows
    ]
    return "\n".join(lines)
