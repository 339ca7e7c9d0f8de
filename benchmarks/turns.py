"""The runtimes of one configuration, each in a process of its own, take turns."""

import contextlib
import json
import subprocess
import tempfile

from benchmarks import children, latency
from benchmarks.latency import Turn


class Runtime:
    """A process that waits for its turns, loaded and warm.

    Args:
        module: of the process, which ends in `benchmarks.turn_process.serve`.
        settings: its first argument, as JSON.
        variables: of its environment.

    Attributes:
        about: what it sent when it was ready.

    Raises:
        children.Ended: the process has ended; its methods raise it too.
    """

    def __init__(self, module: str, settings: dict, variables: dict[str, str]):
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115, open as long as the process
        self._process = subprocess.Popen(
            children.command(module, json.dumps(settings)),
            env=children.environment(**variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self.about = self._answer()

    @property
    def slow(self) -> bool:
        """Whether its calls are, see `latency.is_slow`."""
        return latency.is_slow(self.about["warm_up"])

    def turn(self, seconds: float) -> Turn:
        """Have it call the model for `seconds`."""
        return Turn(**self._ask(str(seconds)))

    def finish(self) -> dict:
        """Have it end; returns the state of its device, see `benchmarks.backend_devices.Device.state`."""
        return self._ask("")

    def close(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def _ask(self, line: str) -> dict:
        with contextlib.suppress(BrokenPipeError):  # the process has ended: `_answer` raises
            print(line, file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict:
        for answer in children.received(self._process.stdout):
            return answer
        status = self._process.wait()
        self._errors.seek(0)
        raise children.Ended(status, self._errors.read())


def measure(
    module: str,
    runtimes: dict[str, dict],
    turns: int,
    seconds: float,
    variables: dict[str, str],
    all_turns: bool = True,
) -> dict:
    """Let runtimes take turns, and print their speeds after each.

    Args:
        module: of their processes, see `Runtime`.
        runtimes: name -> settings of its process.
        turns: of each, `latency.LEAST_TURNS` or more.
        seconds: of a turn.
        variables: of the processes' environment.
        all_turns: take all turns; else slow runtimes stop when the turns of each agree.

    Returns:
        name -> figures; or `failed`, the reason, and `mistake`, whether that was the user's.
    """
    alive, taken, found = {}, {name: [] for name in runtimes}, {}

    def attempt(name, action, *arguments):
        try:
            return action(*arguments)
        except children.Ended as ended:
            found[name] = ended.result()
            if name in alive:
                alive.pop(name).close()

    try:
        for name, settings in runtimes.items():
            if ready := attempt(name, Runtime, module, settings, variables):
                alive[name] = ready
        stops = not all_turns and any(runtime.slow for runtime in alive.values())
        for number in range(1, turns + 1):
            if stops and latency.settled([taken[name] for name in alive]):
                break
            for name in list(alive):
                if turn := attempt(name, alive[name].turn, seconds):
                    taken[name].append(turn)
            _print_speeds(f"turn {number} of {'at most ' if stops else ''}{turns}", alive, taken)
        for name in list(alive):
            if state := attempt(name, alive[name].finish):
                about = alive[name].about
                found[name] = about | latency.figures(taken[name], about["batch"]) | state
    finally:
        for runtime in alive.values():
            runtime.close()
    return {name: found[name] for name in runtimes}


def _print_speeds(what: str, alive: dict[str, Runtime], taken: dict[str, list[Turn]]) -> None:
    """Print how fast each is so far."""
    speeds = [
        f"{name} {latency.rates(taken[name], runtime.about['batch'])['median']:.3g}"
        for name, runtime in alive.items()
    ]
    if speeds:
        print(f"  {what}: {', '.join(speeds)} images/s", flush=True)
