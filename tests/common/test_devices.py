"""Which GPUs TensorFlow sees; stand-ins, since no GPU is needed to test."""

import pytest

from common import devices


@pytest.fixture
def gpus(monkeypatch):
    """TensorFlow with two GPUs; what it was told of them."""
    import tensorflow as tf

    told = {"visible": ["a", "b"], "growing": []}
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["a", "b"])
    monkeypatch.setattr(tf.config, "set_visible_devices", lambda chosen, kind: told.update(visible=chosen))
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: told["visible"])
    monkeypatch.setattr(
        tf.config.experimental, "set_memory_growth", lambda gpu, grows: told["growing"].append((gpu, grows))
    )
    return told


def test_one_process_takes_the_first_gpu_and_memory_as_needed(gpus):
    assert devices.prepare()
    assert gpus == {"visible": ["a"], "growing": [("a", True)]}


def test_a_rank_may_be_left_without(gpus):
    devices.see_gpus(lambda found: found[2:])
    assert gpus == {"visible": [], "growing": []} and not devices.has_gpu()


@pytest.mark.parametrize(
    ("capability", "kind", "policy"),
    [
        ((7, 2), "auto", "mixed_float16"),  # a Jetson AGX Xavier
        ((8, 0), "auto", "mixed_bfloat16"),
        ((8, 0), "float16", "mixed_float16"),
    ],
)
def test_old_gpus_calculate_in_float16(gpus, monkeypatch, capability, kind, policy):
    import tensorflow as tf

    details = {"compute_capability": capability}
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: details)
    assert devices.precision(kind) == policy


def test_calls_as_traced_leave_the_configuration_of_others_as_it_was():
    from tensorflow.python.eager import context

    before = context.context().config
    for _ in range(2):
        with devices.as_traced():
            assert context.context().config.graph_options.rewrite_options.disable_meta_optimizer
        assert context.context().config == before
