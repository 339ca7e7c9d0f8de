"""Messages of library code name arguments; a command line shows its options."""

import subprocess
import sys

import pytest

from common import arguments, cli


@pytest.fixture
def no_command_line(monkeypatch):
    monkeypatch.setattr(arguments, "_options", {})


@pytest.mark.usefixtures("no_command_line")
def test_without_a_command_line_a_message_stays_as_it_is():
    assert arguments.as_options("`minimum` 1 is above `maximum`") == "`minimum` 1 is above `maximum`"


@pytest.mark.usefixtures("no_command_line")
def test_a_command_line_shows_its_options():
    parser = cli.Parser()
    parser.add_argument("--max-lr", dest="maximum")
    parser.add_argument("-w", "--weights", "--weights-file")
    parser.add_argument("sides", nargs="*")
    part = parser.add_subparsers().add_parser("part")
    cli.add_passes(part)
    parser.parse_args(["part", "--flip"])
    for message, shown in (
        ("raise `maximum`", "raise --max-lr"),
        ("correct `source`, not `sides`", "correct -w/--weights, not `sides`"),
        ("`overlap` and `flip` need logits", "--tile and --flip need logits"),
        ("run `evaluate.py -r X` or `pip`", "run `evaluate.py -r X` or `pip`"),
    ):
        assert arguments.as_options(message) == shown


def test_an_error_that_ends_a_command_names_the_option():
    code = (
        "from common import cli, errors\n"
        "def main():\n"
        "    parser = cli.Parser()\n"
        "    parser.add_argument('-t', '--target-size')\n"
        "    parser.parse_args([])\n"
        "    raise errors.UserError('leave `size` out')\n"
        "cli.run(main)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (2, "-c: error: leave -t/--target-size out\n")
