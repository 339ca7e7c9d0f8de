"""A chart drawn once by matplotlib: SVG that takes the page's colours and type, and PNG on white."""

import io
import re
import warnings
from xml.etree import ElementTree

import matplotlib
from matplotlib import ticker
from matplotlib.figure import Figure as Drawing

from benchmarks.report import themes
from benchmarks.report.page_parts import Figure
from benchmarks.report.themes import LIGHT, SERIES

WIDTH, HEIGHT = 420, 300  # CSS pixels, of which a point is one here
LEGEND = 17  # of a line of the legend
BAR = 0.34  # of a row, whose name is above it
MARKERS = "osD^vPX*"
DASHES = ("-", "--", ":", "-.")
STYLE = {
    "svg.fonttype": "none",  # text stays text
    "text.parse_math": False,  # names with dollars are names
    "font.size": 12,
    "font.family": ["DejaVu Sans"],  # wider than the page's, so that what fits here fits there
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.linewidth": 1,
    "axes.titlesize": 12,
    "grid.linewidth": 1,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 11,
    **dict.fromkeys(["text.color", "legend.labelcolor"], LIGHT["ink"]),
    **dict.fromkeys(["axes.labelcolor", "xtick.color", "ytick.color"], LIGHT["faint"]),
    **dict.fromkeys(["axes.edgecolor", "grid.color"], LIGHT["line"]),
}
SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
ElementTree.register_namespace("", SVG)
ElementTree.register_namespace("xlink", XLINK)


drawn = matplotlib.rc_context(STYLE)  # decorates functions that draw


class Canvas:
    """A chart with one pair of axes, for functions that are `drawn`.

    Args:
        name: of its files and of the names within its SVG; different for each chart of a page.
        title: what it shows, for those who do not see it as well.
        height: in CSS pixels.
    """

    def __init__(self, name: str, title: str, height: int = HEIGHT):
        self.name, self.title = name, title
        self._tips: dict[str, str] = {}
        self.drawing = Drawing(figsize=(WIDTH / 72, height / 72), layout="constrained")
        self.axes = self.drawing.add_subplot()

    def tip(self, artist, text: str) -> None:
        """Have the page show a text where the pointer rests on what was drawn."""
        key = f"tip{len(self._tips)}"
        artist.set_gid(key)
        self._tips[key] = text

    def log_axis(self, axis, values: list[float]) -> bool:
        """Make an axis ('x' or 'y') logarithmic if values span most of a decade; whether it is."""
        if max(values) < 8 * min(values):
            return False
        getattr(self.axes, f"set_{axis}scale")("log")
        chosen = getattr(self.axes, f"{axis}axis")
        steps = (1, 2, 5) if max(values) < 500 * min(values) else (1,)
        chosen.set_major_locator(ticker.LogLocator(subs=steps))
        chosen.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
        chosen.set_minor_locator(ticker.NullLocator())
        return True

    def name_rows(self, names: list[str]) -> None:
        """Rows from the top, their names above their bars, which leaves a phone's width to the figures."""
        for place, name in enumerate(names):
            self.axes.annotate(
                name,
                (0, place - BAR / 2),
                (2, 3),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                va="bottom",
                fontsize=11,
            )
        self.axes.set_ylim(len(names) - 0.5, -0.85)
        self.axes.yaxis.set_visible(False)
        self.axes.spines["left"].set_visible(False)

    def legend(self, columns: int = 2) -> None:
        """Name the series below the chart."""
        handles, labels = self.axes.get_legend_handles_labels()
        if len(labels) > 1:
            columns = 1 if max(map(len, labels)) > 22 else columns
            rows = -(-len(labels) // columns)
            self.drawing.set_figheight(self.drawing.get_figheight() + LEGEND * (rows - 1) / 72)
            self.drawing.legend(handles, labels, loc="outside lower left", ncols=columns)

    def finish(self) -> Figure:
        """The chart as it stands."""
        svg, png = io.BytesIO(), io.BytesIO()
        with matplotlib.rc_context({"svg.hashsalt": self.name}), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # signs that its font lacks; the browser has them
            nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
            self.drawing.savefig(svg, format="svg", transparent=True, metadata=nothing)
            self.drawing.savefig(png, format="png", dpi=144, facecolor="white")
        root = self._themed(svg.getvalue())
        inline = ElementTree.tostring(root, encoding="unicode")
        style = ElementTree.Element(f"{{{SVG}}}style")
        style.text = themes.css() + ":root { --sans: sans-serif; }"
        root.insert(0, style)
        alone = ElementTree.tostring(root, encoding="unicode")
        return Figure(self.name, self.title, inline, alone, png.getvalue())

    def _themed(self, content: bytes) -> ElementTree.Element:
        """SVG for inside a page: names that are its own, the page's type and colours, and its tips."""
        root = ElementTree.fromstring(content)
        for element in root.iter():
            for key in ("id", f"{{{XLINK}}}href", "clip-path"):
                if value := element.get(key):
                    element.set(key, re.sub(r"^(url\(#|#|)", rf"\g<1>{self.name}-", value))
            if style := element.get("style"):
                element.set("style", _themed_style(style))
            tip = self._tips.get((element.get("id") or "").removeprefix(f"{self.name}-"))
            if tip is not None:
                title = ElementTree.Element(f"{{{SVG}}}title")
                title.text = tip
                element.insert(0, title)
        title = ElementTree.Element(f"{{{SVG}}}title")
        title.text = self.title
        root.insert(0, title)
        for key in ("width", "height"):
            root.attrib.pop(key)
        root.set("role", "img")
        return root


def _themed_style(style: str) -> str:
    style = re.sub(r"font: ([^;]*?[\d.]+px)[^;]*", r"font: \1 var(--sans)", style)
    for name, color in LIGHT.items():
        style = style.replace(color, f"var(--{name})")
    return style


def colors(names: list[str]) -> dict[str, str]:
    """A colour for each name, the same whenever the names are."""
    return {name: SERIES[number % len(SERIES)] for number, name in enumerate(sorted(set(names)))}


def dashes(names: list[str]) -> dict[str, str]:
    """A kind of line for each name."""
    return {name: DASHES[number % len(DASHES)] for number, name in enumerate(sorted(set(names)))}


def markers(names: list[str]) -> dict[str, str]:
    """A marker for each name."""
    return {name: MARKERS[number % len(MARKERS)] for number, name in enumerate(sorted(set(names)))}
