"""Options of architectures, from the command line through a run to the weights it leaves."""

import signal

import numpy as np
import pytest

import models
import small_encoder
from common.errors import UserError
from inference import runtimes
from models.weights import native, run_files
from runs import signalled, train_here
from tiny import tiny_dataset
from training import config
from training.run import checkpoints, run_folder

pytestmark = pytest.mark.slow

FROZEN = ("--encoder", "small", "--freeze-encoder", 1, "-l", 0.1)


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    return tiny_dataset(tmp_path_factory.mktemp("town"), train=4, val=1, size=(64, 64), instances=False)


@pytest.fixture
def run(town, tmp_path, monkeypatch):
    """Trains in this process; returns the run's folder."""
    small_encoder.register(monkeypatch)

    def run(model, *options, status=0):
        given = ("-m", model, "-t", "64,64", "-b", "2", "-p", town, "--logs", tmp_path / "logs")
        assert train_here(*given, *options) == status
        return run_folder.newest(tmp_path / "logs", model)

    return run


def arrays_after(run, epoch):
    path = run / checkpoints.CHECKPOINTS / f"epoch-{epoch:04d}" / checkpoints.WEIGHTS
    return native.read_arrays(path)[0]


@pytest.mark.parametrize(
    ("model", "given", "options"),
    [
        ("unet", ["--width", 4], {"width": 4}),
        ("separable_unet", ["--variant", "large"], {"variant": "large"}),
        (
            "deeplabv3+",
            ["--backbone", "small", "--output-stride", 8, "--no-separable"],
            {"encoder": "small", "output_stride": 8, "separable": False},
        ),
    ],
    ids=["unet", "separable_unet", "deeplabv3+"],
)
def test_options_are_kept_with_the_run_and_its_weights(run, model, given, options):
    folder = run(model, "-e", 1, *given)
    assert config.read(folder / run_files.CONFIG).options == options
    assert native.read_origin(run_files.weights_file(folder)).options == options
    assert runtimes.load(folder).predict(np.zeros((1, 64, 64, 3), np.uint8)).shape == (1, 64, 64)
    run(model, "-e", 2, "--resume", folder)  # without them
    with pytest.raises(UserError, match="differs from the resumed run's"):
        run(model, "--resume", folder, *{"unet": ["--width", 8]}.get(model, ["--variant", "original"]))


class TestFrozenEncoder:
    def test_stands_still_and_then_thaws(self, run):
        folder = run("deeplabv3+", "-e", 2, *FROZEN)
        frozen, thawed = arrays_after(folder, 1), arrays_after(folder, 2)
        model = models.build("deeplabv3+", (64, 64, 3), 19, encoder="small")
        encoder = {v.path for layer in models.encoder_layers(model) for v in layer.weights}
        trained = {variable.path for variable in model.trainable_variables}
        assert len(encoder) == 5 * 5 and all(name.startswith("block") for name in encoder)
        for name in encoder - trained:  # fresh statistics: the encoder's batch norm rests too
            expected = 1.0 if name.endswith("variance") else 0.0
            np.testing.assert_array_equal(frozen[name], np.full_like(frozen[name], expected))
        moved = {name for name in frozen if np.any(frozen[name] != thawed[name])}
        assert encoder & trained <= moved and encoder - trained <= moved
        assert not any(np.all(frozen[name] == 0) for name in trained - encoder)

    def test_goes_on_when_resumed(self, run):
        with signalled("training", 2, signal.SIGTERM):  # the last of the first epoch
            folder = run("deeplabv3+", "-e", 2, *FROZEN, status=75)
        run("deeplabv3+", "--resume", folder)
        before, after = arrays_after(folder, 1), arrays_after(folder, 2)
        assert np.any(before["block2_conv/kernel"] != after["block2_conv/kernel"])


@pytest.mark.parametrize(
    ("model", "given", "said"),
    [
        ("fastscnn", ["--encoder", "resnet50"], "fastscnn has no option 'encoder'; there are: preset"),
        ("fastscnn", ["--encoder-weights", "imagenet"], "fastscnn has no option 'encoder_weights'"),
        ("fastscnn", ["--freeze-encoder", 1], "fastscnn has no encoder .*leave `freeze_encoder` out"),
        ("fastscnn", ["--fine-tune", 1], "fastscnn has no encoder .*leave `fine_tune` out"),
        ("deeplabv3+", ["--output-stride", 7], "unknown output stride '7'; there are: 16, 8"),
        (
            "deeplabv3+",
            ["--backbone", "vgg"],
            "unknown encoder 'vgg'; there are: mobilenetv2, resnet50_keras",
        ),
        ("separable_unet", ["--variant", "huge"], "unknown variant 'huge'; there are: original, large"),
        ("deeplabv3+", ["--encoder-weights", "no.h5"], "no encoder weights at no.h5; give none, imagenet or"),
    ],
)
def test_what_an_architecture_lacks_is_told_before_anything_is_written(run, tmp_path, model, given, said):
    with pytest.raises(UserError, match=said):
        run(model, "-e", 2, *given)
    assert not (tmp_path / "logs").exists()


@pytest.fixture(scope="module")
def deeplab(tmp_path_factory):
    """Weights of DeepLabV3+ with its default encoder."""
    path = tmp_path_factory.mktemp("weights") / "d.weights.h5"
    model = models.build("deeplabv3+", (32, 32, 3), 19)
    native.write(path, model, native.Origin("deeplabv3+", 19, (32, 32)))
    return path


class TestExpectedBackbone:
    def test_may_be_named(self, deeplab):
        assert runtimes.load(deeplab, "deeplabv3+", encoder="mobilenetv2").size == (32, 32)

    def test_of_another_is_refused(self, deeplab):
        with pytest.raises(UserError, match="with encoder mobilenetv2, not resnet50; leave `encoder` out"):
            runtimes.load(deeplab, encoder="resnet50")

    def test_of_a_model_that_has_none_is_refused(self, tmp_path):
        path = tmp_path / "f.weights.h5"
        native.write(path, models.build("fastscnn", (32, 32, 3), 19), native.Origin("fastscnn", 19, (32, 32)))
        with pytest.raises(UserError, match="weights of fastscnn, which has no encoder; leave `encoder` out"):
            runtimes.load(path, encoder="mobilenetv2")
