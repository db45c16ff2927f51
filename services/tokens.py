"""Development tokens: a key pair in the data directory of an embedded exchange, and tokens signed with it.

In production tokens come from whoever runs the identity provider, and only public keys are configured here.
"""

import os
from datetime import datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from jwt.algorithms import OKPAlgorithm

from domain.rejections import Malformed, Unavailable
from services.api.access import Role

PRIVATE_KEY_FILE: Final = "development-key.pem"
JWKS_FILE: Final = "development-jwks.json"


class DevelopmentTokens:
    """Signs tokens that an API configured with `jwks_file` accepts."""

    def __init__(self, folder: Path, key: Ed25519PrivateKey, issuer: str, audience: str) -> None:
        self._key = key
        self._issuer = issuer
        self._audience = audience
        self.jwks_file = folder / JWKS_FILE

    @property
    def key_id(self) -> str:
        """The public key's name: a digest of it."""
        raw = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return blake2b(raw, digest_size=8).hexdigest()

    def jwks(self) -> dict[str, Any]:
        """The public key as a JSON Web Key Set."""
        public = OKPAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [{**public, "kid": self.key_id, "alg": "EdDSA", "use": "sig"}]}

    def mint(self, role: Role, subject: str, lifetime: timedelta, now: datetime) -> str:
        """A token for a role; the subject is the worker or platform it is bound to, or the name of a person."""
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": subject,
            "role": role,
            "iat": now,
            "exp": now + lifetime,
        }
        return jwt.encode(claims, self._key, algorithm="EdDSA", headers={"kid": self.key_id})


def development_tokens(folder: Path, issuer: str, audience: str) -> DevelopmentTokens:
    """The key pair of a data directory, made the first time; raises `Unavailable` where nothing can be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        private = folder / PRIVATE_KEY_FILE
        if not private.exists():
            _write_once(private, _new_key())
        tokens = DevelopmentTokens(folder, _read(private), issuer, audience)
        _replace(tokens.jwks_file, orjson.dumps(tokens.jwks()))
    except OSError as error:
        raise Unavailable(f"data directory {folder}: {error.strerror or error}") from error
    return tokens


def _new_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _read(path: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise Malformed(f"{path} holds no Ed25519 key: remove it, and a new one is made")
    return key


def _write_once(path: Path, content: bytes) -> None:
    """Make a file that only its owner reads; whoever is second keeps the first one's."""
    draft = _draft(path, content)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _replace(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old or the new one, never a part."""
    _draft(path, content).replace(path)


def _draft(path: Path, content: bytes) -> Path:
    draft = path.with_name(f".{path.name}.{uuid4().hex}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    return draft
