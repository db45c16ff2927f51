"""Whether a Docker engine answers here."""

import subprocess
from functools import cache


@cache
def docker_answers() -> bool:
    """True where containers can be started; asked once a session, for the command may be there without an engine."""
    try:
        asked = subprocess.run(["docker", "info"], capture_output=True, timeout=10, check=False)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0
