"""`benchmark.py report`: read, compose, write."""

import argparse
import sys
from pathlib import Path, PurePosixPath

from common.errors import UserError

HELP = "one HTML page, Markdown and charts of records, runs and predicted images"
RESULTS = Path(__file__).parents[1] / "results"
TITLE = "Which model is best at which speed?"
PAGE, TEXT = "index.html", "report.md"


def add_arguments(parser) -> None:
    """The command's options."""
    parser.add_argument(
        "folders",
        nargs="*",
        type=Path,
        default=[RESULTS],
        metavar="FOLDER",
        help="folders of records (default: benchmarks/results)",
    )
    parser.add_argument(
        "--runs", nargs="+", type=Path, default=[], metavar="RUN", help="training runs to draw"
    )
    parser.add_argument(
        "--pictures",
        nargs="+",
        type=source,
        default=[],
        metavar="NAME=FOLDER",
        help="results of predict.py or evaluate.py, or folders of PNG images: the same images by each",
    )
    parser.add_argument("--title", default=TITLE, help="(default: %(default)s)")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("report"), metavar="FOLDER", help="(default: report)"
    )
    tables = parser.add_mutually_exclusive_group()
    tables.add_argument(
        "--tables", action="store_true", help="instead: write README.md's and docs/'s tables of records anew"
    )
    tables.add_argument("--check", action="store_true", help="instead: status 1 if those tables differ")


def source(text: str) -> tuple[str, Path]:
    """argparse type: NAME=FOLDER, or a folder that gives the name."""
    name, equals, folder = text.partition("=")
    path = Path(folder if equals else name)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"no folder {path}")
    return (name if equals else path.resolve().name), path


def run(options) -> int:
    """Write the report; returns the exit status.

    Raises:
        UserError: no records, or a run or folder of images that is none.
    """
    if options.tables or options.check:
        from benchmarks.report import generated

        return generated.run(options.folders, check=options.check)
    for folder in options.folders:  # before the slow imports
        if not folder.exists():
            raise UserError(f"no folder {folder}; name one with records, such as benchmarks/results")
    from benchmarks.report import markdown, page

    report = compose(options.folders, options.runs, dict(options.pictures), options.title)
    charts = [figure for section in report.sections for figure in section.figures]
    files = {PAGE: page.html(report).encode()}
    files[TEXT] = markdown.document(report, PurePosixPath("charts"), PurePosixPath("pictures")).encode()
    files |= {f"charts/{chart.name}.png": chart.png for chart in charts}
    files |= {f"charts/{chart.name}.svg": chart.standalone.encode() for chart in charts}
    for section in report.sections:
        for number, (_, strip) in enumerate(section.strips):
            for place, image in enumerate(strip):
                files[f"pictures/{markdown.image_name(section, number, place)}"] = image.jpeg
    write(options.output, files)
    for name, reason in report.left_out:
        print(f"left out {name}: {reason}", file=sys.stderr)
    print(f"report: {options.output / PAGE}")
    return 0


def compose(
    folders: list[Path], runs: list[Path] = (), images: dict[str, Path] | None = None, title: str = TITLE
):
    """The report's content, a `parts.Report`.

    Args:
        folders: of records.
        runs: training runs.
        images: name -> folder of images, see `gallery.section`.
        title: of the page.

    Raises:
        UserError: no records, or a run or folder of images that is none.
    """
    from benchmarks.report import (
        costs,
        environments,
        front,
        gallery,
        peers,
        run_curves,
        score_table,
        speed,
        trained_table,
        training,
    )
    from benchmarks.report.page_parts import Report
    from benchmarks.report.ranking import groups, headlines
    from benchmarks.report.reported import gather

    found = gather(folders)
    sections = [
        gallery.section(images or {}, found.speeds),
        *speed.sections(found),
        *training.sections(found),
        peers.section(found),
        run_curves.section(list(runs)),
        trained_table.section(found),
        *score_table.sections(found),
        *costs.sections(found),
        environments.section(found),
    ]
    days = [record["date"][:10] for record in found.records]
    period = " to ".join(sorted({days[0], days[-1]}))
    about = [f"{len(days)} record{'' if len(days) == 1 else 's'}, {period}."]
    if found.superseded:
        about.append(f"{found.superseded} older measurements of a configuration gave way to newer ones.")
    best = headlines(groups(found.speeds))
    return Report(title, about, best, sections, found.left_out, front.front(found.speeds))


def write(folder: Path, files: dict[str, bytes]) -> None:
    """Write files below a folder, each whole or not at all.

    Raises:
        UserError: it cannot be written to.
    """
    from common.files import write_bytes, writing_error

    for name, content in files.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise writing_error(path.parent, error, "give another -o/--output") from error
        write_bytes(path, content)
