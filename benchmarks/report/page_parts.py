"""What a report consists of, before it becomes HTML or Markdown."""

from dataclasses import dataclass, field

DASH = "\N{EN DASH}"


@dataclass(frozen=True)
class Cell:
    """A table's cell.

    Attributes:
        text: as people read it.
        value: what the table sorts by; None sorts last.
        mark: a word behind the text, such as `best` or `noisy`.
        shade: 0 to 1, how deep the cell is coloured; None leaves it as it is.
    """

    text: str
    value: float | str | None = None
    mark: str = ""
    shade: float | None = None


@dataclass(frozen=True)
class Column:
    """A table's column; numbers stand on the right."""

    name: str
    numeric: bool = True


class Row(list):
    """A table's row of `Cell`s.

    Attributes:
        filters: what the first screen's filters know it by; empty for rows that they leave alone.
    """

    def __init__(self, cells, filters: dict | None = None):
        super().__init__(cells)
        self.filters = filters or {}


@dataclass
class Table:
    """Rows in groups, of which each is sorted for itself.

    Attributes:
        name: for people who do not see it.
        columns: of every group.
        groups: (title, rows); a single group may have no title.
        filters: whether the page offers a field to filter the rows.
    """

    name: str
    columns: list[Column]
    groups: list[tuple[str, list[list[Cell]]]]
    filters: bool = False


@dataclass(frozen=True)
class Figure:
    """A chart.

    Attributes:
        name: of its files.
        title: what it shows.
        svg: for inside the page, which gives it colours.
        standalone: SVG for a file, with colours of its own.
        png: on white.
    """

    name: str
    title: str
    svg: str
    standalone: str
    png: bytes


@dataclass(frozen=True)
class Image:
    """An image in the page, JPEG."""

    title: str
    jpeg: bytes


@dataclass
class Section:
    """A part of the report with its own heading.

    Attributes:
        anchor: its place in the page.
        title: its heading.
        text: what it shows and does not show, in a few sentences.
        figures: charts.
        tables: tables.
        strips: (title, images side by side).
        switchable: whether the page offers to show one image of each strip, those of one title.
        lacking: the command that would fill it, where there is nothing to show.
    """

    anchor: str
    title: str
    text: str = ""
    figures: list[Figure] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    strips: list[tuple[str, list[Image]]] = field(default_factory=list)
    switchable: bool = False
    lacking: str = ""


@dataclass(frozen=True)
class Choice:
    """A filter of the first screen.

    Attributes:
        name: key of the points.
        title: as people read it.
        values: from the usual one.
        all: whether all values together can be chosen, which then is the usual choice.
    """

    name: str
    title: str
    values: list[str]
    all: bool = False


@dataclass(frozen=True)
class Front:
    """What the first screen's chart is drawn from.

    Attributes:
        choices: filters.
        points: plain values, see `benchmarks.report.front`.
    """

    choices: list[Choice]
    points: list[dict]


@dataclass
class Step:
    """A line of a headline: the model to take, how fast it is, how right, and what to know of it."""

    model: str
    speed: str
    quality: str
    noisy: bool


@dataclass
class Headline:
    """The answer for one group of measurements: what is best at which speed, fastest first."""

    title: str
    steps: list[Step]


@dataclass
class Report:
    """All of it.

    Attributes:
        title: of the page.
        about: lines of text.
        headlines: what is best at which speed, in words.
        sections: charts and tables.
        left_out: (name, reason) of what could not be used.
        front: the first screen's chart, if any mIoU is known.
    """

    title: str
    about: list[str]
    headlines: list[Headline]
    sections: list[Section]
    left_out: list[tuple[str, str]]
    front: Front | None = None


def number(value: float | None, mark: str = "") -> Cell:
    """A number, or a dash."""
    if value is None:
        return Cell(DASH)
    return Cell(significant(value), value, mark)


def text(value: object, mark: str = "") -> Cell:
    """A cell of words."""
    return Cell(str(value), str(value).casefold(), mark)


def significant(value: float, digits: int = 3) -> str:
    """With so many significant digits, and a comma between thousands: 1,303 but 7.44 and 0.0126."""
    if value == 0:
        return "0"
    if abs(value) < 1:
        return f"{value:#.{digits}g}"
    places = (
        digits - 1 - int(f"{value:.{digits - 1}e}".split("e")[1])
    )  # 9.996 has two digits before the point
    return f"{value:,.{max(places, 0)}f}"


def span(least: float, most: float) -> Cell:
    """From the least to the most."""
    return Cell(f"{significant(least)}{DASH}{significant(most)}", most - least)
