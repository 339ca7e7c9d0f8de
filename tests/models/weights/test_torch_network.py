"""Which network a PyTorch file holds, and its classes; files are made from this project's own networks."""

import json

import keras
import numpy as np
import pytest

import models
from common.errors import UserError
from data.label_sets import CITYSCAPES, numbered
from models.weights import (
    conversion,
    loading,
    native,
    torch_export,
    torch_files,
    torch_network,
    torch_options,
)
from models.weights.torch_files import Content
from models.weights.torch_labels import label_set
from models.weights.torch_maps import Network, smp

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.slow
SIZE = (32, 64)
NAMES, COLORS = ("road", "grass", "sky"), ((1, 2, 3), (4, 5, 6), (7, 8, 9))
OPTIONS = {  # a small network of each source, and one with tensors that other layers lack
    "smp": ("unet", {"encoder": "resnet18", "preset": "smp"}),
    "mmseg": ("unet", {"preset": "mmseg", "width": 4}),
    "hub": ("segformer", {"encoder": "mit_b0", "preset": "hub"}),
    "codewords": (
        "fastfcn",
        {"encoder": "resnet18_v1c", "preset": "mmseg", "head": "enc", "width": 4, "channels": 6, "codes": 3},
    ),
    "c3_sinet": ("sinet", {}),
    "efficientvit": ("efficientvit", {"encoder": "efficientvit_b0"}),
    "edgenets": ("espnetv2", {"width_multiplier": 0.5}),
    "ddrnet": ("ddrnet", {"variant": "23_slim", "stem_bias": True}),
}


def built(source, classes=3):
    """A network with random statistics of batch norm, and what it was built as."""
    keras.utils.set_random_seed(1)
    name, options = OPTIONS[source]
    network, random = models.build(name, (*SIZE, 3), classes, **options), np.random.default_rng(0)
    for variable in network.weights:
        if variable.name.startswith(("moving", "gamma", "beta")):
            variable.assign(random.uniform(0.5, 1.5, variable.shape))
    labels = CITYSCAPES if classes == 19 else numbered(classes)
    return network, native.Origin(name, classes, SIZE, options, label_set=labels)


@pytest.fixture(scope="module")
def networks():
    return {source: built(source) for source in OPTIONS}


@pytest.fixture(scope="module")
def files(networks, tmp_path_factory):
    """A state dict of each as its package would have it, in a file."""
    folder = tmp_path_factory.mktemp("files")
    for source, found in networks.items():
        torch_export.write(folder / f"{source}.pth", torch_export.export(*found))
    return folder


def tensors(files, source):
    return torch.load(files / f"{source}.pth", weights_only=True)


@pytest.mark.parametrize("source", OPTIONS)
def test_there_and_back_is_bit_exact(source, networks, files):
    ours = networks[source][0]
    back = models.load(files / f"{source}.pth", SIZE)
    for before, after in zip(ours.weights, back.weights, strict=True):
        assert before.path == after.path
        np.testing.assert_array_equal(before, after)
    image = np.random.default_rng(1).integers(0, 256, (1, *SIZE, 3), np.uint8)
    np.testing.assert_array_equal(ours(image, training=False), back(image, training=False))
    unused = torch_export.export(*networks[source]).filled
    assert all(key.endswith("num_batches_tracked") or key in unused for key in back.about.left_out)


@pytest.mark.parametrize("source", OPTIONS)
def test_a_converted_copy_gives_the_same_logits_and_says_where_it_came_from(source, files, tmp_path):
    path = files / f"{source}.pth"
    copy = tmp_path / "copy.weights.h5"
    network, origin = conversion.convert(path, copy, SIZE)
    again = models.load(copy)
    image = np.random.default_rng(1).integers(0, 256, (1, *SIZE, 3), np.uint8)
    np.testing.assert_array_equal(network(image, training=False), again(image, training=False))
    assert again.about.left_out == ()
    read = native.read_origin(copy)
    assert read == origin
    assert (read.model, read.size, read.label_set) == (OPTIONS[source][0], SIZE, numbered(3))
    assert OPTIONS[source][1].items() <= read.options.items()
    assert read.converted_from["file"] == f"{source}.pth" and len(read.converted_from["sha256"]) == 64
    assert (
        loading.options_needed(copy, read.model) == loading.options_needed(path, read.model) == read.options
    )
    assert list(tmp_path.iterdir()) == [copy]  # nothing half-written beside it


