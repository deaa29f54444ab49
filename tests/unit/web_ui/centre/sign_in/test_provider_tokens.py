"""Tokens that another provider, another client, another attempt or an attacker made are refused, each for its own fault."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from web_ui.centre.oidc.provider import Provider
from web_ui.centre.oidc.settings import OidcError, OidcSettings, SignInAttempt

KEY = ECKey.generate_key("P-256", {"kid": "one", "use": "sig", "alg": "ES256"})
OTHER = ECKey.generate_key("P-256", {"kid": "one", "use": "sig", "alg": "ES256"})
BACK = "http://localhost/sign-in/provider/back"


class TokenServer(ThreadingHTTPServer):
    """A provider whose answers the test writes."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.issuer = f"http://localhost:{self.server_port}"
        self.said_issuer = self.issuer
        self.token = ""
        self.keys = KeySet([KEY])


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = cast("TokenServer", self.server)
        if self.path.endswith("/jwks"):
            return self._say(server.keys.as_dict(private=False))
        names = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "jwks"}
        addresses = {name: f"{server.issuer}/{path}" for name, path in names.items()}
        return self._say({"issuer": server.said_issuer} | addresses)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._say({"access_token": "x", "token_type": "Bearer", "id_token": cast("TokenServer", self.server).token})

    def _say(self, content: Mapping[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        """Keep the test output clean."""


@pytest.fixture
def server() -> Iterator[TokenServer]:
    with TokenServer() as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield found
        finally:
            found.shutdown()
            thread.join()


def identity(server: TokenServer, provider: Provider | None = None, **changes: Any) -> str:
    """What the centre makes of a token with these claims. A claim None is left out."""
    attempt, now = SignInAttempt.new(), int(time.time())
    provider = provider or Provider(OidcSettings(server.issuer, "centre", "secret"))
    key, algorithm = changes.pop("key", KEY), changes.pop("alg", "ES256")
    claims = {
        "iss": server.issuer, "aud": "centre", "sub": "officer-7", "iat": now, "exp": now + 300, "nonce": attempt.nonce,
    } | changes  # fmt: skip
    present = {name: value for name, value in claims.items() if value is not None}
    header = {"alg": algorithm, "kid": key.kid or "one"}
    server.token = jwt.encode(header, present, key, algorithms=[algorithm])
    return provider.identity(attempt, BACK, f"{BACK}?code=c&state={attempt.state}")


def test_a_right_token_names_the_person(server: TokenServer) -> None:
    assert identity(server) == "officer-7"
    assert identity(server, aud=["centre", "other"], azp="centre") == "officer-7"


@pytest.mark.parametrize(
    "changes",
    [
        {"key": OTHER}, {"iss": "https://other.example"}, {"aud": "other"}, {"aud": ["centre", "other"]},
        {"aud": ["centre", "other"], "azp": "other"}, {"exp": 1}, {"exp": None}, {"iat": None}, {"nonce": "replayed"},
        {"nonce": None}, {"iss": None}, {"aud": None}, {"sub": None}, {"sub": ""}, {"sub": 7}, {"sub": "x" * 256},
        {"key": OctKey.import_key("secret-of-the-client-0123456789ab"), "alg": "HS256"},
    ],
)  # fmt: skip
def test_any_wrong_claim_or_key_is_refused(server: TokenServer, changes: dict[str, Any]) -> None:
    with pytest.raises(OidcError):
        identity(server, **changes)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJvZmZpY2VyLTcifQ."])
def test_what_is_no_signed_token_is_refused(server: TokenServer, token: str) -> None:
    server.token, attempt = token, SignInAttempt.new()
    provider = Provider(OidcSettings(server.issuer, "centre", "secret"))
    with pytest.raises(OidcError):
        provider.identity(attempt, BACK, f"{BACK}?code=c&state={attempt.state}")


def test_a_new_key_of_the_provider_is_found_without_a_restart(server: TokenServer) -> None:
    provider = Provider(OidcSettings(server.issuer, "centre", "secret"))
    assert identity(server, provider)
    new = RSAKey.generate_key(2048, {"kid": "two", "use": "sig", "alg": "RS256"})
    server.keys = KeySet([new])
    assert identity(server, provider, key=new, alg="RS256") == "officer-7"
    with pytest.raises(OidcError):
        identity(server, provider)


def test_a_provider_with_another_name_is_refused(server: TokenServer) -> None:
    server.said_issuer = "https://other.example"
    with pytest.raises(OidcError):
        identity(server)
