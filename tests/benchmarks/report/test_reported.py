"""Records become rows: the newest of each, scores only where the artifact is the same, groups kept apart."""

import itertools
import random

import pytest

import reports
from benchmarks.report import published, ranking
from benchmarks.report.reported import gather
from benchmarks.report.rows import Group, Speed
from benchmarks.report.speed import table_rows
from benchmarks.report.values import Spread, label


def test_the_newest_measurement_counts(tmp_path):
    days = [f"2026-01-0{day}T00:00:00Z" for day in (2, 3, 1)]
    records = [
        reports.inference("unet", {"keras": reports.figures(rate)}, date=day)
        for rate, day in zip((20, 30, 10), days)
    ]
    found = gather([reports.save(tmp_path, records)])
    assert [row.rate.median for row in found.speeds] == [30] and found.superseded == 2


def test_scores_join_the_very_artifact(tmp_path):
    runtimes = {name: reports.figures(5) for name in ("keras", "onnx", "onnx-int8", "onnx-fp16")}
    several_passes = reports.accuracy("unet", "aa", 0.9)
    several_passes["settings"]["passes"] = {"flip": True}
    records = [
        reports.accuracy("unet", "aa", 0.5),
        several_passes,
        reports.inference("unet", runtimes, weights="aa"),
        reports.inference("unet", {"keras": reports.figures(5)}, weights="bb"),
        reports.inference("unet", {"keras": reports.figures(5)}, weights="aa", size=(512, 1024)),
        reports.inference("unet", {"keras": reports.figures(9)}, weights="aa", precision="float16"),
        reports.inference("unet", {"keras": reports.figures(5)}),
    ]
    scored = [row for row in gather([reports.save(tmp_path, records)]).speeds if row.miou is not None]
    assert sorted(row.runtime for row in scored) == ["keras (tensorflow)", "onnx"]
    of_aa = reports.weights_file("aa")["sha256"]
    assert {(row.weights, row.group.size, row.precision, row.miou) for row in scored} == {
        (of_aa, "1024x2048", "float32", 0.5)
    }


def test_scope_size_batch_and_device_make_groups(tmp_path):
    one = {"keras": reports.figures(5)}
    jetson = reports.CPU | {"power_mode": ["NV Power Mode: MODE_15W", "2"]}
    records = [
        reports.inference("unet", one),
        reports.inference("unet", one, scope="end-to-end"),
        reports.inference("unet", one, size=(512, 1024)),
        reports.inference("unet", one, batch=2),
        reports.inference("unet", one, environment=reports.CPU | {"cpus": 1}),
        reports.inference("unet", one, environment=reports.CPU | {"cpu_features": ["avx2", "fma"]}),
        reports.inference("unet", one, environment=reports.CPU | {"threads": {"OMP_NUM_THREADS": "1"}}),
        reports.inference("unet", one, environment=jetson),
        reports.inference("unet", {"keras": reports.figures(5, device="cuda:0")}, environment=reports.GPU),
    ]
    found = ranking.groups(gather([reports.save(tmp_path, records)]).speeds)
    assert len(found) == len(records)
    assert {group.device for group in found} == {
        "Imaginary 9000, 8 cores",
        "Imaginary 9000, 1 core",
        "Imaginary 9000, 8 cores, AVX2",
        "Imaginary 9000, 8 cores, OMP_NUM_THREADS=1",
        "Imaginary 9000, 8 cores, MODE_15W",
        "Imaginary G1",
    }


def speed(rate, miou, runtime="onnx"):
    group = Group("model", "64x128", 1, "here")
    row = Speed(
        group, f"{rate}-{miou}", runtime, "float32", "aa", "2026-01-01", rate=Spread(rate, rate, rate)
    )
    row.miou, row.scored_on = miou, "town"
    return row


def test_front_is_what_no_other_beats():
    chance = random.Random(0)
    for _ in range(200):
        rows = [speed(chance.randint(1, 6), chance.randint(1, 6) / 10) for _ in range(8)]
        beaten = {
            id(one)
            for one, other in itertools.permutations(rows, 2)
            if other.rate.median >= one.rate.median
            and other.miou >= one.miou
            and (other.rate.median, other.miou) != (one.rate.median, one.miou)
        }
        points = {(row.rate.median, row.miou) for row in rows if id(row) not in beaten}
        front = [(row.rate.median, row.miou) for row in ranking.front(rows, ranking.own)]
        assert set(front) == points and front == sorted(front, reverse=True)


