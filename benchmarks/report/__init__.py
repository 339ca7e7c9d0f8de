"""The report: records in, one HTML page, Markdown and pictures out.

files -> rows -> sections (tables, charts, pictures) -> page.html.jinja | report.md | charts/*.png, *.svg
"""
