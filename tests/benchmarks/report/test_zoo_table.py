"""The table of the zoo, and the networks that no other beats."""

import pytest

import reports
from benchmarks.report import front_table, zoo_table
from benchmarks.report.page_parts import DASH
from benchmarks.report.reported import gather
from models.weights import catalogue

NAMES = ("fastscnn-cityscapes", "pidnet-s-cityscapes", "pidnet-m-cityscapes", "pidnet-l-cityscapes")
SPEEDS = (8.0, 5.0, 2.0, 0.5)
SIZE = (1024, 2048)


@pytest.fixture
def records():
    """Four networks with costs and speeds; U-Net, slower and worse than three of them, without costs."""
    found = [catalogue.published()[name] for name in NAMES]
    models = [
        {"model": one.model, "options": one.options, "parameters": 10**6 * place, "macs": 10**9 * place}
        | {f"{kind}_bytes": 2**20 for kind in ("weight", "inference", "training")}
        for place, one in enumerate(found, start=1)
    ]
    records = [reports.record("summary", {"size": list(SIZE), "batch": 1}, {"models": models})]
    unet = catalogue.published()["unet-s5-d16-cityscapes"]
    for one, rate in zip((*found, unet), (*SPEEDS, 0.9)):
        runtimes = {"keras": reports.figures(rate / 2), "onnx": reports.figures(rate)}
        records.append(reports.inference(one.model, runtimes, SIZE, options=one.options))
    records.append(reports.inference("fastscnn", {"onnx": reports.figures(99.0)}, (512, 1024)))
    return records


@pytest.fixture
def reported(tmp_path, records):
    return gather([reports.save(tmp_path, records)])


def cells(section, *columns):
    ((_, rows),) = section.tables[0].groups
    return [tuple(row[column].text for column in columns) for row in rows]


def test_each_network_has_costs_score_speed_and_a_name(reported):
    assert cells(zoo_table.section(reported), 0, 2, 3, 4, 6, 8) == [
        ("Fast-SCNN", "1.00", "1.00", "70.96", "8.00", "fastscnn-cityscapes"),
        ("PIDNet s", "2.00", "2.00", "78.74", "5.00", "pidnet-s-cityscapes"),
        ("PIDNet m", "3.00", "3.00", "80.22", "2.00", "pidnet-m-cityscapes"),
        ("PIDNet l", "4.00", "4.00", "80.89", "0.500", "pidnet-l-cityscapes"),
    ]


def test_the_short_table_has_the_smallest_of_each_architecture(reported):
    names = [name for (name,) in cells(zoo_table.section(reported, whole=False), 0)]
    assert names == ["Fast-SCNN", "PIDNet s"]


def test_the_front_leaves_out_what_another_network_beats_in_both(reported):
    assert cells(front_table.section(reported), 0, 1, 2) == [
        ("Fast-SCNN", "70.96", "8.00"),
        ("PIDNet, s", "78.74", "5.00"),
        ("PIDNet, m", "80.22", "2.00"),
        ("PIDNet, l", "80.89", "0.500"),
    ]


def test_a_processor_counts_by_its_networks_not_by_its_rows(tmp_path, records):
    other = reports.CPU | {"cpu": "Another 1"}
    runtimes = {f"openvino{suffix}": reports.figures(90.0) for suffix in ("", "-fp16")}
    runtimes |= {"keras": reports.figures(90.0), "onnx": reports.figures(95.0)}
    for name in NAMES[:3]:
        one = catalogue.published()[name]
        records.append(reports.inference(one.model, runtimes, SIZE, options=one.options, environment=other))
    found = zoo_table.fastest(gather([reports.save(tmp_path, records)]).speeds, on_cpu=True)
    assert {row.group.device for row in found.values()} == {"Imaginary 9000, 8 cores"}
    assert len(found) == 5


def test_the_fronts_of_two_devices_stand_side_by_side(tmp_path, records):
    on_gpu = {"pidnet-l-cityscapes": 300.0, "pidnet-m-cityscapes": 200.0, "fastscnn-cityscapes": 500.0}
    for name, rate in on_gpu.items():
        one = catalogue.published()[name]
        figures = reports.figures(rate) | {"device": "NVIDIA H200"}
        records.append(reports.inference(one.model, {"keras": figures}, SIZE, options=one.options))
    section = front_table.section(gather([reports.save(tmp_path, records)]))
    assert [column.name for column in section.tables[0].columns[2:]] == [
        "images/s, float32 on Imaginary 9000, 8 cores",
        "images/s, float32 on NVIDIA H200",
    ]
    ((_, rows),) = section.tables[0].groups
    assert [tuple((cell.text, cell.mark) for cell in row[2:]) for row in rows] == [
        (("8.00", "best"), ("500", "best")),
        (("5.00", "best"), (DASH, "")),
        (("2.00", "best"), ("200", "")),  # on the GPU the better network is faster
        (("0.500", "best"), ("300", "best")),
    ]


def test_without_records_the_command_that_makes_them_is_named(tmp_path):
    reported = gather([reports.save(tmp_path, [reports.train("unet", 1.0)])])
    for section in (zoo_table.section(reported), front_table.section(reported)):
        assert section.lacking == "python benchmark.py zoo --random --save" and not section.tables
