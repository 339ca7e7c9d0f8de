"""What optimizers start from."""

import pytest

from common.errors import UserError
from training.optimization import defaults, optimizers


def test_every_optimizer_has_a_rate():
    assert defaults.OPTIMIZERS.keys() == optimizers.STEPS.keys()


def test_momentum_is_refused_where_it_has_no_place():
    defaults.require_momentum_fits("rmsprop", 0.5)
    with pytest.raises(UserError, match="adam takes no `momentum`, only rmsprop, sgd, sgd_nesterov do"):
        defaults.require_momentum_fits("adam", 0.9)


def test_only_sgd_has_momentum_unasked():
    assert (defaults.momentum("sgd_nesterov"), defaults.momentum("rmsprop")) == (0.9, 0.0)


def test_adamw_decays_more_than_a_penalty_would():
    assert defaults.weight_decay("sgd") == 4e-5
    assert defaults.weight_decay("adamw") == 0.01
