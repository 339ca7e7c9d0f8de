"""A field of a dataclass as an option: the parser, the help and the words follow from it."""

import argparse
from dataclasses import dataclass, fields

import pytest

from training import options
from training.options import Group

plain = Group()
more = Group("more", "of these")


@dataclass(frozen=True)
class Inner:
    depth: int = more.field("--depth", type=int, default=3, help="({})")


@dataclass(frozen=True, kw_only=True)
class Table:
    name: str = plain.field("-n", "--name", choices=lambda: ("a", "b"), help="who")
    rate: float = plain.field("--top-rate", type=float, default=10.0, resume=True, help="{} a step")
    size: tuple[int, int] = more.field(
        "--size", default=(1, 2), text=lambda size: "{}x{}".format(*size), help="as {}"
    )
    fast: bool = more.field("--fast", action=argparse.BooleanOptionalAction, default=False, help="hurry")
    inner: Inner = Inner()
    derived: int = 0


@pytest.fixture
def parser():
    made = argparse.ArgumentParser(prog="x", add_help=False)
    options.add(made, options.of(Table).items())
    return made


def test_the_parser_has_the_fields_in_their_order_and_groups(parser):
    assert parser.format_help().split("\n\n")[1:] == [
        "options:\n  -n {a,b}, --name {a,b}\n                        who\n  --top-rate TOP_RATE   10 a step",
        "more:\n  of these",
        "  --size SIZE           as 1,2\n  --fast, --no-fast     hurry\n  --depth DEPTH         (3)\n",
    ]


def test_what_is_not_given_is_none(parser):
    read = vars(parser.parse_args(["--top-rate", "2", "--no-fast"]))
    assert read == {"name": None, "rate": 2.0, "size": None, "fast": False, "depth": None}


def test_a_value_becomes_the_words_that_give_it():
    of = options.of(Table)
    assert of["name"].words("b") == ["-n", "b"]
    assert of["size"].words((3, 4)) == ["--size", "3x4"]
    assert of["fast"].words(True) + of["fast"].words(False) == ["--fast", "--no-fast"]


def test_a_field_says_whether_a_resumed_run_may_change_it():
    assert [part.name for part in fields(Table) if part.metadata.get("resume")] == ["rate"]
