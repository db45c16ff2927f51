"""`/livez`, `/readyz` and `/metrics` of the processes that serve no other HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

from domain.rejections import Unavailable


@contextmanager
def server(host: str, port: int | None) -> Iterator[None]:
    """Serve on a port while the block runs, or nothing without a port; raises `Unavailable`."""
    if port is None:
        yield
        return
    try:
        http = ThreadingHTTPServer((host, port), _Answer)
    except OSError as error:
        raise Unavailable(f"port {port} for health checks: {error.strerror}; set BENEFITS_HEALTH_PORT") from None
    Thread(target=http.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        http.shutdown()
        http.server_close()


def is_ready() -> bool:
    """Whether every readiness gauge that this process has set says so."""
    samples = [sample for metric in REGISTRY.collect() for sample in metric.samples if sample.name.endswith("_ready")]
    return any(sample.value == 1 for sample in samples)


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Answer a probe."""
        match self.path:
            case "/metrics":
                self._send(200, generate_latest(), CONTENT_TYPE_LATEST)
            case "/livez":
                self._send(200, b"ok\n")
            case "/readyz":
                self._send(*((200, b"ready\n") if is_ready() else (503, b"not ready\n")))
            case _:
                self._send(404, b"not found\n")

    def _send(self, status: int, body: bytes, content_type: str = "text/plain; charset=utf-8") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: probes come every few seconds."""
