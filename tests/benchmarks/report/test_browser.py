"""The page in a real browser: nothing complains, tables sort and filter, no text lies on another."""

import math

import pytest

import reports
from benchmarks.report import report_command
from benchmarks.report.values import Spread
from browsers import browser, opened
from common.errors import UserError
from tiny import tiny_dataset

pytestmark = pytest.mark.slow

OVERLAPS = """() => [...document.querySelectorAll("svg")].flatMap((svg) => {
  const texts = [...svg.querySelectorAll("text")].filter((text) => text.textContent.trim());
  const boxes = texts.map((text) => text.getBoundingClientRect());
  const found = [];
  for (let i = 0; i < boxes.length; i++) for (let j = 0; j < i; j++) {
    const [a, b] = [boxes[i], boxes[j]];
    const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (wide > 1 && high > 2) found.push(`${texts[i].textContent} | ${texts[j].textContent}`);
  }
  return found;
})"""
OUTSIDE = """() => [...document.querySelectorAll("svg")].flatMap((svg) => {
  const frame = svg.getBoundingClientRect();
  return [...svg.querySelectorAll("text")].filter((text) => {
    const box = text.getBoundingClientRect();
    return box.width && (box.left < frame.left - 1 || box.right > frame.right + 1
      || box.top < frame.top - 1 || box.bottom > frame.bottom + 1);
  }).map((text) => text.textContent);
})"""
COLUMN = """([group, name]) => {
  const table = document.querySelector("#inference table");
  const place = [...table.tHead.rows[0].cells].findIndex((cell) => cell.textContent.trim() === name);
  return [...table.tBodies[group].rows].slice(1).map((row) => row.cells[place].dataset.value);
}"""


@pytest.fixture(scope="module")
def chromium():
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    """A report of every kind of record, with a run and images."""
    folder = tmp_path_factory.mktemp("report")
    town = tiny_dataset(folder / "town", val=3)
    truth = town / "gtFine" / "val"
    run = reports.run(folder / "fastscnn" / "20260102-030405")
    found = report_command.compose(
        [reports.save(folder / "records", reports.everything())],
        [run],
        {"Fast-SCNN": truth, "image": town / "leftImg8bit" / "val", "U-Net": truth, "truth": truth},
    )
    from benchmarks.report import page

    path = folder / "index.html"
    path.write_text(page.html(found))
    return path


