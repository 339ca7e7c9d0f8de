"""An HTTP server on the loopback for tests of downloads, which misbehaves on demand."""

import re
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PIECE = 2**12  # bytes sent at once


class Files:
    """What a server has, how it answers, and what it was asked for.

    Attributes:
        files: content by path; of a proxy by whole address.
        break_after: bytes after which the next answers end early, one each; those behind these are whole.
        ranges: whether it sends parts of files.
        lengths: whether it says how long they are.
        pause: seconds before each piece.
        status: an HTTP status in the place of any file.
        asked: (path, value of the header Range) of each request.
    """

    def __init__(self, files: dict[str, bytes]):
        self.files, self.asked = files, []
        self.break_after: list[int] = []
        self.ranges, self.lengths, self.pause, self.status = True, True, 0.0, None


@contextmanager
def serving(files: dict[str, bytes]):
    """(`Files`, address) of a server that runs inside the context."""
    served = Files(files)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            served.asked.append((self.path, self.headers.get("Range")))
            content = served.files.get(self.path)
            if served.status or content is None:
                self.send_error(served.status or 404)
                return
            start, end = 0, len(content)
            wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            if wanted and served.ranges:
                start = int(wanted[1])
                if start >= end:
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{end}")
                    self.end_headers()
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{end - 1}/{end}")
            else:
                self.send_response(200)
            if served.lengths:
                self.send_header("Content-Length", str(end - start))
            self.end_headers()
            stop = min(end, start + served.break_after.pop(0)) if served.break_after else end
            try:
                for begin in range(start, stop, PIECE):
                    time.sleep(served.pause)
                    self.wfile.write(content[begin : min(begin + PIECE, stop)])
            except ConnectionError:  # the client has gone
                pass

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield served, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
