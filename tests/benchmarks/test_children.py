"""Why a process ended, by real ones."""

import resource
import subprocess
import sys

import pytest

from benchmarks import children


def ended(code, **options):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, **options
    )
    return children.reason(done.returncode, done.stderr)


def little_memory():
    resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))


@pytest.mark.parametrize(
    "code",
    ["bytearray(2**31)", "import numpy; numpy.ones(2**31, 'u1')", "import os; os.kill(os.getpid(), 9)"],
)
def test_memory_that_runs_out_is_the_reason(code):
    assert ended(code, preexec_fn=little_memory) == "out of memory"


def test_other_ends_are_told_by_their_last_words():
    assert ended("import os; os.abort()") == "ended by SIGABRT"
    assert ended("raise SystemExit(5)") == "ended with status 5"
    assert ended("raise RuntimeError('no such kernel')") == "RuntimeError: no such kernel"
    mistake = "import sys; print('noise\\nx.py: error: no such size', file=sys.stderr); sys.exit(2)"
    assert ended(mistake) == "no such size"


def test_progress_is_printed_as_it_comes_and_the_rest_is_returned(capsys):
    found = children.received(
        ['{"progress": "building"}\n', "a library's word\n", '{"seconds": 3}\n', "{}\n"]
    )
    assert next(found) == {"seconds": 3}
    assert capsys.readouterr().out == "  building\n"
    assert list(found) == [{}]


def test_what_was_sent_before_a_failure_is_returned(tmp_path, capsys):
    (tmp_path / "failing.py").write_text(
        "import sys\nfrom benchmarks import children\nchildren.send_progress('counting')\n"
        "children.send(number=int(sys.argv[1]))\nsys.exit('too high')\n"
    )
    found, ended = children.objects("failing", "7", PYTHONPATH=f"{children.ROOT}:{tmp_path}")
    assert found == [{"number": 7}] and ended.result() == {"failed": "too high", "mistake": False}
    assert capsys.readouterr().out == "  counting\n"
