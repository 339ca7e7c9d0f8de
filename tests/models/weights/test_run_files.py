"""Which file of a run is its weights, by today's names and those of version 0.1."""

import pytest

from common.errors import UserError
from models.weights import run_files


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (("weights.h5",), "weights.h5"),
        (("weights.h5", "ema.h5"), "ema.h5"),
        (("model.weights.h5",), "model.weights.h5"),
        (("model.weights.h5", "ema.weights.h5"), "ema.weights.h5"),
    ],
)
def test_the_average_is_taken_where_there_is_one(files, found, tmp_path):
    checkpoint = tmp_path / "checkpoints" / "last"
    checkpoint.mkdir(parents=True)
    for name in files:
        (checkpoint / name).touch()
    assert run_files.weights_file(tmp_path) == checkpoint / found
    assert run_files.weights_file(checkpoint) == checkpoint / found


def test_a_folder_without_weights_says_what_to_give(tmp_path):
    with pytest.raises(UserError, match=f"no weights at {tmp_path}; give a run folder, a checkpoint"):
        run_files.weights_file(tmp_path)
