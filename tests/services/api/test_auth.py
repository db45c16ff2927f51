import os
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path
from threading import Thread

import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from domain.rejections import Malformed
from services.api import auth
from services.api.access import Principal
from services.api.auth import Authenticator, KeysUnavailable, KeyUrl, Unauthenticated, authenticator
from services.settings import Settings
from services.tokens import DevelopmentTokens, development_tokens

HOUR = timedelta(hours=1)


def _tokens(folder: Path) -> DevelopmentTokens:
    return development_tokens(folder, "issuer", "audience")


def _authenticator(jwks: Path | str) -> Authenticator:
    return authenticator(Settings(jwks=str(jwks), token_issuer="issuer", token_audience="audience"))


def _header(tokens: DevelopmentTokens) -> str:
    return f"Bearer {tokens.mint('worker', 'w-1', HOUR, datetime.now(UTC))}"


def test_a_minted_token_stands_for_its_role_and_subject(tmp_path: Path) -> None:
    tokens = _tokens(tmp_path)
    assert _authenticator(tokens.jwks_file).authenticate(_header(tokens)) == Principal("worker", "w-1")


def test_the_key_pair_of_a_data_directory_stays(tmp_path: Path) -> None:
    first, second = _tokens(tmp_path), _tokens(tmp_path)
    assert first.key_id == second.key_id
    assert _authenticator(first.jwks_file).authenticate(_header(second)).subject == "w-1"


def test_only_the_owner_reads_the_private_key_and_the_set_holds_none(tmp_path: Path) -> None:
    tokens = _tokens(tmp_path)
    assert {oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()} == {"0o600"}
    assert set(orjson.loads(tokens.jwks_file.read_bytes())["keys"][0]) == {"kty", "crv", "x", "kid", "alg", "use"}


def test_a_private_key_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "development-key.pem").write_text("nonsense")
    with pytest.raises(Malformed, match="holds no Ed25519 key"):
        _tokens(tmp_path)


def test_a_key_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    old, new = _tokens(tmp_path / "old"), _tokens(tmp_path / "new")
    path = tmp_path / "jwks.json"
    path.write_bytes(old.jwks_file.read_bytes())
    checks = _authenticator(path)
    checks.authenticate(_header(old))
    new.jwks_file.replace(path)
    checks.authenticate(_header(new))
    with pytest.raises(Unauthenticated):
        checks.authenticate(_header(old))


@pytest.mark.parametrize(
    "content", [b"", b"{", b"{}", b'{"keys": []}', b"[]", b'{"keys": [{"kty": "oct", "k": "AA"}]}']
)
def test_a_changed_file_that_is_broken_leaves_the_keys_as_they_were(tmp_path: Path, content: bytes) -> None:
    tokens = _tokens(tmp_path)
    checks = _authenticator(tokens.jwks_file)
    tokens.jwks_file.write_bytes(content)
    os.utime(tokens.jwks_file, ns=(1, 1))
    assert checks.authenticate(_header(tokens)).subject == "w-1"
    with pytest.raises(Malformed):
        _authenticator(tokens.jwks_file)


def test_without_keys_nothing_starts(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match="BENEFITS_JWKS"):
        _authenticator("")
    with pytest.raises(KeysUnavailable, match="No such file"):
        _authenticator(tmp_path / "none.json")
    with pytest.raises(Malformed, match="https"):
        _authenticator("http://localhost/jwks.json")


class _KeyServer(HTTPServer):
    """Serves a key set over https and counts how often it was asked."""

    def __init__(self, content: bytes, certificate: Path) -> None:
        super().__init__(("127.0.0.1", 0), _KeyAnswer)
        self.content = content
        self.asked = 0
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.server_address[1]}/jwks.json"


class _KeyAnswer(BaseHTTPRequestHandler):
    server: _KeyServer

    def do_GET(self) -> None:
        self.server.asked += 1
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def _certificate(path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - HOUR)
        .not_valid_after(now + HOUR)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + certificate.public_bytes(encoding))


@pytest.fixture
def key_server(tmp_path: Path) -> Iterator[_KeyServer]:
    certificate = tmp_path / "server.pem"
    _certificate(certificate)
    with _KeyServer(_tokens(tmp_path).jwks_file.read_bytes(), certificate) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _by_url(key_server: _KeyServer, tmp_path: Path) -> Authenticator:
    context = ssl.create_default_context(cafile=str(tmp_path / "server.pem"))
    return Authenticator(KeyUrl(key_server.url, context), "issuer", "audience")


def test_keys_at_a_url_are_asked_for_once(key_server: _KeyServer, tmp_path: Path) -> None:
    checks, tokens = _by_url(key_server, tmp_path), _tokens(tmp_path)
    for _ in range(3):
        assert checks.authenticate(_header(tokens)).subject == "w-1"
    assert key_server.asked == 1
    assert checks.check() == f"1 from {key_server.url}"


def test_tokens_of_unknown_keys_do_not_make_us_ask_again_and_again(key_server: _KeyServer, tmp_path: Path) -> None:
    checks, stranger = _by_url(key_server, tmp_path), _tokens(tmp_path / "stranger")
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            checks.authenticate(_header(stranger))
    assert key_server.asked == 1


def test_keys_that_cannot_be_fetched_are_unavailable_and_not_unauthenticated(tmp_path: Path) -> None:
    checks = Authenticator(auth.KeyUrl("https://127.0.0.1:1/jwks.json"), "issuer", "audience")
    with pytest.raises(KeysUnavailable):
        checks.authenticate(_header(_tokens(tmp_path)))
    with pytest.raises(KeysUnavailable):
        checks.check()


def test_an_answer_that_is_no_key_set_is_unavailable(key_server: _KeyServer, tmp_path: Path) -> None:
    for content in (b"<html>", b"[]", b'{"keys": []}', b'{"keys": [{"kty": "oct", "k": "AA"}]}'):
        key_server.content = content
        with pytest.raises((KeysUnavailable, Unauthenticated)):
            _by_url(key_server, tmp_path).authenticate(_header(_tokens(tmp_path)))
