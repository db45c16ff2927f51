"""`/livez`, `/readyz` and `/metrics` of the processes that serve no other HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket
from threading import Thread

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

from domain.rejections import Unavailable


@contextmanager
def server(host: str, port: int | None, listener: int | None = None) -> Iterator[None]:
    """Serve while the block runs: on an inherited socket, on a port, or without either not at all.

    Raises `Unavailable` where the port is taken.
    """
    if listener is None and port is None:
        yield
        return
    http = _bound(host, port or 0) if listener is None else _inherited(listener)
    Thread(target=http.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        http.shutdown()
        http.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a probe that does not wait for its answer is nothing to report."""


def _bound(host: str, port: int) -> _Server:
    try:
        return _Server((host, port), _Answer)
    except OSError as error:
        raise Unavailable(f"port {port} for health checks: {error.strerror}; set BENEFITS_HEALTH_PORT") from None


def _inherited(listener: int) -> _Server:
    http = _Server(("", 0), _Answer, bind_and_activate=False)
    http.socket.close()
    http.socket = socket(fileno=listener)
    return http


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
