"""Made-up records of every kind, for tests of what reads them: fictional machines, round numbers."""

import copy
import hashlib
import json

CLASSES = (
    "road",
    "sidewalk",
    "building",
    "wall",
    "fence",
    "pole",
    "traffic light",
    "traffic sign",
    "vegetation",
)
CPU = {
    "host": "made-up",
    "system": "Linux",
    "python": "3.12.1",
    "cpu": "Imaginary 9000",
    "cpus": 8,
    "threads": {},
    "load": 0.1,
    "gpus": [],
    "power_mode": [],
    "packages": {"keras": "3.15.1"},
    "git": {"commit": "0123456789abcdef", "dirty": False},
}
GPU = CPU | {"gpus": ["Imaginary G1, 1.0, 16384 MiB, 1000 MHz, 2000 MHz, 100.00 W, 40"]}
NOISY = 0.2  # the pretended drift of a noisy run


def weights_file(name):
    """What a record says of a weights file; the hash is the name's."""
    return {"file": "model.weights.h5", "sha256": hashlib.sha256(name.encode()).hexdigest()}


def record(benchmark, settings, results, environment=CPU, date="2026-01-02T03:04:05Z"):
    """A record of any kind."""
    return copy.deepcopy(
        {
            "version": 1,
            "benchmark": benchmark,
            "date": date,
            "settings": settings,
            "results": results,
            "environment": environment,
        }
    )


def figures(rate, batch=1, device="CPU", noisy=False, memory=500):
    """A runtime's figures at so many images per second."""
    call = batch / rate
    spread = NOISY if noisy else 0.03
    return {
        "device": device,
        "load_seconds": 1.0,
        "first_call_seconds": 1.0,
        "warm_up": {"calls": 10, "seconds": 2.0, "steady": True},
        "calls": 100,
        "latency": {"p50": call, "p90": 1.1 * call, "p95": 1.2 * call, "max": 1.5 * call},
        "turns": [call * (1 + spread * step) for step in (-1, -0.3, 0, 0.3, 1)],
        "pictures_per_second": {"min": rate * (1 - spread), "median": rate, "max": rate * (1 + spread)},
        "noisy": noisy,
        "memory": {"peak_bytes": memory * 2**20, "of": "process" if device == "CPU" else "device"},
    }


TRAINING = {
    "data": "made-up town",
    "target_size": [256, 512],
    "crop": None,
    "batch": 4,
    "augment": "flip",
} | {
    "steps": 1000,
    "epochs": 42,
    "hours": 0.0,
    "seed": 0,
}


def inference(
    model, runtimes, size=(1024, 2048), batch=1, scope="model", weights=None, environment=CPU, **more
):
    """An inference record; runtimes: name -> `figures`, or {"failed": why}."""
    settings = {
        "model": model,
        "size": list(size),
        "batch": batch,
        "scope": scope,
        "options": more.pop("options", {}),
        "weights": weights_file(weights) if weights else "random, seed 0",
        "provider": None,
        "precision": more.pop("precision", "float32"),
        "backend": "tensorflow",
    }
    return record("inference", settings, {"runtimes": runtimes, "speed": {}}, environment, **more)


def accuracy(model, weights, miou, size=(1024, 2048), **options):
    """An accuracy record with IoUs around the mean, one class without."""
    iou = {name: min(miou * (0.6 + 0.1 * place), 0.98) for place, name in enumerate(CLASSES)}
    settings = {
        "model": model,
        "options": options,
        "weights": weights_file(weights),
        "dataset": "made-up town",
        "split": "val",
        "size": list(size),
        "training": TRAINING,
    }
    return record("accuracy", settings, {"miou": miou, "iou": iou | {"train": None}, "source": "made up"})


def train(model, rate, ranks=1, **more):
    """A train record; a step is half backward."""
    split = {"forward": 0.3, "backward": 0.5, "optimizer": 0.05, "all_reduce": 0.1, "data_wait": 0.05}
    settings = {"model": model, "size": [512, 1024], "batch": 4, "precision": "float32", "options": {}}
    results = figures(rate, 4 * ranks, "Imaginary G1", memory=4096) | {
        "pictures_per_second": {"min": 0.9 * rate, "median": rate, "max": 1.1 * rate},
        "pictures_per_second_per_device": {"min": rate / ranks, "median": rate / ranks, "max": rate / ranks},
        "split": {name: {"seconds": share, "share": share} for name, share in split.items()},
    }
    whole = settings | {"backend": "tensorflow", "input": "synthetic", "ranks": ranks}
    return record("train", whole, results, GPU, **more)


