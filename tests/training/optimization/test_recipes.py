"""Defaults of models and optimizers."""

import pytest

from common.errors import UserError
from models import ARCHITECTURES
from training.optimization import optimizers, recipes
from training.optimization.rates import SCHEDULES, Rates


def test_every_model_has_a_recipe_and_every_optimizer_its_steps():
    for name in ARCHITECTURES:
        assert recipes.recipe(name).optimizer in recipes.OPTIMIZERS
        assert recipes.recipe(name).rates.schedule in SCHEDULES
    assert recipes.OPTIMIZERS.keys() == optimizers.STEPS.keys()


def test_another_kind_of_sgd_keeps_the_models_rate():
    made = recipes.recipe("fastscnn", "sgd_nesterov")
    assert made == recipes.Recipe(Rates("polynomial", 0.045), "sgd_nesterov", 0.9)


def test_another_optimizer_comes_with_its_own_rate_and_no_momentum():
    assert recipes.recipe("fastscnn", "adam") == recipes.Recipe(Rates("polynomial", 0.001), "adam", 0.0)
    assert recipes.recipe("fastscnn", "rmsprop").momentum == 0.0


def test_sgd_instead_of_a_recipes_adam_has_momentum():
    assert recipes.recipe("unet").optimizer == "adam"
    assert recipes.recipe("unet", "sgd") == recipes.Recipe(Rates("polynomial", 0.01), "sgd", 0.9)


def test_momentum_is_refused_where_it_has_no_place():
    recipes.require_momentum_fits("rmsprop", 0.5)
    with pytest.raises(UserError, match="adam takes no `momentum`, only rmsprop, sgd, sgd_nesterov do"):
        recipes.require_momentum_fits("adam", 0.9)


def test_adamw_decays_more_than_a_penalty_would():
    assert recipes.weight_decay("sgd") == 4e-5
    assert recipes.weight_decay("adamw") == 0.01
