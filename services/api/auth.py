"""Bearer tokens: who calls, by a signature of a key that we were told to trust.

Tokens are JWTs (RFC 7519) signed with RS256, ES256 or EdDSA. Issuer, audience and expiry are required and checked;
`role` says which role, `sub` which worker or platform (for operators and auditors: which person). The cryptography
is PyJWT's.
"""

import re
from collections.abc import Callable
from pathlib import Path
from ssl import SSLContext
from threading import Lock
from typing import Any, Final, Protocol

import jwt
import orjson
from jwt import PyJWK, PyJWKClient
from jwt.exceptions import PyJWKClientConnectionError, PyJWKClientError, PyJWKSetError, PyJWTError

from domain.identifiers import NAME_PATTERN, OPAQUE_PATTERN
from domain.rejections import ExchangeError, Malformed, Unavailable
from services.api.access import ROLES, Principal, Role
from services.logs import logger
from services.settings import Settings

ALGORITHMS: Final = ("RS256", "ES256", "EdDSA")
REQUIRED_CLAIMS: Final = ("iss", "aud", "exp", "sub", "role")
#: Clocks of issuer and exchange may differ by this much.
LEEWAY_SECONDS: Final = 10
LONGEST_TOKEN: Final = 8_192
#: How long keys from a URL hold; unknown key ids ask again at most every 30 seconds.
KEYS_HOLD_SECONDS: Final = 300
FETCH_TIMEOUT_SECONDS: Final = 5

_SUBJECT: Final[dict[Role, str]] = {
    "worker": OPAQUE_PATTERN,
    "platform": NAME_PATTERN,
    "operator": r"^[^\x00-\x1f\x7f\ud800-\udfff]{1,200}\Z",
    "auditor": r"^[^\x00-\x1f\x7f\ud800-\udfff]{1,200}\Z",
}

log = logger(__name__)


class Unauthenticated(ExchangeError):
    """There is no token, or it cannot be trusted."""

    code = "unauthenticated"

    def __init__(self, detail: str, *, has_token: bool = True) -> None:
        super().__init__(detail)
        self.has_token = has_token


class KeysUnavailable(Unavailable):
    """The public keys that tokens are checked with cannot be read."""

    code = "keys_unavailable"


class Keys(Protocol):
    """Public keys by id."""

    def find(self, key_id: str | None) -> PyJWK | None:
        """The key of this id (the only key where a token names none); raises `KeysUnavailable`."""

    def check(self) -> str:
        """Where the keys come from; raises `KeysUnavailable`."""


