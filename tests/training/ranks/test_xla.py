"""Whether XLA compiles the steps, and what is said where it does not, by one process and by real ranks."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from common import devices
from rank_processes import launch
from training.ranks import distributed, xla
from training.ranks.mirrored import Mirrored

EXCHANGE = Path(__file__).with_name("exchange_of_ranks.py")


def test_one_process_compiles_on_a_gpu_and_not_on_a_cpu(monkeypatch, capsys):
    for gpu in (False, True):
        monkeypatch.setattr(devices, "has_gpu", lambda gpu=gpu: gpu)
        assert devices.prepare() is gpu
    assert capsys.readouterr().err == ""


def test_replicas_on_gpus_say_that_nothing_is_compiled(monkeypatch, capsys):
    assert xla.prepare(ranks=Mirrored()) is False
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(devices, "has_gpu", lambda: True)
    assert xla.prepare(ranks=Mirrored()) is False
    (line,) = capsys.readouterr().err.splitlines()
    option = "(`strategy`|--strategy)"  # whether a command line was read in this process
    assert re.search(f"run without XLA: {option} mirrored is not compiled by it, {option} horovod is$", line)


@pytest.mark.parametrize(
    ("gpus", "before", "after"), [([], None, None), (["0"], None, "1"), (["0"], "0", "0")]
)
def test_horovod_is_asked_for_xla_on_gpus_unless_the_user_forbids_it(gpus, before, after, monkeypatch):
    variables = {} if before is None else {"HOROVOD_ENABLE_XLA_OPS": before}
    monkeypatch.setattr(os, "environ", variables)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)
    distributed.fit_horovod_to_the_device()
    assert variables.get("HOROVOD_ENABLE_XLA_OPS") == after


@pytest.mark.parametrize(("in_layers", "milliseconds"), [(False, "5"), (True, None)])
def test_horovod_looks_less_often_without_gpus_unless_layers_wait_for_it(
    in_layers, milliseconds, monkeypatch
):
    variables = {}
    monkeypatch.setattr(os, "environ", variables)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    distributed.fit_horovod_to_the_device(in_layers)
    assert variables.get("HOROVOD_CYCLE_TIME") == milliseconds


def test_xla_compiles_many_tensors_in_one():
    tensors = [tf.random.normal(shape) for shape in ((), (3,), (2, 5, 7))]
    double = tf.function(
        lambda *own: distributed.in_one(list(own), lambda numbers: 2 * numbers), jit_compile=True
    )
    for doubled, tensor in zip(double(*tensors), tensors, strict=True):
        np.testing.assert_array_equal(doubled, 2 * tensor)
    assert distributed.in_one([], None) == []


def test_what_xla_cannot_compile_is_found_without_running_it():
    ran = []

    def by_python(tensors):
        return [tf.py_function(lambda x: ran.append(x) or x, tensors, tf.float32)]

    assert distributed.failure_of_xla(lambda tensors: [2 * tensor for tensor in tensors]) == ""
    assert "EagerPyFunc" in distributed.failure_of_xla(by_python)
    assert not ran


@pytest.mark.slow
def test_ranks_whose_horovod_xla_does_not_know_say_so_and_go_on(tmp_path):
    """Of a build for CPUs, as if there were GPUs: none, one of two, both.

    Of Horovod's operations XLA has the plain all-reduce alone (docs/xla.rst of Horovod 0.28.1).
    """
    done = launch(2, EXCHANGE, tmp_path)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    why = "Horovod was built without CUDA: `make horovod` where the CUDA and NCCL modules are"
    expected = [[False, ""], [False, "only some of the ranks have GPUs"], [False, why]]
    arrays = []
    for rank in range(2):
        told = json.loads((tmp_path / f"{rank}.json").read_text())
        assert told["compiled"] == expected
        assert told["operations"]["grouped"] == 2 * ["HorovodGroupedAllreduce"]
        assert told["operations"]["in one"] == 2 * ["HorovodAllreduce"]
        arrays.append(np.load(tmp_path / f"{rank}.npz"))
    assert output.count(f"steps run without XLA: {why}") == 1
    for name in arrays[0].files:
        np.testing.assert_array_equal(arrays[0][name], arrays[1][name], err_msg=name)
        in_groups = name.replace("in one", "grouped").replace("eager", "graph")
        np.testing.assert_array_equal(arrays[0][name], arrays[0][in_groups], err_msg=name)
