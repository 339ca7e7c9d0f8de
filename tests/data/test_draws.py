"""What is drawn for an image in training."""

import numpy as np
import pytest

from data import draws
from data.ranges import COLORS, NAMED


def drawn(name, count=60):
    return [draws.draw(draws.generator(seed, 0, 0), NAMED[name]) for seed in range(count)]


def test_named_ranges_draw_what_their_names_say():
    same = np.arange(256, dtype=np.uint8)[:, None]
    for choice in drawn("none"):
        assert (choice.scale, choice.flip, choice.mixing) == (1.0, False, None)
        np.testing.assert_array_equal(choice.tables, same)
    flips = drawn("flip")
    assert {choice.scale for choice in flips} == {1.0} and {choice.flip for choice in flips} == {True, False}
    assert all(0.5 <= choice.scale <= 2 and choice.mixing is None for choice in drawn("standard"))
    strong = drawn("strong")
    changed = [(choice.tables != same).any() for choice in strong]
    assert 0 < sum(changed) < len(strong)  # of each change every other image keeps what it has
    assert {choice.mixing is None for choice in strong} == {True, False}


def test_other_ranges_leave_the_rest_of_a_draw_as_it_is():
    for named, flips in zip(drawn("standard"), drawn("flip")):
        assert (named.top, named.left, named.flip) == (flips.top, flips.left, flips.flip)


def test_colours_are_turned_around_grey():
    whole = draws.mixing_matrix(1.0, 120.0)
    np.testing.assert_allclose(whole @ [200, 30, 90], [90, 200, 30], atol=1e-9)  # a third of a turn
    np.testing.assert_allclose(draws.mixing_matrix(1.3, 25.0) @ [77, 77, 77], [77, 77, 77], atol=1e-9)


def test_without_saturation_there_is_only_luma():
    red = draws.mixing_matrix(0.0, 0.0) @ [100, 0, 0]
    np.testing.assert_allclose(red, [29.9] * 3)
    np.testing.assert_allclose(draws.mixing_matrix(1.5, 0.0) @ [100, 0, 0], [135.05, -14.95, -14.95])


@pytest.mark.parametrize("color", draws.COLORS)
def test_colors_are_bytes(color):
    tables, _ = draws.COLORS[color](np.random.default_rng(0))
    assert tables.dtype == np.uint8 and tables.shape[0] == 256 and tables.shape[1] in (1, 3)


def test_every_name_of_colors_is_drawn():
    assert tuple(draws.COLORS) == COLORS
