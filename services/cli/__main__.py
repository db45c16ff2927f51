"""`python -m services.cli`, for child processes that must not depend on a script being on the path."""

from services.cli import main

main()