def test_a_checkpoint_of_the_authors_has_a_wrapper_and_a_loss_as_well(networks, files, tmp_path):
    state = {f"model.{key}": tensor for key, tensor in tensors(files, "ddrnet").items()}
    torch.save({"state_dict": state | {"loss.criterion.weight": torch.ones(3)}}, tmp_path / "a.pth")
    back = models.load(tmp_path / "a.pth", SIZE)
    np.testing.assert_array_equal(back.weights[-1], networks["ddrnet"][0].weights[-1])
    assert "loss.criterion.weight" in back.about.left_out


def test_a_network_of_other_widths_than_the_familys_is_refused(files, tmp_path):
    state = tensors(files, "ddrnet")
    state["conv1.0.weight"] = torch.zeros(48, 3, 3, 3)
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(UserError, match="a.pth has 48 channels where its variants, 23_slim, 23, have others"):
        models.load(tmp_path / "a.pth", SIZE)


def test_files_of_this_project_say_nothing_of_a_conversion(networks, tmp_path):
    native.write(tmp_path / "a.weights.h5", *networks["mmseg"])
    assert "converted_from" not in native.read_arrays(tmp_path / "a.weights.h5")[1]
    assert loading.options_needed(tmp_path / "a.weights.h5", "unet") == {}
    with pytest.raises(UserError, match="a.weights.h5 is no PyTorch file"):
        conversion.convert(tmp_path / "a.weights.h5", tmp_path / "b.weights.h5")


def test_a_wrong_model_is_told_what_the_file_is(files):
    with pytest.raises(
        UserError, match=r"smp.pth holds weights of unet with encoder resnet18 \(segmentation"
    ):
        loading.load_network(files / "smp.pth", "pspnet", SIZE)
    with pytest.raises(UserError, match="encoder resnet18, not mit_b0"):
        loading.load_network(files / "smp.pth", None, SIZE, encoder="mit_b0")
    assert loading.origin_of(files / "smp.pth", "unet").options["encoder"] == "resnet18"


def test_the_size_is_asked_for_unless_the_classes_are_those_of_cityscapes(files, tmp_path):
    with pytest.raises(UserError, match="smp.pth does not tell the size of its images; give `size`"):
        models.load(files / "smp.pth")
    torch_export.write(tmp_path / "a.safetensors", torch_export.export(*built("mmseg", 19)))
    origin = loading.origin_of(tmp_path / "a.safetensors")
    assert (origin.size, origin.label_set) == ((1024, 2048), CITYSCAPES)


def test_options_that_keys_do_not_show_are_given_or_an_error(files):
    model = models.load(files / "mmseg.pth", SIZE, dropout=0.25)
    assert model.get_layer("head_dropout").rate == 0.25
    with pytest.raises(UserError, match="unet has no option 'dropuot'"):
        models.load(files / "mmseg.pth", SIZE, dropuot=0.25)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("decoder.blocks.1.conv1.0.weight"), r"has no 'decoder.blocks.1.conv1.0.weight' \("),
        (lambda s: s.update({"decoder.extra.weight": torch.zeros(2)}), "has 'decoder.extra.weight', which"),
        (
            lambda s: s.update({"decoder.blocks.1.conv1.0.weight": torch.zeros(1).expand(9, 9, 3, 3)}),
            "'decoder.blocks.1.conv1.0.weight' has shape",
        ),
        (
            lambda s: s["encoder.bn1.bias"].fill_(float("nan")),
            "'encoder.bn1.bias' has values that are no fin",
        ),
        (
            lambda s: s.update({"encoder.bn1.bias": torch.zeros(64, dtype=torch.complex64)}),
            "'encoder.bn1.bias' holds no real numbers",
        ),
    ],
)
def test_a_tensor_that_does_not_fit_is_named(change, message, files, tmp_path):
    state = tensors(files, "smp")
    change(state)
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(UserError, match=message):
        models.load(tmp_path / "a.pth", SIZE)


