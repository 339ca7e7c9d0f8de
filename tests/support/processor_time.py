"""What the tests cost: processor time, child processes included, printed at the end of a run.

Seconds on the clock say little where several tests share two cores; processor time is nearly the same on a
busy machine. A test file that takes more than `FILE_LIMIT` says why, in a module-level string COSTLY.
"""

import ast
import os
from collections import Counter
from pathlib import Path

import pytest

SLOWEST = 30  # tests to list
FILE_LIMIT = 120  # seconds of processor time
KEY = "processor_seconds"


_elsewhere = [0.0]  # seconds of processes that others have waited for


def processor_seconds() -> float:
    """User and system time of this process and of the processes that it has waited for or been told of."""
    return sum(os.times()[:4]) + _elsewhere[0]


def add(seconds: float) -> None:
    """Count the processor time of a process that another one has waited for."""
    _elsewhere[0] += seconds


class Costs:
    """A plugin of pytest that adds costs up, those of all workers where pytest-xdist runs them."""

    def __init__(self):
        self.tests = Counter()  # node id -> seconds
        self.workers = 0.0  # seconds of whole workers, imports and collection included
        self._stamp = 0.0  # processor time at the end of the phase before

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self):
        self._stamp = processor_seconds()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self):
        """Note with each phase of a test (setup, call, teardown) what it took."""
        report = yield
        now = processor_seconds()
        report.user_properties.append((KEY, now - self._stamp))
        self._stamp = now
        return report

    def pytest_runtest_logreport(self, report):
        self.tests[report.nodeid] += dict(report.user_properties).get(KEY, 0.0)

    def pytest_sessionfinish(self, session):
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput[KEY] = processor_seconds()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node):
        self.workers += getattr(node, "workeroutput", {}).get(KEY, 0.0)

    def pytest_terminal_summary(self, terminalreporter):
        if not self.tests:
            return
        write = terminalreporter.write_line
        terminalreporter.section(f"processor time of the {SLOWEST} slowest tests")
        for name, seconds in self.tests.most_common(SLOWEST):
            write(f"{seconds:7.1f} s  {name}")
        files = Counter()
        for name, seconds in self.tests.items():
            files[name.partition("::")[0]] += seconds
        terminalreporter.section(f"files that take over {FILE_LIMIT} s")
        for name, seconds in files.most_common():
            if seconds > FILE_LIMIT:
                write(f"{seconds:7.1f} s  {name}: {reason(terminalreporter.config.rootpath / name)}")
        total = sum(self.tests.values())
        write(f"total: {total:.0f} s in {len(self.tests)} tests, {self.workers:.0f} s of whole workers")


def reason(path: Path) -> str:
    """Why a test file is costly, its COSTLY; says so where it gives none."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "COSTLY":
            return ast.literal_eval(node.value)
    return "NO REASON GIVEN: shorten it, or give COSTLY"


def pytest_configure(config):
    config.pluginmanager.register(Costs(), "processor-time")
