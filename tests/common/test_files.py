"""Folders for results."""

import os

import pytest

from common.errors import UserError
from common.files import make_folder


def test_a_folder_is_made_with_those_above_it(tmp_path):
    make_folder(tmp_path / "new" / "scores")
    make_folder(tmp_path / "new" / "scores")
    assert (tmp_path / "new" / "scores").is_dir()


def test_one_that_cannot_be_made_names_the_argument(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot make .*file/scores: Not a directory; give another `save`"):
        make_folder(tmp_path / "file" / "scores", "save")


def test_one_that_is_read_only_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    with pytest.raises(UserError, match="cannot write to .*: no permission; give another `folder`"):
        make_folder(tmp_path)
