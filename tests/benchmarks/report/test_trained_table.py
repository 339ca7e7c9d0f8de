"""The table of networks that were trained alike."""

import reports
from benchmarks.report import trained_table
from benchmarks.report.reported import gather

RUN = {"data": "camvid", "target_size": [176, 240], "crop": None, "batch": 4, "augment": "flip"} | {
    "steps": 1000,
    "epochs": 22,
    "hours": 0.0,
    "optimizer": "sgd",
    "rates": {"maximum": 0.045},
    "loss": "ce",
}


def accuracy(model, miou, run, **settings):
    found = reports.accuracy(model, f"{model} {miou}", miou)
    found["settings"] |= {"training": run} | settings
    if run is None:
        del found["settings"]["training"]
    return found


def rows(tmp_path, *records):
    section = trained_table.section(gather([reports.save(tmp_path, [reports.summary(), *records])]))
    return {
        title: [[cell.text for cell in row] for row in group]
        for table in section.tables
        for title, group in table.groups
    }


def test_seeds_are_averaged_and_the_best_comes_first(tmp_path):
    found = rows(
        tmp_path,
        *(accuracy("fastscnn", miou, RUN | {"seed": seed}) for seed, miou in enumerate((0.40, 0.44, 0.42))),
        accuracy("unet", 0.5, RUN | {"seed": 0, "optimizer": "adam", "rates": {"maximum": 1e-3}}),
        accuracy("unet", 0.3, RUN | {"seed": 0}),
        accuracy("bayes_segnet", 0.9, None),
        reports.inference("fastscnn", {"keras": reports.figures(7.0), "onnx": reports.figures(9.0)}),
    )
    title = "trained on camvid at 176x240, 1,000 steps, batch 4, flip; scored on made-up town val"
    dash = "\N{EN DASH}"
    assert found == {
        title: [
            ["U-Net", "50.0", dash, "1", dash, "1.00", "adam 0.001, ce"],
            ["Fast-SCNN", "42.0", f"40.0{dash}44.0", "3", "9.00", "0.100", "sgd 0.045, ce"],
            ["U-Net", "30.0", dash, "1", dash, "1.00", "sgd 0.045, ce"],
        ]
    }


def test_other_lengths_crops_and_passes_are_kept_apart(tmp_path):
    by_hours = RUN | {"hours": 0.5, "crop": [96, 96]}
    by_epochs = RUN | {"steps": 0}
    found = rows(
        tmp_path,
        accuracy("unet", 0.3, RUN),
        accuracy("unet", 0.4, by_hours),
        accuracy("unet", 0.5, by_epochs),
        accuracy("unet", 0.6, RUN, passes={"flip": True}),
    )
    told = [title.split(";")[0].removeprefix("trained on camvid at 176x240, ") for title in found]
    assert sorted(told) == [
        "1,000 steps, batch 4, flip",
        "22 epochs, batch 4, flip",
        "crops of 96x96, 0.5 hours, batch 4, flip",
    ]


def test_little_that_is_known_is_told(tmp_path):
    older = {"data": "town", "target_size": [64, 128], "batch": 2, "augment": None, "hours": None}
    found = rows(tmp_path, accuracy("unet", 0.3, older))
    assert list(found) == ["trained on town at 64x128, batch 2; scored on made-up town val"]


def test_without_runs_it_names_the_command(tmp_path):
    section = trained_table.section(gather([reports.save(tmp_path, [reports.summary()])]))
    assert section.lacking.startswith("python benchmark.py accuracy -w RUN RUN")
