"""The report, and single tables, as Markdown."""

import re
from pathlib import PurePosixPath

from benchmarks.report.page_parts import Cell, Report, Section, Table

SPECIAL = re.compile(r"([\\`*_\[\]#|~!])")


def document(report: Report, charts: PurePosixPath, images: PurePosixPath) -> str:
    """The whole report.

    Args:
        report: what to write.
        charts: folder of the charts' PNG files, as the document names it.
        images: folder of the images' JPEG files.
    """
    parts = [f"# {escape(report.title)}"]
    for headline in report.headlines:
        steps = [
            f"* **{escape(step.model)}**: {step.speed}, {step.quality}{', noisy' if step.noisy else ''}"
            for step in headline.steps
        ]
        parts += [f"{escape(headline.title)}:", "\n".join(steps)]
    parts += [escape(line) for line in report.about]
    for section in report.sections:
        parts += _section(section, charts, images)
    if report.left_out:
        lines = [f"* {escape(name)}: {escape(reason)}" for name, reason in report.left_out]
        parts += ["## Left out", "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def _section(section: Section, charts: PurePosixPath, images: PurePosixPath) -> list[str]:
    if section.lacking:
        return [f"## {section.title}", f"Not measured yet: `{section.lacking}`"]
    parts = [f"## {section.title}", section.text]
    parts += [f"![{escape(figure.title)}]({charts / figure.name}.png)" for figure in section.figures]
    parts += [part for one in section.tables for part in groups(one)]
    for number, (title, strip) in enumerate(section.strips):
        shown = [
            f"![{escape(image.title)}]({images / image_name(section, number, place)})"
            for place, image in enumerate(strip)
        ]
        parts += [f"### {escape(title)}", " ".join(shown)]
    return parts


def image_name(section: Section, strip: int, place: int) -> str:
    """The file of a section's image."""
    return f"{section.anchor}-{strip}-{place}.jpg"


def groups(table: Table) -> list[str]:
    """A table for each group under the group's title; columns that stay empty in all of them are left out."""
    rows = [row for _, group in table.groups for row in group]
    filled = [
        place for place in range(len(table.columns)) if any(row[place].value is not None for row in rows)
    ]
    columns = [table.columns[place] for place in filled]
    head = [
        _line(escape(column.name) for column in columns),
        _line("---:" if column.numeric else "---" for column in columns),
    ]
    parts = []
    for title, group in table.groups:
        if title:
            parts.append(f"**{escape(title)}**")
        parts.append("\n".join(head + [_line(_cell(row[place]) for place in filled) for row in group]))
    return parts


def _line(cells) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell) -> str:
    return f"{escape(cell.text)} *{cell.mark}*" if cell.mark else escape(cell.text)


def escape(text: str) -> str:
    """Words that Markdown shows as they are, whoever wrote them."""
    return SPECIAL.sub(r"\\\1", text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
