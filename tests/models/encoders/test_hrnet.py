"""HRNet: features of the small variant by numbers, by mmsegmentation, and started from timm's classifier."""

import numpy as np
import pytest

import made_up
import models
from common.errors import UserError

SIZE = (64, 96)
# of what made-up weights give, equal to mmsegmentation's answers where this was written
NUMBERS = {
    4: (18, 6787.4, 7988.4, 3502.9),
    8: (36, 6023.3, 8467.0, 2989.7),
    16: (72, 5739.1, 6595.5, 3597.7),
    32: (144, 4395.6, 6184.0, 2758.8),
}


@pytest.mark.slow
def test_the_numbers_of_its_features():
    model = made_up.encoder("hrnet_w18_small", SIZE)
    made_up.assert_numbers(made_up.answers(model, SIZE), NUMBERS)


@pytest.mark.slow
def test_mmsegmentation_gives_the_same():
    backbones = made_up.package("mmseg.models.backbones")
    stages = {
        f"stage{stage}": {
            "num_modules": modules,
            "num_branches": stage,
            "block": "BOTTLENECK" if stage == 1 else "BASIC",
            "num_blocks": (2,) * stage,
            "num_channels": (64,) if stage == 1 else tuple(18 << number for number in range(stage)),
        }
        for stage, modules in enumerate((1, 1, 3, 2), start=1)
    }
    theirs = made_up.answers_of(backbones.HRNet(stages), SIZE, (4, 8, 16, 32))
    made_up.assert_same(made_up.answers(made_up.encoder("hrnet_w18_small", SIZE), SIZE), theirs)


def test_a_classifier_starts_it(tmp_path):
    torch, timm = pytest.importorskip("torch"), made_up.package("timm")
    classifier = timm.create_model("hrnet_w18_small_v2")
    torch.save(classifier.state_dict(), tmp_path / "a.pth")
    weights = str(tmp_path / "a.pth")
    model = models.build("fpn", (*SIZE, 3), 5, encoder="hrnet_w18_small", encoder_weights=weights)
    kernel = classifier.state_dict()["stage4.1.fuse_layers.3.0.2.0.weight"].numpy()
    np.testing.assert_array_equal(
        model.get_layer("stage4_1_fuse_3_0_2_0").get_weights()[0], kernel.transpose(2, 3, 1, 0)
    )
    assert any(key.startswith("final_layer.") for key in model.about.left_out)


def test_decoders_that_need_finer_features_refuse_it():
    with pytest.raises(UserError, match=r"needs features at 1/2, which hrnet_w18_small does not have"):
        models.build("unet++", (*SIZE, 3), 5, encoder="hrnet_w18_small")
