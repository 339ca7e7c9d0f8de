"""What the heads of FCN and OCR read: an encoder's deepest features, or all of its levels joined at 1/4.

HRNet's representation is the second (arXiv 1908.07919, figure 4b); mmsegmentation calls it `resize_concat`.
"""

from keras import layers

from models import encoders
from models.encoders import Features, hrnet
from models.layers import Resize
from models.model_options import require_one_of

INPUTS = ("deepest", "joined")
STRIDES = (4, 8, 16, 32)


def is_joined(inputs: str | None, features: Features, decoder: str) -> bool:
    """Whether a head reads all levels.

    Args:
        inputs: one of `INPUTS`; None: `joined` of HRNet, `deepest` of other encoders.
        features: of an encoder.
        decoder: its name, for messages.

    Raises:
        UserError: another value, or an encoder that lacks a level.
    """
    if inputs is None:
        return features.encoder in hrnet.VARIANTS
    require_one_of(f"value of inputs of {decoder}", inputs, INPUTS)
    if inputs == "joined":
        encoders.require_levels(features, STRIDES, decoder)
    return inputs == "joined"


def join(features: Features, align_corners: bool = False):
    """All levels, enlarged bilinearly to 1/4, the finest first: [B, H/4, W/4, sum of their channels]."""
    height, width = features.at[4].shape[1:3]
    levels = [
        features.at[4],
        *(
            Resize(height, width, align_corners=align_corners, name=f"join{stride}_resize")(
                features.at[stride]
            )
            for stride in STRIDES[1:]
        ),
    ]
    return layers.Concatenate(name="join_concat")(levels)
