"""Decoders: from an encoder's features to scores, one a file.

A decoder's module has `NAME`, the model's; `LEVELS`, the strides of the features that it needs;
`OUTPUT_STRIDES` of the encoder that it goes with, the usual one first; and
`build(features, classes, output_stride, **options)`, which returns scores [B, h, w, classes] at any
resolution: they are enlarged to the image's. `auxiliary(features, classes)` makes the scores of a head that
serves training alone, where the decoder has one. A decoder that needs such scores for its own returns a dict
of both, `logits` and `auxiliary`.
"""
