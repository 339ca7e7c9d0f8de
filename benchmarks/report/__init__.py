"""The report: records in, one HTML page, Markdown and images out.

files -> rows -> sections (tables, charts, images) -> page.html.jinja | report.md | charts/*.png, *.svg
"""