def scaling(model):
    """A scaling record of 1, 2 and 4 ranks."""
    rates = {"1": 10.0, "2": 19.0, "4": 36.0}
    ranks = {count: {"pictures_per_second": {"min": r, "median": r, "max": r}} for count, r in rates.items()}
    settings = {"model": model, "size": [512, 1024], "batch": 4, "mode": "weak", "input": "synthetic"}
    settings |= {"precision": "float32", "compression": "none", "threads": 2}
    return record("scaling", settings, {"ranks": ranks, "efficiency": {"2": 0.95, "4": 0.9}}, GPU)


def summary():
    """A summary record."""
    names = (("fastscnn", {}), ("unet", {}), ("deeplabv3+", {"encoder": "resnet50"}))
    models = [
        {"model": name, "options": options, "parameters": 10**place, "macs": 10 ** (place + 4)}
        | {f"{kind}_bytes": 2 ** (20 + place) for kind in ("weight", "inference", "training")}
        for place, (name, options) in enumerate(names, start=5)
    ]
    return record("summary", {"size": [1024, 2048], "batch": 1}, {"models": models})


def memory(model):
    """A memory record: recomputing halves the peak."""
    peaks = {name: {"peak": peak * 2**30, "device": "CPU"} for name, peak in (("kept", 8), ("recomputed", 4))}
    settings = {"model": model, "options": {}, "size": [1024, 2048], "batch": 1, "precision": "float32"}
    return record("memory", settings, peaks)


def train_step():
    """A train-step record: the suite is half as fast again as stock layers."""
    ratios = {
        name: {"min": ratio, "median": ratio, "max": ratio}
        for name, ratio in (("stock Keras", 1), ("ours", 1.5))
    }
    settings = {"model": "fastscnn", "size": [512, 1024], "batch": 2}
    return record("train-step", settings, {"speedup_over_stock": ratios})


def peers(model="unet", **more):
    """A record beside PyTorch: Keras is a quarter faster, ONNX Runtime twice as fast, nothing compiles."""
    runtimes = {
        "pytorch": figures(1.0, memory=1000),
        "pytorch-compiled": {"failed": "no compiler"},
        "keras": figures(1.25),
        "onnx": figures(2.0, noisy=True),
    }
    ratios = {
        name: {"min": ratio - 0.1, "median": ratio, "max": ratio + 0.1, "noisy": False}
        for name, ratio in (("keras", 1.25), ("onnx", 2.0))
    }
    settings = {
        "model": model,
        "options": {"encoder": "resnet50", "preset": "smp"},
        "package": "smp",
        "original": "Unet",
        "size": [512, 1024],
        "batch": 1,
        "scope": "inference",
        "precision": "float32",
        "backend": "tensorflow",
    }
    results = {
        "runtimes": runtimes,
        "speed": {"over": "pytorch"} | ratios,
        "difference": {"keras": 1.25e-6, "onnx": 2e-6},
    }
    return record("peers", settings, results, **more)


def everything():
    """Records of every kind, several groups, runtimes and models among them."""
    rates = {"fastscnn": 120, "unet": 4, "bayes_segnet": 6, "separable_unet": 35, "deeplabv3+": 20}
    scores = {
        "fastscnn": 0.69,
        "unet": 0.63,
        "bayes_segnet": 0.60,
        "separable_unet": 0.56,
        "deeplabv3+": 0.75,
    }
    found = [accuracy(name, name, score) for name, score in scores.items()]
    for name, rate in rates.items():
        for device, environment, factor in (("CPU", CPU, 0.1), ("Imaginary G1", GPU, 1)):
            for batch in (1, 2, 4):
                quick = rate * factor * batch**0.3
                runtimes = {
                    "keras": figures(quick, batch, device, noisy=name == "unet", memory=900 + 100 * batch),
                    "onnx": figures(1.4 * quick, batch, device),
                }
                found.append(inference(name, runtimes, batch=batch, weights=name, environment=environment))
    found.append(inference("unet", {"keras": {"failed": "out of memory"}}, batch=8, weights="unet"))
    found += [train("fastscnn", 80.0), train("unet", 5.0), scaling("fastscnn"), scaling("unet"), summary()]
    return found + [memory("unet"), train_step(), peers()]


def save(folder, records):
    """Write records as files 0.json, 1.json, ...; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(records):
        (folder / f"{number}.json").write_text(json.dumps(one))
    return folder


def run(folder):
    """A training run's log of three epochs, the second without validation; returns the folder."""
    (folder / "csv").mkdir(parents=True)
    (folder / "csv" / "log.csv").write_text(
        "epoch,step,learning_rate,loss,val_loss,val_accuracy,val_miou\n"
        "1,10,0.04,3.0,2.5,0.4,0.1\n2,20,0.02,2.0,,,\n3,30,0.01,1.5,1.6,0.6,0.3\n"
    )
    return folder
