"""Mix Transformer: features by the original's names and epsilons, and by mmsegmentation's."""

import pytest

import made_up

SIZE = (64, 96)
# of what made-up weights give, equal to the packages' answers where this was written
NUMBERS = {
    ("", "original"): {
        4: (32, -0.051716, 1.0629, -0.0069836),
        8: (64, -0.050569, 1.0119, -0.045599),
        16: (160, 0.013278, 1.022, 0.022983),
        32: (256, 0.020688, 1.0597, 0.035766),
    },
    ("mmseg", "mmseg"): {
        4: (32, 0.024652, 0.96336, 0.071084),
        8: (64, 0.015607, 1.0332, 0.01172),
        16: (160, -0.012282, 1.0502, -0.027952),
        32: (256, -0.009452, 1.0347, 0.01537),
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("package, epsilons", NUMBERS)
def test_the_numbers_of_its_features(package, epsilons):
    model = made_up.encoder("mit_b0", SIZE, package=package, epsilons=epsilons)
    made_up.assert_numbers(made_up.answers(model, SIZE), NUMBERS[package, epsilons])


def test_segmentation_models_pytorch_gives_the_same():
    theirs = made_up.smp_encoder("mit_b0")
    ours = made_up.answers(made_up.encoder("mit_b0", SIZE), SIZE)
    made_up.assert_same(ours, made_up.answers_of(theirs, SIZE, (4, 8, 16, 32)))


def test_mmsegmentation_gives_the_same():
    backbones = made_up.package("mmseg.models.backbones")
    theirs = backbones.MixVisionTransformer(embed_dims=32, num_layers=[2, 2, 2, 2], num_heads=[1, 2, 5, 8])
    ours = made_up.encoder("mit_b0", SIZE, package="mmseg", epsilons="mmseg")
    made_up.assert_same(made_up.answers(ours, SIZE), made_up.answers_of(theirs, SIZE, (4, 8, 16, 32)))
