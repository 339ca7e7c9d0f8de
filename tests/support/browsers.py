"""A real browser for pages: Chromium, headless, driven by Playwright; tests skip where there is none."""

import contextlib
import os
import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def executable() -> str:
    """The path of a Chromium; skips the test where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")
    return found


@contextlib.contextmanager
def browser():
    """A Chromium of Playwright's interface, without its own download."""
    api = pytest.importorskip("playwright.sync_api", reason="needs the extra browser")
    path = executable()
    options = ["--no-sandbox"] if os.geteuid() == 0 else []  # which root cannot have
    with api.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, args=options)
        try:
            yield chromium
        finally:
            chromium.close()


@contextlib.contextmanager
def opened(chromium, path, width=1280, height=900, dark=False):
    """A loaded page; fails at its end if the console had anything to say or a network was asked."""
    page = chromium.new_page(
        viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
    )
    complaints, asked = [], []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    yield page
    page.close()
    assert not complaints
    assert [url[:200] for url in asked if not url.startswith(("data:", path.as_uri()))] == []
