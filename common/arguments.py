"""Arguments in messages: library code names one as `name`, a command line shows the option that sets it.

    raise UserError("`minimum` is above `maximum`; swap them")    # train.py: --min-lr is above --max-lr; ...

A name that no option of the command line sets stays as it is.
"""

from __future__ import annotations

import re

_options: dict[str, str] = {}  # argument -> option; empty where no command line is in use


def are_set_by(options: dict[str, str]) -> None:
    """Note the options of the command line in use, by the arguments that they set."""
    _options.update(options)


def as_options(message: str) -> str:
    """The message with its arguments as options."""
    return re.sub(r"`(\w+)`", lambda found: _options.get(found[1], found[0]), message)
