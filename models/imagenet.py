"""ImageNet weights by keras.applications: downloaded once, checked, kept in Keras's own cache."""

import os
from pathlib import Path

import keras

from common.errors import UserError


def fetch(url: str, md5: str) -> Path:
    """The file of a URL in ~/.keras/models (or $KERAS_HOME/models), downloaded if it is not there yet.

    Raises:
        UserError: it cannot be downloaded; says what to fetch, and where to put it.
    """
    name = url.rpartition("/")[2]
    try:
        return Path(keras.utils.get_file(name, url, cache_subdir="models", file_hash=md5))
    except Exception as error:  # Keras wraps network errors in bare Exceptions
        place = Path(os.environ.get("KERAS_HOME", "~/.keras")) / "models" / name
        reason = str(error).rpartition(" -- ")[2].splitlines()[0][:80]
        raise UserError(f"cannot download {name} ({reason}); fetch {url} and put it at {place}") from error
