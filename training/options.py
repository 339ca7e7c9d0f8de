"""Fields of a dataclass that are options of a command line as well: one field, one place for all about it."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any


@dataclasses.dataclass(frozen=True)
class Option:
    """An option of a command line.

    Attributes:
        strings: how it is written, the long form last.
        group: the part of `--help` that it stands in.
        settings: further arguments of `argparse`'s `add_argument`.
        with_finder: whether it goes with the learning-rate finder.
        value: what argparse reads -> the field's value.
        text: the field's value -> what is typed.
    """

    strings: tuple[str, ...]
    group: "Group"
    settings: dict
    with_finder: bool
    value: Callable[[Any], Any] = lambda read: read
    text: Callable[[Any], str] = str

    @property
    def name(self) -> str:
        """What argparse calls it where it is no field."""
        return self.strings[-1].lstrip("-").replace("-", "_")

    def add(self, parser, name: str) -> None:
        """Add it to an argparse parser or group, to be read as `name`; None where it is not given."""
        settings = {"default": None} | self.settings
        if callable(settings.get("choices")):
            settings["choices"] = settings["choices"]()
        if not settings.keys() & {"action", "choices"}:
            settings.setdefault("metavar", self.name.upper())
        parser.add_argument(*self.strings, dest=name, **settings)

    def words(self, value) -> list[str]:
        """The words of a command line that give the field this value."""
        if isinstance(value, bool):
            return [self.strings[-1] if value else self.strings[-1].replace("--", "--no-", 1)]
        return [self.strings[0], self.text(value)]


@dataclasses.dataclass(frozen=True)
class Group:
    """A part of `--help`; without a title, its beginning. `resume` and `with_finder` hold for its options."""

    title: str | None = None
    description: str | None = None
    resume: bool = False
    with_finder: bool = True

    def field(self, *strings: str, default=dataclasses.MISSING, resume=None, optimizer=False, **settings):
        """A field of a dataclass that an option sets.

        Args:
            strings: how the option is written.
            default: the field's; stands for {} in the help.
            resume: whether a resumed run may change it (default: the group's).
            optimizer: whether another optimizer brings its own.
            settings: of `Option`, and of argparse's `add_argument`.
        """
        settings["help"] = settings["help"].replace("{}", _shown(default))
        resume = self.resume if resume is None else resume
        rules = {"option": self.option(*strings, **settings), "resume": resume, "optimizer": optimizer}
        return dataclasses.field(default=default, metadata=rules)

    def option(self, *strings: str, **settings) -> Option:
        """An option that is no field; `settings` are those of `Option`, and of `add_argument`."""
        own = {name: settings.pop(name) for name in ("with_finder", "value", "text") if name in settings}
        return Option(strings, self, settings, **{"with_finder": self.with_finder} | own)


def _shown(default) -> str:
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return f"{default:g}" if isinstance(default, float) else str(default)


def of(table, nested: bool = True) -> dict[str, Option]:
    """The options of a dataclass, by field; `nested`: those of fields that are dataclasses as well."""
    found = {}
    for part in dataclasses.fields(table):
        if "option" in part.metadata:
            found[part.name] = part.metadata["option"]
        elif nested and dataclasses.is_dataclass(part.type):
            found |= of(part.type)
    return found


def add(parser, options: Iterable[tuple[str, Option]]) -> None:
    """Add options to an argparse parser, in their groups."""
    groups = {Group(): parser}
    for name, option in options:
        if option.group not in groups:
            groups[option.group] = parser.add_argument_group(option.group.title, option.group.description)
        option.add(groups[option.group], name)