def test_an_encoder_alone_is_said_to_be_one(tmp_path, files):
    state = {key[8:]: value for key, value in tensors(files, "smp").items() if key.startswith("encoder.")}
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(UserError, match="a.pth holds weights of the encoder resnet18 alone; .*`encoder_weig"):
        models.load(tmp_path / "a.pth", SIZE)


def test_an_encoder_is_filled_and_the_classifier_left_out(tmp_path, networks):
    exported = torch_export.export(*networks["smp"], package="torchvision")
    assert exported.filled == ("fc.weight", "fc.bias")
    assert exported.state["fc.weight"].shape == (1000, 512)
    torch_export.write(tmp_path / "resnet18.pth", exported)
    path = str(tmp_path / "resnet18.pth")
    model = models.build("unet", (*SIZE, 3), 3, encoder="resnet18", encoder_weights=path)
    expected = networks["smp"][0].get_layer("layer4_1_conv2").get_weights()
    np.testing.assert_array_equal(model.get_layer("layer4_1_conv2").get_weights(), expected)
    assert {key for key in model.about.left_out if "num_batches" not in key} == {"fc.weight", "fc.bias"}


@pytest.mark.parametrize(
    "meta", [{"CLASSES": NAMES, "PALETTE": COLORS}, {"dataset_meta": {"classes": NAMES}}]
)
def test_names_of_classes_come_with_the_file(meta, files, tmp_path):
    torch.save({"meta": meta, "state_dict": tensors(files, "mmseg")}, tmp_path / "park.pth")
    found = torch_network.read(tmp_path / "park.pth").label_set
    assert (found.name, found.names) == ("park", NAMES)
    assert (found.colors == COLORS) == ("PALETTE" in meta)
    assert found.train_to_file[[0, 2, 255]].tolist() == [0, 2, 255]


def test_names_of_classes_come_with_a_folder(files, tmp_path):
    torch_file = tensors(files, "hub")
    from safetensors.torch import save_file

    save_file(torch_file, tmp_path / "model.safetensors")
    names = {str(number): name for number, name in enumerate(NAMES)}
    (tmp_path / "config.json").write_text(json.dumps({"id2label": names}))
    _, origin = loading.load_network(tmp_path, size=SIZE)
    assert origin.label_set.names == NAMES


@pytest.mark.parametrize(
    "names",
    [
        ("road", "road", "sky"),
        ("road", "sky"),
        ("road", "sky", "a\x1b[2J"),
        ("road", "sky", "x" * 65),
        ("road", "sky", 3),
        ("road", "sky", ""),
        "abc",
        None,
    ],
)
def test_names_that_are_not_sound_do_not_count(names, tmp_path):
    content = Content({}, {"dataset_meta": {"classes": names}})
    assert label_set(content, 3, tmp_path / "a.pth") == numbered(3)


def test_colours_that_are_not_sound_do_not_count(tmp_path):
    for palette in ([(1, 2, 300)] * 3, [(1, 2)] * 3, [(1, 2, 3)], "abc", [1, 2, 3], [("a", 1, 2)] * 3):
        content = Content({}, {"CLASSES": NAMES, "PALETTE": palette})
        found = label_set(content, 3, tmp_path / "a.pth")
        assert found.names == NAMES and found.colors == numbered(3).colors


def test_numbers_of_classes_have_names_and_colours_of_their_own(tmp_path):
    found = label_set(Content({}, config={"id2label": {"0": "LABEL_0"}}), 254, tmp_path / "a.pth")
    assert found.names[:2] == ("class 0", "class 1") and found.names[-1] == "class 253"
    assert len({*found.colors, (0, 0, 0)}) == 255
    assert found.colors[:3] == ((128, 0, 0), (0, 128, 0), (128, 128, 0))  # of PASCAL VOC, but for its black
    assert label_set(Content({}), 19, tmp_path / "a.pth") == CITYSCAPES
    with pytest.raises(UserError, match="a.pth has 255 classes, label files hold 254"):
        label_set(Content({}), 255, tmp_path / "a.pth")


