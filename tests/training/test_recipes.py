"""What each architecture is trained with where nothing else is said."""

import inspect
from importlib import import_module
from pathlib import Path

import pytest

from common.errors import UserError
from data.ranges import NAMED
from models import ARCHITECTURES, registry
from training import config, losses, recipes
from training.optimization.defaults import OPTIMIZERS
from training.optimization.rates import SCHEDULES, Rates, warmup_epochs
from training.optimization.stages import Stages


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_has_one_that_trains(name):
    found = recipes.recipe(name)
    assert found.source
    assert found.optimizer in OPTIMIZERS
    assert found.rates.schedule in SCHEDULES
    assert found.augment in NAMED
    losses.require_fitting(found.loss, 0.0)
    config.new({"model": name}, Path("data"))


def test_there_is_none_without_an_architecture():
    assert recipes.RECIPES.keys() == ARCHITECTURES.keys()


@pytest.mark.parametrize("name", [name for name, found in recipes.RECIPES.items() if found.auxiliary])
def test_networks_have_the_heads_that_recipes_train(name):
    found = registry.architecture(name)
    module = import_module(found.network or found.decoder)
    assert (
        "auxiliary" in inspect.signature(module.build).parameters
        or hasattr(module, "heads")
        or hasattr(module, "auxiliary")
        or name == "ocrnet"  # whose decoder gives both scores anyway
    )


def test_iterations_become_epochs_of_as_many_images():
    pspnet = recipes.recipe("pspnet")
    assert (pspnet.iterations, pspnet.batch) == (80_000, 8)
    assert pspnet.length == 216  # 80,000 * 8 / 2975 = 215.1
    assert recipes.recipe("fastscnn").length == 1000


def test_pspnet_alone_trains_as_mmsegmentation_does():
    made = config.new({"model": "pspnet"}, Path("cityscapes"))
    assert made.rates == Rates("polynomial", 0.01, 1e-4, 0.9)
    assert (made.optimizer, made.momentum, made.weight_decay) == ("sgd", 0.9, 5e-4)
    assert (made.batch, made.crop, made.target_size, made.balance) == (8, (512, 1024), (1024, 2048), 0.75)
    assert (made.augment, made.scale, made.flip, made.color) == ("strong", (0.5, 2.0), True, "strong")
    assert (made.epochs, made.loss, made.auxiliary) == (216, "ce", 0.4)


def test_segformer_alone_has_its_head_learn_ten_times_as_fast():
    made = config.new({"model": "segformer"}, Path("cityscapes"))
    assert (made.optimizer, made.rates.maximum, made.rates.power) == ("adamw", 6e-5, 1.0)
    assert (made.weight_decay, made.head_rate, made.crop) == (0.01, 10.0, (1024, 1024))


def test_parts_of_stages_take_the_place_of_a_rate_for_the_head():
    stages = Stages(parts={"all": ".*"})
    assert config.new({"model": "segformer", "stages": stages}, Path("town")).head_rate == 1.0


def test_what_is_given_takes_the_recipes_place():
    given = {"model": "pspnet", "batch": 2, "epochs": 5, "augment": "flip", "auxiliary": 0.0, "loss": "dice"}
    made = config.new(given, Path("town"))
    assert (made.batch, made.epochs, made.auxiliary, made.loss) == (2, 5, 0.0, "dice")
    assert (made.scale, made.color) == ((1.0, 1.0), "none")


def test_fast_scnn_averages_its_weights_unless_told_otherwise():
    assert config.new({"model": "fastscnn"}, Path("town")).ema == 0.99
    assert config.new({"model": "fastscnn", "ema": 0.0}, Path("town")).ema == 0.0


def test_a_size_or_a_crop_leaves_the_recipes_crop_out():
    of_size = config.new({"model": "pspnet", "target_size": (256, 512)}, Path("town"))
    assert (of_size.crop, of_size.balance) == (None, 1.0)
    of_crop = config.new({"model": "pspnet", "crop": (64, 128), "target_size": (128, 256)}, Path("town"))
    assert (of_crop.crop, of_crop.balance) == ((64, 128), 0.75)


def test_another_kind_of_sgd_keeps_the_recipes_rate():
    made = recipes.optimization("fastscnn", "sgd_nesterov")
    assert made == recipes.optimization("fastscnn") | {"optimizer": "sgd_nesterov"}


def test_another_optimizer_comes_with_its_own_rate_momentum_and_decay():
    assert recipes.optimization("pspnet", "adamw") == {
        "rates": Rates("polynomial", 0.001),
        "optimizer": "adamw",
        "momentum": 0.0,
        "weight_decay": 0.01,
    }
    assert recipes.optimization("unet", "sgd")["momentum"] == 0.9
    assert config.new({"model": "segformer", "optimizer": "adam"}, Path("town")).head_rate == 1.0


def test_a_warm_up_is_a_share_of_any_run():
    rates = recipes.recipe("segformer").rates
    assert warmup_epochs(rates, 320, gpus=1) == pytest.approx(3.0)  # 1500 of 160,000 steps
    assert warmup_epochs(rates, 32, gpus=1) == pytest.approx(0.3)
    assert warmup_epochs(rates, 32, gpus=4) == 3.0
    assert warmup_epochs(Rates("constant", 0.1, warmup_epochs=0.0, warmup_share=0.5), 32, gpus=1) == 0.0


def test_a_run_tells_its_recipe_and_what_differs():
    alone = recipes.described(config.new({"model": "segformer"}, Path("town")))
    assert alone == (
        "recipe: adamw at 6e-05, polynomial 1, warm-up 0.94 %, 10 times that in the head, weight decay 0.01, "
        "8 crops of 1024x1024 with at most 75 % of a class, 431 epochs, augmentation strong, loss ce "
        "(segformer_mit-b0_8xb1-160k; arXiv 2105.15203, section 4.1)"
    )
    given = {"model": "fastscnn", "batch": 4, "target_size": (256, 512), "steps": 100}
    assert recipes.described(config.new(given, Path("town"))) == (
        "recipe: sgd at 0.045, polynomial 0.9 to 0.01, weight decay 4e-05, 4 images of 256x512, 100 steps, "
        "augmentation standard, loss ce, average 0.99 (arXiv 1902.04502, section 4.1; without its auxiliary "
        "losses, with an average of the weights, for which the rate ends at 0.01; with other batch, epochs)"
    )


def test_an_unknown_model_lists_those_there_are():
    with pytest.raises(UserError, match="unknown model 'pspnett'; there are: bayes_segnet, "):
        recipes.recipe("pspnett")
