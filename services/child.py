"""A child process of `benefits up`: started with its settings in the environment, its words in a log file.

It ends when we end, however we end: a leash kills it even when we are killed ourselves.
"""

import os
import signal
import socket
import subprocess
import sys
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

import services
from services.composition import leash

#: How long a child may take to finish what it is doing once it is told to stop.
PATIENCE_SECONDS: Final = 15.0
PROBE_SECONDS: Final = 1.0
LAST_WORDS_BYTES_MAX: Final = 2_000


class Child:
    """One `benefits` command as a child process, which may be started again after it ended.

    `listener` is the socket it serves on, kept by us so that its port stays the same whoever serves.
    """

    def __init__(self, name: str, command: list[str], log: Path, listener: socket.socket | None = None) -> None:
        self.name = name
        self.log = log
        self._command = command
        self._listener = listener
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, environment: dict[str, str]) -> None:
        """Start it with these settings, as long as it does not run."""
        if self._process is not None and self._process.poll() is None:
            return
        self._forget()
        own = {"BENEFITS_OWNER": str(os.getpid())}
        if self._listener is not None:
            own["BENEFITS_LISTENER"] = str(self._listener.fileno())
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                # -P: the current directory may hold a folder `services` that is not ours.
                [sys.executable, "-P", "-m", "services.cli", *self._command],
                env=environment | own,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[self._listener.fileno()] if self._listener is not None else [],
                # Ctrl-C reaches a terminal's whole group; the order of stopping is ours.
                start_new_session=True,
            )
        self._leash = leash(self._process.pid)

    @property
    def exit_code(self) -> int | None:
        """How it ended, None while it runs or before it was started."""
        return None if self._process is None else self._process.poll()

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def stop(self) -> None:
        """Tell it to stop, wait until it has, and kill it where it does not."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            # One that was stopped (SIGSTOP) hears nothing until it goes on.
            self._process.send_signal(signal.SIGCONT)
        try:
            self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._forget()

    def unreadiness(self) -> str | None:
        """Why it is not ready, in words; None when it is, or where there is nothing to ask."""
        if self._listener is None:
            return None
        host, port = self._listener.getsockname()[:2]
        # Not urllib: it would ask a proxy for what runs on this machine.
        asking = HTTPConnection(reachable(host), port, timeout=PROBE_SECONDS)
        try:
            asking.request("GET", "/readyz")
            answer = asking.getresponse()
            said = answer.read().decode(errors="replace").strip()
            return None if answer.status == 200 else said
        except (OSError, HTTPException) as error:
            return str(error) or type(error).__name__
        finally:
            asking.close()

    def last_words(self) -> str:
        """The last line it wrote: what a command says when it gives up, without the command's name."""
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - LAST_WORDS_BYTES_MAX))
            lines = log.read().decode(errors="replace").strip().splitlines()
        return lines[-1].removeprefix("benefits: ") if lines else "without a word"

    def _forget(self) -> None:
        if self._process is not None:
            self._leash.release()
            self._process = None


def environment_for_children(settings: dict[str, str]) -> dict[str, str]:
    """Our environment with these settings in place of ours, from which a child can import what we import."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BENEFITS_")}
    packages = str(Path(services.__file__).parent.parent)
    paths = [packages, *filter(None, [inherited.get("PYTHONPATH")])]
    return inherited | settings | {"PYTHONPATH": os.pathsep.join(paths)}


def reachable(host: str) -> str:
    """Where a server that listens on `host` can be asked from this machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
