"""ONNX file -> engine, by the Python API that TensorRT 8.5 and 10 share."""

from __future__ import annotations

from pathlib import Path

from common.errors import UserError
from common.files import write_bytes
from deploy.tensorrt.onnx_metadata import note
from inference.tensorrt import plan as plans
from inference.tensorrt.package import tensorrt
from inference.tensorrt.plan import Plan

MEBIBYTE = 2**20


def build(plan: Plan, gpu: str) -> Path:
    """Build an engine and write it, and beside it the label set that the ONNX file names.

    Args:
        plan: what to build.
        gpu: the GPU's name, for the file's.

    Returns:
        The engine's path.

    Raises:
        UserError: TensorRT is missing, does not take the file or the options, or builds nothing.
    """
    trt = tensorrt()
    plans.require_sound(plan)
    logger = trt.Logger(trt.Logger.WARNING)
    builder = trt.Builder(logger)
    network = _parse(trt, builder, logger, plan.onnx)
    config = _configure(trt, builder, network, plan)
    serialized = builder.build_serialized_network(network, config)
    if serialized is None:
        raise UserError(f"TensorRT {trt.__version__} builds no engine of {plan.onnx}; its messages are above")
    path = plans.engine_path(plan, gpu, trt.__version__)
    write_bytes(path, bytes(serialized))
    label_set = note(plan.onnx.read_bytes(), "label_set")
    if label_set:
        write_bytes(plans.label_set_path(path), f"{label_set}\n".encode())
    if plan.timing_cache:
        write_bytes(plan.timing_cache, bytes(config.get_timing_cache().serialize()))
    return path


def _parse(trt, builder, logger, path: Path):
    # version 10 knows no other kind of network and marks the flag as obsolete
    flag = getattr(trt.NetworkDefinitionCreationFlag, "EXPLICIT_BATCH", None)
    obsolete = int(trt.__version__.split(".")[0]) >= 10
    network = builder.create_network(0 if obsolete or flag is None else 1 << int(flag))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(path.read_bytes()):
        reasons = [parser.get_error(number).desc() for number in range(parser.num_errors)]
        reason = " ".join((reasons or ["no reason given"])[0].split())
        raise UserError(f"TensorRT {trt.__version__} does not take {path}: {reason}; convert the model anew")
    return network


def _configure(trt, builder, network, plan: Plan):
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, plan.workspace * MEBIBYTE)
    if plan.fp16:
        config.set_flag(_flag(trt, "FP16"))
    if plan.int8:
        _configure_int8(trt, config, network, plan)
    if plan.dla is not None:
        _configure_dla(trt, builder, config, plan)
    if plan.timing_cache:
        _use_timing_cache(config, plan.timing_cache)
    return config


def _flag(trt, name: str):
    flag = getattr(trt.BuilderFlag, name, None)
    if flag is None:
        raise UserError(
            f"TensorRT {trt.__version__} takes precisions from the file only; leave `{name.lower()}` out "
            f"and give a file of `convert_to_onnx.py --{name.lower()}`"
        )
    return flag


def _use_timing_cache(config, path: Path) -> None:
    cache = config.create_timing_cache(path.read_bytes() if path.is_file() else b"")
    if cache is None or not config.set_timing_cache(cache, ignore_mismatch=False):
        raise UserError(
            f"`timing_cache` {path} is of another GPU or version of TensorRT; give this machine's own"
        )


def _configure_int8(trt, config, network, plan: Plan):
    quantized = any(
        network.get_layer(number).type == trt.LayerType.QUANTIZE for number in range(network.num_layers)
    )
    if quantized and plan.dla is not None:
        raise UserError(
            f"{plan.onnx} has QuantizeLinear nodes, which the DLA does not take; "
            "give the float file with `int8` and `calibration`"
        )
    if quantized and (plan.calibration or plan.cache):
        raise UserError(f"{plan.onnx} brings its own ranges (QuantizeLinear); leave the calibration out")
    config.set_flag(_flag(trt, "INT8"))
    if quantized:
        return
    if not (plan.calibration or (plan.cache and plan.cache.is_file())):
        raise UserError(
            f"{plan.onnx} has no QuantizeLinear nodes: give `calibration`, an existing "
            "`cache`, or a file of `convert_to_onnx.py --int8`"
        )
    from deploy.tensorrt.calibration import calibrator

    config.int8_calibrator = calibrator(trt, network.get_input(0), plan)


def _configure_dla(trt, builder, config, plan: Plan):
    if plan.dla >= builder.num_DLA_cores:
        raise UserError(f"no DLA core {plan.dla}: this machine has {builder.num_DLA_cores}; correct `dla`")
    config.default_device_type = trt.DeviceType.DLA
    config.DLA_core = plan.dla
    config.set_flag(trt.BuilderFlag.GPU_FALLBACK)
