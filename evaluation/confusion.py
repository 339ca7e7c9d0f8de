"""One integer confusion matrix, and the ratios that are taken from it once, at the end.

Rows are the truth, columns the prediction. Matrices of batches, images and processes are summed;
IoUs are never averaged over images, because an image with three pixels of a class would then
weigh as much as one full of it.
"""

import cv2
import numpy as np

# calcHist returns float32, which holds every whole number up to here: longer maps are counted in parts
EXACT_PIXELS = 1 << 24


def confusion_matrix(truth: np.ndarray, prediction: np.ndarray, classes: int) -> np.ndarray:
    """Count pixels by true and predicted class.

    Counted by OpenCV's two-dimensional histogram: for a 1024x2048 map 2.7 ms, against 4.9 ms for
    `np.bincount` on `truth * classes + prediction` and 2 to 18 ms (smooth to noisy) for counting runs.

    Args:
        truth: uint8 [...] of class ids; ids of `classes` and above (255, ignored) are left out.
        prediction: uint8 of the same shape, below `classes` everywhere.
        classes: number of classes, at most 255.

    Returns:
        int64 [classes, classes].

    Raises:
        ValueError: different shapes, other types than uint8, or a predicted id of `classes` or above.
    """
    if truth.shape != prediction.shape:
        raise ValueError(f"truth is {truth.shape}, prediction {prediction.shape}: shapes must be equal")
    if truth.dtype != np.uint8 or prediction.dtype != np.uint8:
        raise ValueError(f"truth is {truth.dtype}, prediction {prediction.dtype}: both must be uint8")
    matrix = np.zeros((classes, classes), np.int64)
    if truth.size == 0:
        return matrix
    if prediction.max() >= classes:
        raise ValueError(f"predicted id {prediction.max()} with {classes} classes (0..{classes - 1})")
    truth, prediction = truth.reshape(1, -1), prediction.reshape(1, -1)  # [1, pixels]
    for start in range(0, truth.size, EXACT_PIXELS):
        part = slice(start, start + EXACT_PIXELS)
        # values outside the ranges are not counted, which is what leaves ignored truth out
        matrix += cv2.calcHist(
            [truth[:, part], prediction[:, part]], [0, 1], None, [classes, classes], [0, classes, 0, classes]
        ).astype(np.int64)
    return matrix


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Elementwise quotient as float64, NaN where the denominator is 0."""
    result = np.full(np.shape(numerator), np.nan)
    np.divide(numerator, denominator, out=result, where=np.asarray(denominator) != 0)
    return result


def mean(values: np.ndarray) -> float:
    """Mean of the defined values; NaN if there is none."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")


def iou(matrix: np.ndarray) -> np.ndarray:
    """Intersection over union per class.

    Args:
        matrix: int [classes, classes], rows the truth.

    Returns:
        float64 [classes]; NaN for a class that is in neither truth nor prediction.
    """
    hits = np.diagonal(matrix)
    return ratio(hits, matrix.sum(axis=1) + matrix.sum(axis=0) - hits)


def mean_iou(matrix: np.ndarray) -> float:
    """Mean of the IoUs of the classes that occur in truth or prediction."""
    return mean(iou(matrix))


def pixel_accuracy(matrix: np.ndarray) -> float:
    """Share of the counted pixels that are predicted right; NaN for an empty matrix."""
    return float(ratio(np.trace(matrix), matrix.sum()))
