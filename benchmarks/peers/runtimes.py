"""What takes turns in a comparison, and where each leaves its logits."""

from pathlib import Path

EAGER, COMPILED = "pytorch", "pytorch-compiled"
OF_TRAINING = (EAGER, COMPILED, "keras")
OF_GRAPHS = ("onnx", "openvino")  # in inference, on a CPU
RUNTIMES = (*OF_TRAINING, *OF_GRAPHS)


def logits_file(folder: str, runtime: str) -> Path:
    """Where a runtime's logits of the first image are kept."""
    return Path(folder) / f"logits-{runtime}.npy"