def test_headline_says_what_to_take_at_which_speed():
    rows = [speed(100, 0.4), speed(10, 0.7), speed(50, 0.3), speed(200, 0.2)]
    (headline,) = ranking.headlines(ranking.groups(rows))
    assert [(step.speed, step.quality) for step in headline.steps] == [
        ("up to 200 images/s", "20.0 % mIoU"),
        ("up to 100 images/s", "40.0 % mIoU"),
        ("up to 10.0 images/s", "70.0 % mIoU"),
    ]
    unscored = speed(9, None)
    (headline,) = ranking.headlines(ranking.groups([unscored]))
    assert headline.steps[0].quality == "not scored"
    rows = [speed(9, None), speed(10, None), speed(99, None)]
    rows[0].published, rows[1].published = 80.5, 70.25
    (headline,) = ranking.headlines(ranking.groups(rows))
    assert [step.quality for step in headline.steps] == ["70.25 % mIoU, published", "80.5 % mIoU, published"]


@pytest.mark.parametrize("failed", [False, True])
def test_failures_are_rows_without_figures(tmp_path, failed):
    runtimes = {"keras": {"failed": "out of memory"}} | ({} if failed else {"onnx": reports.figures(3)})
    found = gather([reports.save(tmp_path, [reports.inference("unet", runtimes)])])
    rows = ranking.groups(found.speeds)[found.speeds[0].group]
    assert rows[-1].failed == "out of memory" and rows[-1].rate is None
    assert len(ranking.headlines({rows[0].group: rows})) == (not failed)


def test_published_figures_keep_their_digits_and_their_groups(tmp_path):
    found = gather([reports.save(tmp_path, reports.everything())])
    table = published.table(found)
    sources = [title for title, _ in table.groups]
    assert sources[:2] == [published.PREDECESSOR, published.PAPERS]
    assert all(title.startswith("this suite: ") for title in sources[2:]) and len(sources) > 3
    fast = table.groups[1][1][0]
    assert [cell.text for cell in fast[:3]] == ["Fast-SCNN", "1024x2048", "68.6"] and fast[5].text == "123.5"
    assert not any(cell.mark for _, rows in table.groups for row in rows for cell in row)


@pytest.mark.parametrize(
    ("model", "options", "expected"),
    [
        ("fastscnn", None, "Fast-SCNN"),
        ("unet", {"width": 16}, "U-Net 16"),
        (
            "fastfcn",
            {"preset": "mmseg", "encoder": "resnet50_v1c", "head": "enc"},
            "FastFCN ResNet-50 v1c enc mmseg",
        ),
        ("efficientvit", {"encoder": "efficientvit_b1"}, "EfficientViT-B1"),
        ("deeplabv3+", {"backbone": "resnet50"}, "DeepLabV3+ ResNet-50 (Keras)"),
        ("another", {"encoder": "unknown", "a": 1}, "another 1 unknown"),
    ],
)
def test_networks_have_the_names_of_their_papers(model, options, expected):
    assert label(model, options) == expected


def test_published_scores_are_of_the_same_network_and_size(tmp_path):
    pspnet = {"encoder": "resnet50_v1c", "preset": "mmseg"}
    runtimes = {"onnx": reports.figures(5), "onnx-int8": reports.figures(9)}
    records = [
        reports.inference("pspnet", runtimes, options=pspnet),
        reports.inference("pspnet", {"keras": reports.figures(4)}, options=pspnet, size=(512, 1024)),
        reports.inference("pspnet", {"keras": reports.figures(3)}, options=pspnet | {"output_stride": 16}),
        reports.inference("pspnet", {"keras": reports.figures(2)}, options=pspnet | {"a": 1}, weights="aa"),
    ]
    rows = gather([reports.save(tmp_path, records)]).speeds
    cited = {(row.rate.median, row.published, row.cited) for row in rows if row.published}
    assert cited == {(rate, 78.55, "mmsegmentation, 1024x2048") for rate in (5, 2)}


@pytest.mark.parametrize(
    ("miou", "more", "differs"),
    [
        (0.7874, {}, False),
        (0.7876, {}, True),
        (0.783, {}, True),
        (0.5, {"images": 20}, False),
        (0.5, {"dataset": "town"}, False),
    ],
)
def test_a_score_other_than_the_published_one_is_marked(miou, more, differs, tmp_path):
    pspnet = {"encoder": "resnet50_v1c", "preset": "mmseg"}  # 78.55 %
    scored = reports.accuracy("pspnet", "aa", miou, **pspnet)
    scored["settings"] |= {"dataset": "cityscapes"} | more
    timed = reports.inference("pspnet", {"onnx": reports.figures(5)}, options=pspnet, weights="aa")
    records = [timed, scored]
    (row,) = gather([reports.save(tmp_path, records)]).speeds
    assert row.miou == miou and row.published == 78.55 and row.differs == differs
    (listed,) = table_rows([row])
    assert [cell.mark for cell in listed if cell.text == "78.55"] == ["differs" if differs else ""]
