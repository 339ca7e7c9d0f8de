"""ResNet and ResNeXt of PyTorch: features strided and dilated, both stems, groups, and a multi-grid."""

import pytest

import made_up

SIZE = (64, 96)
# of what made-up weights give, equal to the packages' answers where this was written
NUMBERS = {
    ("resnet18", 32): {
        2: (64, 0.65558, 1.0289, 0.51884),
        4: (64, 5.2707, 6.2787, 2.5482),
        8: (128, 8.5061, 11.135, 4.5178),
        16: (256, 15.847, 20.315, 10.291),
        32: (512, 18.539, 24.312, 14.308),
    },
    ("resnet18", 8): {
        2: (64, 0.65558, 1.0289, 0.51884),
        4: (64, 5.2707, 6.2787, 2.5482),
        8: (128, 8.5061, 11.135, 4.5178),
        16: (256, 15.452, 19.862, 10.108),
        32: (512, 17.619, 22.984, 12.661),
    },
    ("resnet34_v1c", 16): {
        2: (64, 0.6316, 0.92524, 0.42072),
        4: (64, 4.7922, 6.6022, 2.3893),
        8: (128, 18.788, 21.14, 10.518),
        16: (256, 110.16, 131.95, 79.962),
        32: (512, 201.89, 235.12, 140.85),
    },
    ("resnet50_v1c", 8): {
        2: (64, 0.6316, 0.92524, 0.42072),
        4: (256, 3.6484, 4.5167, 1.8638),
        8: (512, 15.437, 18.569, 7.3164),
        16: (1024, 146.02, 171.83, 94.34),
        32: (2048, 321.86, 384.11, 257.65),
    },
    ("resnext50_32x4d", 8): {
        2: (64, 0.65558, 1.0289, 0.51884),
        4: (256, 4.852, 5.9409, 2.5172),
        8: (512, 21.182, 24.504, 9.6122),
        16: (1024, 174.2, 205.04, 109.75),
        32: (2048, 390.01, 473.82, 254.96),
    },
}
OPTIONS = {
    ("resnet18", 8): {"first_dilation": "everywhere"},
    ("resnext50_32x4d", 8): {"multi_grid": (1, 2, 4)},
}


@pytest.mark.slow
@pytest.mark.parametrize("name, stride", NUMBERS)
def test_the_numbers_of_its_features(name, stride):
    model = made_up.encoder(name, SIZE, stride, **OPTIONS.get((name, stride), {}))
    made_up.assert_numbers(made_up.answers(model, SIZE), NUMBERS[name, stride])


@pytest.mark.parametrize(
    "name, stride",
    [
        ("resnet18", 32),
        ("resnet18", 8),
        ("resnet34", 16),
        ("resnext50_32x4d", 32),
        pytest.param("resnet101", 16, marks=pytest.mark.slow),
        pytest.param("resnext101_32x8d", 8, marks=pytest.mark.slow),
    ],
)
def test_segmentation_models_pytorch_gives_the_same(name, stride):
    theirs = made_up.smp_encoder(name, stride)
    ours = made_up.answers(made_up.encoder(name, SIZE, stride, first_dilation="everywhere"), SIZE)
    made_up.assert_same(ours, made_up.answers_of(theirs, SIZE, (2, 4, 8, 16, 32)))


@pytest.mark.slow
@pytest.mark.parametrize(
    "depth, stride, multi_grid", [(18, 8, None), (34, 16, None), (50, 8, None), (50, 8, (1, 2, 4))]
)
def test_mmsegmentation_gives_the_same(depth, stride, multi_grid):
    backbones = made_up.package("mmseg.models.backbones")
    steps, dilations = {8: ((1, 2, 1, 1), (1, 1, 2, 4)), 16: ((1, 2, 2, 1), (1, 1, 1, 2))}[stride]
    theirs = backbones.ResNetV1c(
        depth=depth,
        strides=steps,
        dilations=dilations,
        contract_dilation=True,
        multi_grid=multi_grid,
        norm_cfg={"type": "BN"},
    )
    ours = made_up.encoder(f"resnet{depth}_v1c", SIZE, stride, multi_grid=multi_grid)
    made_up.assert_same(made_up.answers(ours, SIZE), made_up.answers_of(theirs, SIZE, (4, 8, 16, 32)))


@pytest.mark.parametrize("depth", [18, 50])
def test_mmsegmentation_gives_the_same_with_stride_and_dilation(depth):
    backbones, dilations = made_up.package("mmseg.models.backbones"), (1, 1, 2, 4)
    theirs = backbones.ResNetV1c(
        depth=depth, dilations=dilations, contract_dilation=True, norm_cfg={"type": "BN"}
    )
    ours = made_up.encoder(f"resnet{depth}_v1c", SIZE, dilations=dilations)
    made_up.assert_same(made_up.answers(ours, SIZE), made_up.answers_of(theirs, SIZE, (4, 8, 16, 32)))
