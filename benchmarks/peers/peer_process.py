"""One runtime of one comparison; a process of its own for `benchmarks.peers.peers_command`.

The first argument is JSON: `runtime` (of `runtimes.RUNTIMES`), `scope` (inference or training), `model`,
`options`, `package`, `original`, `size`, `batch`, `precision`, and the `folder` of
`benchmarks.peers.peer_files`.

It writes the logits of the first image to that folder, and takes turns, see `benchmarks.turn_process`.
"""

import json
import sys

from benchmarks.children import die_first
from benchmarks.peers.runtimes import COMPILED, EAGER, logits_file
from benchmarks.turn_process import Work, serve
from common import cli


def main() -> int:
    """Take turns with the settings in the first argument."""
    settings = json.loads(sys.argv[1])
    die_first()
    serve(settings["runtime"], lambda: work_of(settings))
    return 0


def work_of(settings: dict) -> Work:
    """What is timed."""
    runtime, scope = settings["runtime"], settings["scope"]
    path = logits_file(settings["folder"], runtime)
    if runtime in (EAGER, COMPILED):
        from benchmarks.peers.original import Original

        return getattr(Original(settings, runtime == COMPILED), scope)(path)
    from benchmarks.peers import ours

    return getattr(ours, scope)(settings, path)


if __name__ == "__main__":
    cli.run(main)
