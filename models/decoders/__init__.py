"""Decoders: from an encoder's features to scores, one a file.

A decoder's module has `NAME`, the model's; `LEVELS`, the strides of the features that it needs;
`OUTPUT_STRIDES` of the encoder that it goes with, the usual one first; and
`build(features, classes, output_stride, **options)`, which returns scores [B, h, w, classes] at any
resolution: they are enlarged to the image's. `auxiliary(features, classes)` makes the scores of a head that
serves training alone, where the decoder has one; `heads(model, features, classes)` those of several by their
names, which may start from layers of the model without them. These are scores too, or float32 vectors [B, n]
from a layer of the head's name. A decoder that needs such scores for its own returns a dict of `logits` and
these.
"""
