"""TensorFlow is silenced and kept to this machine's processors before any test imports it."""

import os

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.pop("CITYSCAPES_DATASET", None)
