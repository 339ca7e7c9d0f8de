"""Networks as their authors trained them, on real streets: what their own code answers, and its scores."""

import numpy as np
import pytest

from data import png
from data.augment import resize_image
from data.label_sets import CITYSCAPES
from deploy import export, qdq, quantize
from evaluation.confusion import confusion_matrix, iou
from inference import onnx_runtime
from inference.graph_interface import GraphInterface
from models.weights.loading import load_network
from tiny import REPO

COSTLY = "five trained networks on pictures of two million pixels, and int8 of one of them"

SHARED = REPO.parent / "shared"
FILES = SHARED / "published"
SAMPLE = SHARED / "cityscapes_sample"
SCORED, *OTHERS = PICTURES = ("frankfurt_000001_058914", "frankfurt_000000_000294", "frankfurt_000000_000576")
# name -> file and mean IoU on `SCORED`
WEIGHTS = {
    "sinet": ("sinet/SINet.pth", 0.546),
    "espnetv2-0.5": ("espnetv2/espnetv2_s_0.5_city_1024x512.pth", 0.455),
    "espnetv2-1.0": ("espnetv2/espnetv2_s_1.0_city_1024x512.pth", 0.497),
    "espnetv2-1.5": ("espnetv2/espnetv2_s_1.5_city_1024x512.pth", 0.534),
    "espnetv2-2.0": ("espnetv2/espnetv2_s_2.0_city_1024x512.pth", 0.525),
}
SMALL = (128, 256)  # (height, width) for int8, which asks 150 times what a graph answers
SINET_IOU = {
    "road": 0.962,
    "sidewalk": 0.575,
    "building": 0.938,
    "pole": 0.388,
    "traffic sign": 0.555,
    "vegetation": 0.735,
    "sky": 0.952,
    "person": 0.849,
    "car": 0.578,
}

pytest.importorskip("torch")  # which reads these files
pytestmark = pytest.mark.skipif(
    not (FILES.is_dir() and SAMPLE.is_dir()), reason=f"no weights at {FILES} or no picture at {SAMPLE}"
)
EACH = pytest.mark.parametrize(
    "trained",
    [pytest.param(name, marks=[pytest.mark.slow] * name.endswith(("1.0", "1.5", "2.0"))) for name in WEIGHTS],
    indirect=True,
)


@pytest.fixture(scope="module")
def trained(request):
    """(name, Keras model) of a key of `WEIGHTS`."""
    return request.param, load_network(FILES / WEIGHTS[request.param][0], None, None)[0]


@pytest.fixture(scope="module")
def graph(trained):
    """The model as an ONNX graph that returns logits."""
    return export.export(trained[1], GraphInterface(), CITYSCAPES)


@pytest.fixture(scope="module")
def truth():
    """Train ids of `SCORED`, uint8 [1024, 2048]."""
    codes = png.decode_any(SAMPLE / f"{SCORED}_gtFine_color.png")[..., :3] @ (1 << 16, 1 << 8, 1)
    found = np.full(codes.shape, 255, np.uint8)
    for train_id, (red, green, blue) in enumerate(CITYSCAPES.palette.tolist()):
        found[codes == (red << 16 | green << 8 | blue)] = train_id
    return found


def picture(name):
    """uint8 RGB [1024, 2048, 3]."""
    folder = SAMPLE if name == SCORED else FILES / "pictures"
    return png.decode_image(folder / f"{name}_leftImg8bit.png")


def resized(name, network):
    """A picture of the network's size, [1, H, W, 3]."""
    return resize_image(picture(name), tuple(network.input_shape[1:3]))[None]


def assert_as_the_original(logits, name, shown):
    """Logits [1, H, W, C] and their labels against those of the authors' code."""
    stem = f"{FILES}/{name.split('-')[0]}/{name}_{shown}"
    expected = np.load(f"{stem}.npz")["logits"]  # every 16th row and column, [C, H/16, W/16]
    found = logits[0, 5::16, 5::16].transpose(2, 0, 1)
    expected = expected[: len(found)]  # a graph does without the background
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()
    labels = logits[0, ..., : CITYSCAPES.classes].argmax(-1)
    assert (labels == png.decode_labels(f"{stem}_trainIds.png")).mean() > 0.999


@EACH
def test_keras_gives_the_logits_of_the_original(trained):
    name, network = trained
    for shown in PICTURES if name == "espnetv2-0.5" else (SCORED,):
        assert_as_the_original(network.predict_on_batch(resized(shown, network)), name, shown)


@EACH
def test_the_street_is_scored_as_by_the_original(trained, truth):
    name, network = trained
    logits = network.predict_on_batch(resized(SCORED, network))
    labels = logits[0, ..., : CITYSCAPES.classes].argmax(-1).astype(np.uint8)
    factor = truth.shape[0] // labels.shape[0]
    prediction = labels.repeat(factor, axis=0).repeat(factor, axis=1)
    matrix = confusion_matrix(truth, prediction, CITYSCAPES.classes)
    seen = matrix.sum(1) > 0
    assert seen.sum() == 12
    found = dict(zip(CITYSCAPES.names, iou(matrix)))
    assert np.mean(iou(matrix)[seen]) == pytest.approx(WEIGHTS[name][1], abs=2e-3)
    if name == "sinet":
        assert {key: found[key] for key in SINET_IOU} == pytest.approx(SINET_IOU, abs=2e-3)


@pytest.mark.parametrize(  # the least and the largest width; those between have no other layers
    "trained", ["sinet", "espnetv2-0.5", pytest.param("espnetv2-2.0", marks=pytest.mark.slow)], indirect=True
)
def test_onnx_runtime_gives_the_logits_of_the_original(trained, graph):
    name, network = trained
    session = onnx_runtime.session(graph, name, "cpu")
    for shown in PICTURES if name == "espnetv2-0.5" else (SCORED,):
        (logits,) = session.run(None, {graph.graph.input[0].name: resized(shown, network)})
        assert_as_the_original(logits, name, shown)


@pytest.mark.slow
def test_int8_has_the_labels_of_float32_on_a_picture_that_it_has_not_seen():
    network, _ = load_network(FILES / WEIGHTS["espnetv2-0.5"][0], size=SMALL)
    graph = export.export(network, GraphInterface(), CITYSCAPES)
    images = np.concatenate([resized(shown, network) for shown in OTHERS])
    found = quantize.int8(graph, GraphInterface(), "cpu", images, quantize.Gate())
    assert found.agreement >= 0.98 and 0 < len(found.kept) < 139 * 2 / 3
    unseen = qdq.Judge(graph, GraphInterface(), resized(SCORED, network))
    assert unseen.agreement(found.model) > 0.95
