"""A child process that ends when its owner does, however the owner ends."""

import os
import signal
import subprocess

#: Reads until its owner writes a line (let go) or is gone (end of file: stop the child). Arguments: signal, process id.
_WATCH = 'read released || kill -s "$1" "$2"'


class Leash:
    """While it is held, the process gets `signal_name` as soon as the holder is gone, even by `kill -9`.

    The kernel closes the holder's end of a pipe, and a shell of a few hundred kilobytes at the other end sees it. No
    thread, no polling, the same on Linux and macOS. A holder that *forks* without `exec` shares its end with the
    child, so start further processes through `subprocess` or multiprocessing's `spawn`.
    """

    def __init__(self, pid: int, signal_name: str = "INT") -> None:
        self._watch = subprocess.Popen(
            ["/bin/sh", "-c", _WATCH, "leash", signal_name, str(pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Ctrl-C reaches a terminal's whole group; the order of shutting down is the owner's business.
            start_new_session=True,
        )

    def release(self) -> None:
        """Let go: the process was stopped, or may outlive us."""
        try:
            self._watch.communicate(b"released\n")
        except BrokenPipeError:
            self._watch.wait()


def stop(process: subprocess.Popen[bytes], patience: list[tuple[signal.Signals, float]]) -> None:
    """Signal a child ever more firmly until it has ended; `patience` gives the seconds for each signal."""
    for number, seconds in patience:
        if process.poll() is not None:
            return
        os.kill(process.pid, number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
    process.wait()
