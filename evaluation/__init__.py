"""Scores of label maps: confusion matrix, IoU, nIoU, in the layout of the official script."""