@pytest.mark.parametrize("width", [390, 768, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_fits_and_says_nothing(chromium, page_file, width, dark):
    with opened(chromium, page_file, width, dark=dark) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
        assert page.evaluate("document.querySelectorAll('svg').length") > 15
        assert page.evaluate(OVERLAPS) == []
        assert page.evaluate(OUTSIDE) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_overlaps_would_be_seen(chromium, page_file):
    with opened(chromium, page_file) as page:
        page.evaluate("document.querySelectorAll('svg text').forEach((one) => one.style.fontSize = '34px')")
        assert page.evaluate(OVERLAPS) and page.evaluate(OUTSIDE)


def test_every_name_is_there_once(chromium, page_file):
    with opened(chromium, page_file) as page:
        names = page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
        assert len(names) == len(set(names))
        dangling = """() => [...document.querySelectorAll("a[href^='#'], use")].map((one) =>
          (one.getAttribute("href") ?? one.getAttribute("xlink:href")).slice(1))"""
        assert set(page.evaluate(dangling)) <= set(names)


def test_sorts_each_group_for_itself(chromium, page_file):
    with opened(chromium, page_file) as page:
        groups = page.evaluate("document.querySelectorAll('#inference tbody').length")
        assert groups == 7
        heading = page.locator("#inference th", has_text="p50, ms")
        for direction, reverse in (("descending", True), ("ascending", False)):
            heading.locator("button").click()
            assert heading.get_attribute("aria-sort") == direction
            for group in range(groups):
                values = [float(v) for v in page.evaluate(COLUMN, [group, "p50, ms"]) if v is not None]
                assert values == sorted(values, reverse=reverse)
        page.locator("#inference th", has_text="model").first.locator("button").click()
        names = page.evaluate(COLUMN, [0, "model"])
        assert names == sorted(names) and len(set(names)) == 5
        titles = page.evaluate("[...document.querySelectorAll('#inference tr.group')].map((r) => r.rowIndex)")
        assert len(titles) == groups  # the headings stayed on top of their rows
        assert page.evaluate("document.querySelector('#inference tbody').rows[0].className") == "group"


def test_what_was_not_measured_comes_last(chromium, page_file):
    with opened(chromium, page_file) as page:
        button = page.locator("#classes th", has_text="train").locator("button")
        last = "[...document.querySelector('#published table').tBodies[1].rows].at(-1).cells[5].textContent"
        speed = page.locator("#published th", has_text="images/s").locator("button")
        for _ in range(2):
            button.click()
            speed.click()
            assert page.evaluate(last).strip() == "\N{EN DASH}"


def test_filters(chromium, page_file):
    rows = "[...document.querySelectorAll('#inference tbody tr:not(.group)')]"
    shown = f"{rows}.filter((row) => row.offsetHeight).length"
    with opened(chromium, page_file) as page:
        everything = page.evaluate(shown)
        assert everything == 61
        page.locator("#inference input").fill("Fast-scnn G1")
        assert page.evaluate(shown) == 6  # two runtimes at three batches
        assert page.locator("#inference output").inner_text() == "6 of 61 rows"
        page.locator("#inference select").select_option(index=1)  # a group on the processor
        assert page.evaluate(shown) == 0
        page.locator("#inference input").fill("")
        assert page.evaluate(shown) == 10
        page.locator("#inference select").select_option(index=0)
        assert page.evaluate(shown) == everything
        assert page.locator("#inference output").inner_text() == ""


def test_pictures_switch_from_model_to_model(chromium, page_file):
    figures = "[...document.querySelectorAll('#pictures figure')]"
    shown = f"{figures}.filter((one) => one.offsetHeight).map((one) => one.innerText)"
    with opened(chromium, page_file) as page:
        labels = [text.strip() for text in page.locator("#pictures label").all_inner_texts()]
        assert labels[:2] == ["image", "truth"] and labels[-1] == "side by side"
        slow, fast = labels[2:4]
        assert slow.startswith("U-Net, ") and fast.startswith("Fast-SCNN, ")
        assert page.evaluate(shown) == [fast] * 3  # of three images
        page.get_by_label(fast).press("ArrowLeft")
        assert page.evaluate(shown) == [slow] * 3
        page.get_by_text("side by side").click()
        assert page.evaluate(shown) == ["image", "truth", slow, fast] * 3


def test_dark_and_light(chromium, page_file):
    colors = """() => {
      const of = (one, what) => getComputedStyle(one)[what];
      const light = (color) => color.match(/[\\d.]+/g).slice(0, 3).map(Number).reduce((a, b) => a + b) / 3;
      const texts = [...document.querySelectorAll("svg text, td, p")];
      return [light(of(document.body, "backgroundColor")),
        texts.map((one) => light(of(one, one.namespaceURI.endsWith("svg") ? "fill" : "color")))];
    }"""
    for dark in (False, True):
        with opened(chromium, page_file, dark=dark) as page:
            background, texts = page.evaluate(colors)
            assert background < 40 if dark else background > 240
            assert len(texts) > 500
            assert all(text > 100 if dark else text < 140 for text in texts)


def test_strangers_words_do_nothing(chromium, tmp_path):
    evil = "<img src=x onerror=alert(1)></script><script>alert(2)</script>$\\frac{\"'><svg onload=alert(3)>"
    records = [
        reports.inference(evil, {evil: reports.figures(3), "keras": reports.figures(2)}, weights=evil),
        reports.inference(evil, {"keras": reports.figures(3)}, scope=evil),
        reports.accuracy(evil, evil, 0.5) | {"environment": reports.CPU | {"host": evil, "gpus": [evil]}},
        reports.record("train-step" + evil, {}, {}),
        {"version": evil, "benchmark": evil},
    ]
    found = report_command.compose([reports.save(tmp_path / "records", records)], title=evil)
    from benchmarks.report import page

    path = tmp_path / "index.html"
    path.write_text(page.html(found))
    with opened(chromium, path) as shown:
        shown.wait_for_timeout(200)
        assert shown.evaluate("document.querySelectorAll('script').length") == 1
        assert shown.evaluate("document.querySelectorAll('img, svg[onload]').length") == 0
        assert evil in shown.title() and evil[:20] in shown.locator("#inference").inner_text()


def test_a_browser_would_run_what_is_not_escaped(chromium, tmp_path):
    """The test above can fail: an alert is seen, and the page's policy stops scripts of others."""
    path = tmp_path / "evil.html"
    path.write_text("<script>alert(1)</script>")
    with pytest.raises(AssertionError), opened(chromium, path):
        pass
    with pytest.raises(UserError):
        report_command.compose([tmp_path])


# [text, x, y] of the chart's names, and of its points with their tips
NAMES_AND_POINTS = """() => {
    const found = (what, text) => [...document.querySelectorAll(`#front ${what}`)].map((one) => {
        const box = one.getBoundingClientRect();
        return [text(one), (box.left + box.right) / 2, (box.top + box.bottom) / 2];
    });
    return {names: found(".name", (one) => one.textContent),
            points: found(".point", (one) => one.querySelector("title").textContent)};
}"""


class TestFront:
    """The first screen: one chart of mIoU against speed, and its filters."""

    POINTS = "document.querySelectorAll('#front .point').length"
    SHOWN = (
        "[...document.querySelectorAll('#inference tbody tr:not(.group)')].filter((r) => !r.hidden).length"
    )

    def test_is_seen_whole_without_scrolling(self, chromium, page_file):
        for width, height in ((1280, 800), (390, 844)):
            with opened(chromium, page_file, width, height) as page:
                box = page.evaluate(
                    "document.querySelector('#front .chart svg').getBoundingClientRect().bottom"
                )
                assert 0 < box <= height

    def test_filters_act_on_chart_and_table_alike(self, chromium, page_file):
        with opened(chromium, page_file) as page:
            assert page.evaluate(self.POINTS) == 10  # five networks by two runtimes
            rates = page.evaluate(
                "[...document.querySelectorAll('#front .point title')].map((t) => t.textContent)"
            )
            page.select_option("#front select[name=device]", "Imaginary G1")
            assert page.evaluate(self.POINTS) == page.evaluate(self.SHOWN) == 10
            others = page.evaluate(
                "[...document.querySelectorAll('#front .point title')].map((t) => t.textContent)"
            )
            assert not set(rates) & set(others)
            page.fill("#inference input", "u-net")  # the table's own filter goes on
            assert page.evaluate(self.SHOWN) == 4

    def test_a_network_that_is_only_published_is_no_real_weights(self, chromium, tmp_path):
        found = report_command.compose([reports.save(tmp_path, reports.everything())])
        from benchmarks.report import front, page
        from benchmarks.report.reported import gather

        speeds = gather([tmp_path]).speeds
        for row in speeds:
            if row.model == "U-Net":
                row.miou, row.weights, row.published, row.cited = None, "random", 69.1, "its paper"
            row.scored_on = row.scored_on and front.CITYSCAPES
        found.front = front.front(speeds)
        (tmp_path / "index.html").write_text(page.html(found))
        with opened(chromium, tmp_path / "index.html") as seen:
            hollow = "document.querySelectorAll('#front .point.published').length"
            assert (seen.evaluate(self.POINTS), seen.evaluate(hollow)) == (10, 2)
            seen.locator("#front .point.published").first.focus()
            assert "published: 69.1 % mIoU, its paper" in seen.evaluate(
                "document.querySelector('#front output').value"
            )
            seen.check("#front input[name=real]")
            assert (seen.evaluate(self.POINTS), seen.evaluate(hollow)) == (8, 0)

    def test_the_best_are_named_apart_where_points_are_close(self, chromium, tmp_path):
        found = report_command.compose([reports.save(tmp_path, reports.everything())])
        from benchmarks.report import front, page
        from benchmarks.report.reported import gather

        speeds = [row for row in gather([tmp_path]).speeds if row.group.device == "Imaginary G1"]
        for number, row in enumerate(speeds):  # all are of the front, some pixels apart
            rate, row.model = 10 * 1.01**number, f"{row.model} of a long name"
            row.rate, row.miou = Spread(rate, rate, rate), 0.7 - 0.001 * number
        found.front = front.front(speeds)
        (tmp_path / "index.html").write_text(page.html(found))
        with opened(chromium, tmp_path / "index.html", 390, 844) as seen:
            assert seen.evaluate(OVERLAPS) == []
            assert seen.evaluate("document.querySelectorAll('#front .leader').length") > 0
            ticks = "[...document.querySelectorAll('#front .tick[text-anchor=middle]')]"
            told = seen.evaluate(f"{ticks}.map((tick) => tick.textContent)")
            assert told == ["10", "15"]  # two numbers tell the scale

    def test_a_name_stands_at_the_fastest_point_of_its_network(self, chromium, tmp_path):
        found = report_command.compose([reports.save(tmp_path, reports.everything())])
        from benchmarks.report import front, page
        from benchmarks.report.reported import gather

        speeds = gather([tmp_path]).speeds
        found.front = front.front(sorted(speeds, key=lambda row: row.rate.median if row.rate else 0))
        (tmp_path / "index.html").write_text(page.html(found))
        with opened(chromium, tmp_path / "index.html") as seen:
            places = seen.evaluate(NAMES_AND_POINTS)
            assert len(places["names"]) > 3
            for name, x, y in places["names"]:
                own = [point for point in places["points"] if point[0].startswith(name)]
                nearest = min(own, key=lambda point: math.hypot(point[1] - x, point[2] - y))
                assert len(own) > 1 and nearest == max(own, key=lambda point: point[1]), name

    def test_hovering_tells_the_row(self, chromium, page_file):
        with opened(chromium, page_file) as page:
            page.locator("#front .point").last.hover()
            told = page.evaluate("document.querySelector('#front output').value")
            assert "images/s" in told and "% mIoU of these weights on made-up town val" in told

    def test_without_a_script_the_tables_are_there(self, chromium, page_file):
        context = chromium.new_context(java_script_enabled=False)
        page = context.new_page()
        page.goto(page_file.as_uri())
        assert page.locator("#pictures form").is_hidden() and page.locator("#pictures img").last.is_visible()
        assert "the tables below" in page.inner_text("#front .chart")
        assert page.locator("#front form").is_hidden() and page.locator("#inference td").first.is_visible()
        context.close()
