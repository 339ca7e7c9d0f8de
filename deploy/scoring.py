"""mIoU of a runtime on a data set's split, to compare an exported model with the one it came from."""

import numpy as np

from data import png
from data.index import Sample
from data.labels import CLASS_COUNT, LABEL_TO_TRAIN, TRAIN_TO_TRAIN
from deploy.predict import segment
from evaluation.confusion import confusion_matrix, mean_iou


def miou(runtime, samples: list[Sample]) -> float:
    """Mean IoU of the 19 classes over labelled pictures, at the labels' resolution, 0..1."""
    matrix = np.zeros((CLASS_COUNT, CLASS_COUNT), np.int64)
    for sample in samples:
        label = png.decode_labels(sample.label, sample.train_ids)
        truth = (TRAIN_TO_TRAIN if sample.train_ids else LABEL_TO_TRAIN)[label]
        prediction = segment(runtime, png.decode_image(sample.image))
        png.require_equal_size(prediction.shape, sample.image, truth.shape, sample.label)
        matrix += confusion_matrix(truth, prediction, CLASS_COUNT)
    return mean_iou(matrix)
