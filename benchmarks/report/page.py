"""The report as one HTML page that needs nothing but itself."""

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from benchmarks.report import themes
from benchmarks.report.page_parts import Report

ROOM = Path(__file__).parent
SCRIPTS = ("page.js", "front.js", "pictures.js")
ANSWERS, CHARTS = 4, 8  # of a kind that are seen at once


def html(report: Report) -> str:
    """The page. Words of records are escaped, and only the page's own script may run."""
    script = "".join((ROOM / name).read_text() for name in SCRIPTS)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
    templates = Environment(
        loader=FileSystemLoader(ROOM), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    templates.filters["uri"] = _uri
    return templates.get_template("page.html.jinja").render(
        report=report,
        filled=[section for section in report.sections if not section.lacking],
        lacking=[section for section in report.sections if section.lacking],
        style=Markup(themes.css() + (ROOM / "page.css").read_text()),
        script=Markup(script),
        policy=Markup(policy),
        shown=ANSWERS,
        most=CHARTS,
    )


def _uri(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
