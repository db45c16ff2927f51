"""`benefits token`: development tokens."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

import typer

from domain.identifiers import NAME_PATTERN, OPAQUE_PATTERN
from domain.rejections import Malformed, Rejected
from services import tokens, whereabouts
from services.api.access import Role
from services.cli.reaching import Data
from services.composition import now
from services.settings import Settings

_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_SUBJECTS: Final = {"worker": OPAQUE_PATTERN, "platform": NAME_PATTERN}


class NoKeyToSignWith(Rejected):
    """Tokens are minted by whoever holds the private key, and that is not us."""

    code = "no_key_to_sign_with"


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command()(token)


def token(
    role: Annotated[Role, typer.Option(help="What the caller is.")],
    subject: Annotated[str, typer.Option(help="The worker's or platform's id, or an operator's or auditor's name.")],
    lifetime: Annotated[str, typer.Option(help="How long it holds, like 90s, 15m, 12h or 7d.")] = "12h",
    data: Data = None,
) -> None:
    """Print a token for the API of an embedded exchange, running or not; in production your identity provider does."""
    settings = Settings()
    folder = data or _folder(settings)
    if folder is None or not (folder / tokens.PRIVATE_KEY_FILE).exists():
        raise NoKeyToSignWith(
            f"there is no development key in {folder}: name the data directory of a `benefits up` with --data"
            if folder is not None
            else "no `benefits up` is running here, and only its API takes our tokens:"
            " name a data directory with --data (in production, ask your identity provider)"
        )
    if not re.match(_SUBJECTS.get(role, r"^[^\x00-\x1f\x7f]{1,200}\Z"), subject):
        raise Malformed(f"{subject!r:.100} is no subject that a {role}'s token can have", key="--subject")
    minted = tokens.development_tokens(folder, settings.token_issuer, settings.token_audience)
    typer.echo(minted.mint(role, subject, _seconds(lifetime), now()))


def _folder(settings: Settings) -> Path | None:
    """The data directory of the configured or the running embedded exchange; raises `NoKeyToSignWith` in production."""
    if settings.jwks and settings.mode == "embedded":
        return Path(settings.jwks).parent
    if settings.model_fields_set & {"database", "kafka", "jwks"}:
        raise NoKeyToSignWith(
            "in production, tokens come from your identity provider: development tokens are not taken"
        )
    running = whereabouts.the_running_one()
    return None if running is None else Path(running.data_dir)


def _seconds(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if found is None or not int(found[1]):
        raise Malformed(f"expected a time like 15m, 12h or 7d, got {text!r:.50}", key="--lifetime")
    return timedelta(seconds=int(found[1]) * _UNITS[found[2]])
