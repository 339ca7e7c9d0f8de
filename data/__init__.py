"""Images and labels: from the files of a Cityscapes folder to batches for a model."""
