"""Finds records that a folder already has of the same code on a machine like this one."""

from pathlib import Path

from benchmarks import record
from benchmarks.children import OUT_OF_MEMORY
from common import environment as machine

# another node with the same hardware and software is as good; another commit, driver or version is not
DECISIVE = ("cpu", "cpu_features", "cpus", "threads", "packages", "libraries")


class ExistingRecords:
    """Finds a configuration's record.

    Args:
        folder: of records, which need not be there; None has none.
    """

    def __init__(self, folder: Path | None):
        self._folder, self._records = folder, None

    def find(self, benchmark: str, settings: dict) -> dict | None:
        """The newest sound record of the same settings, code and kind of machine, else None."""
        if self._folder is None or not self._folder.is_dir():
            return None
        if self._records is None:
            here = conditions(machine.environment())
            found = sorted(record.read_folder(self._folder)[0], key=lambda one: one["date"])
            self._records = {
                one["id"]: one for one in found if is_sound(one) and conditions(one["environment"]) == here
            }
        return self._records.get(record.make_id(benchmark, settings))


def conditions(environment: dict) -> dict:
    """The part of a record's environment that decides speed: hardware, threads, versions, code."""
    git = environment["git"]
    gpus = [
        [word.strip() for word in line.split(",")[:2]] for line in environment.get("gpus", [])
    ]  # name, driver
    code = (git.get("commit"), git.get("diff", "unknown" if git.get("dirty") else None))
    return {name: environment.get(name) for name in DECISIVE} | {"gpus": gpus, "code": code}


def is_sound(found: dict) -> bool:
    """Whether nothing failed, or only for lack of memory, as it would again."""
    results = found["results"]
    figures = results.get("runtimes", {"": results}).values()
    return all(part.get("failed", OUT_OF_MEMORY) == OUT_OF_MEMORY for part in figures)
