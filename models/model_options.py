"""Options of architectures: which there are, and which values they take."""

import inspect

from common.errors import UserError


class OptionError(UserError):
    """An option that the architecture does not have, or a value that it does not take."""


def defaults(build) -> dict:
    """The options of `build(input_shape, classes, ...)` with their default values."""
    return {
        name: parameter.default for name, parameter in list(inspect.signature(build).parameters.items())[2:]
    }


def require_known(name: str, build, options) -> None:
    """Raise OptionError, naming the valid ones, unless `build(input_shape, classes, ...)` has all options."""
    valid = list(defaults(build))
    for option in options:
        if option not in valid:
            there_are = f"there are: {', '.join(valid)}" if valid else "it has none"
            raise OptionError(f"{name} has no option '{option}'; {there_are}")


def require_one_of(what: str, value, valid) -> None:
    """Raise OptionError, naming the valid values, unless `value` is one of them."""
    if value not in tuple(valid):
        raise OptionError(f"unknown {what} '{value}'; there are: {', '.join(map(str, valid))}")