class KeyFile:
    """Keys in a JWKS file, read again whenever it changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._stamp = self._stat()
        self._keys = _usable(self._read())

    def find(self, key_id: str | None) -> PyJWK | None:
        """The key of this id, by what the file holds now."""
        self._refresh()
        return _pick(self._keys, key_id)

    def check(self) -> str:
        """The file and how many keys it holds."""
        self._stat()
        return f"{len(self._keys)} from {self._path}"

    def _refresh(self) -> None:
        """Take what the file holds now; one that is missing or broken leaves the keys as they were."""
        try:
            stamp = self._stat()
            if stamp == self._stamp:
                return
            with self._lock:
                self._keys = _usable(self._read())
                self._stamp = stamp
        except ExchangeError as error:
            log.warning("keys kept", reason=error.code, detail=error.detail)

    def _stat(self) -> tuple[int, int, int]:
        try:
            stat = self._path.stat()
        except OSError as error:
            raise KeysUnavailable(f"{self._path}: {error.strerror or error}") from None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino

    def _read(self) -> Any:
        try:
            return orjson.loads(self._path.read_bytes())
        except OSError as error:
            raise KeysUnavailable(f"{self._path}: {error.strerror or error}") from None
        except orjson.JSONDecodeError as error:
            raise Malformed(f"{self._path} is not JSON: {error}", key="jwks") from None


class KeyUrl:
    """Keys at an https URL, cached; an id that is not among them asks again, but not often."""

    def __init__(self, url: str, ssl_context: SSLContext | None = None) -> None:
        self._url = url
        self._client = PyJWKClient(
            url, lifespan=KEYS_HOLD_SECONDS, timeout=FETCH_TIMEOUT_SECONDS, ssl_context=ssl_context
        )

    def find(self, key_id: str | None) -> PyJWK | None:
        """The key of this id, by what the URL answered last."""
        try:
            if key_id is not None:
                return self._client.get_signing_key(key_id)
            return _pick(self._client.get_signing_keys(), None)
        except (PyJWKClientConnectionError, PyJWKSetError, ValueError) as error:
            raise KeysUnavailable(f"{self._url}: {error}") from error
        except PyJWKClientError:
            return None

    def check(self) -> str:
        """The URL and how many keys it answered."""
        try:
            return f"{len(self._client.get_signing_keys())} from {self._url}"
        except (PyJWTError, ValueError) as error:
            raise KeysUnavailable(f"{self._url}: {error}") from error


class Authenticator:
    """Turns tokens into principals."""

    def __init__(self, keys: Keys, issuer: str, audience: str) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._decode: Callable[..., dict[str, Any]] = jwt.PyJWT({"enforce_minimum_key_length": True}).decode

    def authenticate(self, authorization: str | None) -> Principal:
        """Who an `Authorization` header stands for; raises `Unauthenticated` or `KeysUnavailable`."""
        token = _bearer(authorization)
        key = self._key(token)
        try:
            claims = self._decode(
                token,
                key=key,
                algorithms=[key.algorithm_name],
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY_SECONDS,
                options={"require": list(REQUIRED_CLAIMS)},
            )
        except (PyJWTError, ValueError) as error:
            raise Unauthenticated(f"the token is not accepted: {error}") from None
        return _principal(claims)

    def check(self) -> str:
        """Where keys come from; raises `KeysUnavailable` where none can be had."""
        return self._keys.check()

    def _key(self, token: str) -> PyJWK:
        try:
            header = jwt.get_unverified_header(token)
        except (PyJWTError, ValueError) as error:
            raise Unauthenticated(f"not a token: {error}") from None
        key = self._keys.find(header.get("kid"))
        if key is None or key.algorithm_name not in ALGORITHMS:
            raise Unauthenticated("the token is signed with a key that is not trusted here")
        return key


def authenticator(settings: Settings, ssl_context: SSLContext | None = None) -> Authenticator:
    """The authenticator for these settings; raises `Malformed` where no keys are configured."""
    return Authenticator(_keys(settings.jwks, ssl_context), settings.token_issuer, settings.token_audience)


def _keys(where: str, ssl_context: SSLContext | None) -> Keys:
    if where.startswith("https://"):
        return KeyUrl(where, ssl_context)
    if not where:
        raise Malformed("set BENEFITS_JWKS to the file or https URL with the keys that sign tokens", key="jwks")
    if "://" in where:
        raise Malformed(f"expected a file or an https URL, got {where!r}", key="jwks")
    return KeyFile(Path(where))


def _usable(document: Any) -> list[PyJWK]:
    """The keys of a set that tokens may be signed with; raises `Malformed` where there is none."""
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise Malformed('expected a JSON Web Key Set: {"keys": [...]}', key="jwks")
    keys = [key for each in listed if isinstance(each, dict) and (key := _parsed(each)) is not None]
    if not keys:
        raise Malformed(f"the key set holds no public key for {', '.join(ALGORITHMS)}", key="jwks")
    return keys


def _parsed(jwk: dict[str, Any]) -> PyJWK | None:
    """The key, unless it is for something else or of a kind we do not take."""
    try:
        key = PyJWK(jwk)
    except (PyJWTError, ValueError, TypeError, KeyError):
        return None
    return key if key.algorithm_name in ALGORITHMS and key.public_key_use in ("sig", None) else None


def _pick(keys: list[PyJWK], key_id: str | None) -> PyJWK | None:
    if key_id is None:
        return keys[0] if len(keys) == 1 else None
    return next((key for key in keys if key.key_id == key_id), None)


def _bearer(authorization: str | None) -> str:
    if not authorization:
        raise Unauthenticated("this needs a bearer token", has_token=False)
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("expected `Authorization: Bearer <token>`", has_token=False)
    if len(token) > LONGEST_TOKEN or not token.isascii():
        raise Unauthenticated("not a token: too long or not ASCII")
    return token.strip()


def _principal(claims: dict[str, Any]) -> Principal:
    role, subject = claims["role"], claims["sub"]
    if role not in ROLES:
        raise Unauthenticated(f"the claim `role` is none of {', '.join(ROLES)}")
    if not re.match(_SUBJECT[role], subject):
        raise Unauthenticated(f"the claim `sub` names no {role}")
    return Principal(role, subject)
