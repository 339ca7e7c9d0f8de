"""Where ranks that srun starts learn of each other's addresses.

Horovod's own server, as horovodrun has it inside. Prints its port, and serves until it is killed.
"""

import signal
import sys

if __name__ == "__main__":
    try:
        from horovod.runner.http.http_server import RendezvousServer
    except ImportError as error:
        sys.exit(f"several tasks need Horovod: `make horovod`, or ask for one task ({error})")
    print(RendezvousServer().start(), flush=True)
    signal.pause()
