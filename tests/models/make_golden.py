"""Writes golden answers, calculated in float64, for cases of `tests/support/cases.py`.

    python tests/models/make_golden.py NAME ...    # without names: of all

Only for networks that are new or meant to answer otherwise than before: `git diff` shows what changed.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from common import startup  # noqa: E402

startup.tensorflow()

import numpy as np  # noqa: E402

import golden  # noqa: E402
from cases import CASES  # noqa: E402


def answer(case: str, precision: str) -> np.ndarray:
    """Excerpt of the logits of a case, [9, classes]."""
    import keras

    model = golden.build(case, precision=precision)
    golden.fill(model)
    return golden.excerpt(keras.ops.convert_to_numpy(model(golden.image(), training=False)))


def main():
    for case in sys.argv[1:] or CASES:
        exact = answer(case, "float64")
        rounding = golden.difference(answer(case, "float32"), exact)
        spread = exact.std(0).min() / np.abs(exact).max()
        print(
            f"{case}: rounding to float32 changes it by {rounding:.1e}, least spread of a class {spread:.2f}"
        )
        if spread < 0.01 or (not rounding < golden.TOLERANCE / 5 and CASES[case].precision == "float32"):
            sys.exit(f"{case}: no golden answer, as it says nothing about the image, or rounding decides it")
        golden.write(case, exact)


if __name__ == "__main__":
    main()