def test_a_configuration_of_another_network_is_refused(files, tmp_path):
    from safetensors.torch import save_file

    save_file(tensors(files, "smp"), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"decoder_attention_type": "scse"}))
    with pytest.raises(
        UserError, match="its configuration has decoder_attention_type 'scse', which is not kn"
    ):
        models.load(tmp_path, SIZE)


def test_what_no_package_has_is_not_written(networks, tmp_path):
    network = models.build("unet", (*SIZE, 3), 3, width=4)
    with pytest.raises(UserError, match="no PyTorch package has unet with the options width 4"):
        torch_export.export(network, native.Origin("unet", 3, SIZE, {"width": 4}))
    with pytest.raises(UserError, match="mmseg has no unet with the options .*; give `package` smp"):
        torch_export.export(*networks["smp"], package="mmseg")
    with pytest.raises(UserError, match="a.txt ends in none of .pth"):
        torch_export.write(tmp_path / "a.txt", torch_export.export(*networks["smp"]))


def test_the_packages_network_is_known_by_its_options_whatever_its_widths():
    theirs = models.complete_options("deeplabv3+", {"preset": "mmseg", "encoder": "resnet18_v1c"})
    options = theirs | {"preset": None, "channels": 128, "low_channels": 12}
    assert torch_export.packages(native.Origin("deeplabv3+", 19, SIZE, options)) == ["mmseg"]
    options["convolutions"] += 1
    assert torch_export.packages(native.Origin("deeplabv3+", 19, SIZE, options)) == []


def test_torchvision_takes_the_encoders_of_its_own_alone(networks):
    network, origin = networks["hub"]
    with pytest.raises(UserError, match="torchvision's classifiers are written for .*, not for mit_b0"):
        torch_export.export(network, origin, "torchvision")
    network, origin = networks["c3_sinet"]
    with pytest.raises(UserError, match="not for sinet; give another `package`"):
        torch_export.export(network, origin, "torchvision")
    options = {"encoder": "resnet18", "preset": "smp"}
    network = models.build("pspnet", (*SIZE, 3), 3, **options)  # reads 1/8, so nothing deeper is built
    with pytest.raises(UserError, match="has only a part of resnet18: 'layer3.0.conv1.weight' is missing"):
        torch_export.export(network, native.Origin("pspnet", 3, SIZE, options), "torchvision")


@pytest.mark.parametrize(
    ("decoder", "encoder", "first", "shape"),
    [
        ("fpn", "efficientnet-b0", "encoder.conv_head", (1280, 320, 1, 1)),
        ("unet++", "vgg11_bn", "decoder.center.0.0", (512, 512, 3, 3)),
    ],
)
def test_layers_that_the_packages_networks_build_and_never_use_are_written(decoder, encoder, first, shape):
    options = {"encoder": encoder, "preset": "smp"}
    network = models.build(decoder, (64, 64, 3), 3, **options)
    found = torch_export.export(network, native.Origin(decoder, 3, (64, 64), options))
    assert found.state[f"{first}.weight"].shape == shape and f"{first}.weight" in found.filled
    assert not found.state[f"{first}.weight"].any()


def test_rates_and_output_stride_come_from_the_configuration_of_a_folder():
    config = {"encoder_output_stride": 8, "decoder_atrous_rates": [6, 12, 18]}
    network = Network("deeplabv3+", 19)
    found = torch_options.shown(smp, network, Content({}, config=config), "a")
    assert found == {"output_stride": 8, "rates": (6, 12, 18)}
    config = {"encoder_output_stride": "8", "decoder_atrous_rates": 6}
    assert torch_options.shown(smp, network, Content({}, config=config), "a") == {}


def test_find_takes_a_folder_of_save_pretrained(tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    assert torch_files.find(tmp_path) == tmp_path / "pytorch_model.bin"
