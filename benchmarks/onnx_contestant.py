"""An ONNX file on ONNX Runtime as a contestant, its tensors bound to the device."""

from pathlib import Path

import numpy as np
import onnxruntime as ort

from benchmarks.keras_contestant import Contestant
from common.errors import UserError
from common.threads import usable_cpus
from deploy import onnx_file
from deploy.form import Form
from deploy.onnx_runtime import providers


def load(path: Path, provider: str | None, logits: bool) -> Contestant:
    """A graph as a contestant.

    Args:
        path: an .onnx file, see `deploy.onnx_runtime`.
        provider: a key of `deploy.onnx_runtime.PROVIDERS`; None takes the best.
        logits: it is asked for logits, else for labels: a graph has one output.

    Raises:
        UserError: logits of a graph that returns labels.
    """
    model = onnx_file.read(path)
    signature = onnx_file.signature(model, path)
    if logits and signature.form.argmax:
        raise UserError(f"{path} returns labels; measure it with --scope model+argmax")
    chosen = providers(provider)
    options = ort.SessionOptions()
    options.log_severity_level = 4  # what fails is an exception
    options.intra_op_num_threads = usable_cpus()
    graph = model if logits else onnx_file.with_labels(model, signature)
    session = ort.InferenceSession(graph.SerializeToString(), options, providers=chosen)
    device = "cpu" if chosen[0] == "CPUExecutionProvider" else "cuda"
    name = onnx_file.metadata(model).get("model", model.graph.name)
    place, run = _bound(session, signature.form, device)
    return Contestant(
        name,
        signature.size,
        signature.form.batch,
        "CPU" if device == "cpu" else chosen[0].removesuffix("ExecutionProvider"),
        place,
        run,
        lambda images: run(images).numpy(),
        lambda: None,
    )


def _bound(session, form: Form, device: str):
    """(pictures -> the device's input, that input -> the device's output, complete)."""
    given, returned = session.get_inputs()[0], session.get_outputs()[0]
    kind = np.uint8 if "uint8" in returned.type else np.float32
    output = ort.OrtValue.ortvalue_from_shape_and_type(returned.shape, kind, device)
    binding = session.io_binding()
    binding.bind_ortvalue_output(returned.name, output)

    def place(images):
        return ort.OrtValue.ortvalue_from_numpy(form.arrange(images), device)

    def run(images):
        binding.bind_ortvalue_input(given.name, images)
        session.run_with_iobinding(binding)
        binding.synchronize_outputs()
        return output

    return place, run
