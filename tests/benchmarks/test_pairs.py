"""`benchmark.py summary --all`: which pairs of decoder and encoder there are, each counted alike."""

import json

import keras
import pytest

from benchmarks import costs, pairs, summary
from models import encoders, registry
from models.building import EncoderDecoder
from models.initialization import shapes_alone
from processes import assert_one_line_error, run_script

SIZE = (64, 128)
MODULES = {found.module: name for name, found in reversed(registry.ENCODERS.items())}


def lacking(encoder):
    """What decoders lack of an encoder."""
    found = {name: EncoderDecoder(name, encoder).lacking({}) for name in pairs.decoders()}
    return {name: what for name, what in found.items() if what}


def test_which_pairs_there_are():
    assert len(pairs.encoders()) >= 36 and len(pairs.decoders()) >= 8
    assert lacking("resnet50") == lacking("efficientnet-b5") == lacking("mobilenetv2") == {}
    assert lacking("vgg16_bn") == {"deeplabv3+": "an output stride of 16 or 8"}
    assert lacking("mit_b3") == {
        "deeplabv3+": "an output stride of 16 or 8",
        "unet++": "features at 1/2",
    }
    assert EncoderDecoder("fcn", "mit_b3").lacking({"output_stride": 8}) == "an output stride of 8"


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_encoders_have_the_levels_that_the_registry_names(module):
    name = MODULES[module]
    with shapes_alone():
        features = encoders.build(name, keras.Input((*SIZE, 3)), 32)
    assert tuple(features.at) == registry.ENCODERS[name].levels


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ["resnet18", "mit_b0", "mobilenetv2"])
def test_pairs_are_counted_as_single_models_are(encoder):
    counted = list(pairs.count(encoder, pairs.decoders(), {}, SIZE))
    assert [one["model"] for one in counted] == pairs.decoders()
    assert {one["model"]: one["lacks"] for one in counted if "lacks" in one} == lacking(encoder)
    for one in counted:
        if "lacks" not in one and one["model"] in ("deeplabv3+", "manet", "pspnet", "segformer"):
            alone = costs.count(one["model"], {"encoder": encoder}, SIZE)
            assert one == {name: value for name, value in alone.items() if name != "layers"}


@pytest.mark.slow
def test_the_command_lists_them_and_says_what_is_left_out(tmp_path):
    done = run_script(
        "benchmark.py", "summary", "--all", "--encoder", "mit_b0", "-t", "64,128", "--save", tmp_path
    )
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.glob("summary-*.json")
    kept = json.loads(path.read_text())
    names = [one["model"] for one in kept["results"]["models"]]
    assert names == [name for name in pairs.decoders() if name not in lacking("mit_b0")]
    rows = done.stdout.splitlines()[3:]
    assert rows[: len(names)] == [summary.row(one) for one in kept["results"]["models"]]
    assert "left out: unet++ needs features at 1/2; not in mit_b0" in rows
    again = run_script(
        *("benchmark.py", "summary", "--all", "--encoder", "mit_b0", "-t", "64,128"),
        *("--save", tmp_path, "--continue"),
    )
    assert again.returncode == 0 and "measured already" in again.stdout


@pytest.mark.slow
def test_mistakes_are_told_in_one_line():
    for words, message in (
        (("--preset", "smp"), "--preset belongs to a model; name it with -m/--model"),
        (("--layers",), "--layers is for single models; leave it or --all out"),
        (("-m", "fastscnn"), "fastscnn stands on no encoder; leave --all out"),
        (("-m", "fpn", "--width", "8"), "fpn has no option 'width'"),
        (("-m", "fpn", "-t", "72,96"), "fpn takes heights and widths that are multiples of 32"),
        (("--encoder", "vgg"), "unknown encoder 'vgg'; there are: mobilenetv2, "),
    ):
        assert_one_line_error(run_script("benchmark.py", "summary", "--all", *words), message)
