"""One OpenID Connect provider: its metadata and keys, the address to send a person to, and what it says about them.

Authlib does the code flow with PKCE (RFC 7636), and joserfc checks the tokens. Imported only where a provider is set.
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import JWTClaimsRegistry

from web_ui.centre.oidc.settings import EMAIL, OidcError, OidcSettings, SignInAttempt, is_secure_address

TIMEOUT_S = 10
METADATA_MAX_AGE_S = 3600.0
ALGORITHMS = ["RS256", "PS256", "ES256", "RS384", "ES384", "RS512", "ES512"]
"""Signatures with a public key. A token without a signature, or with that of a shared secret, is none."""
CLOCK_LEEWAY_S = 60
MAX_IDENTITY_LENGTH = 255


class Provider:
    """Any thread. Metadata and keys are kept for an hour, and read anew where a token has a key that is not known."""

    def __init__(self, settings: OidcSettings, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._read_s = float("-inf")
        self._metadata: Mapping[str, Any] = {}
        self._keys: KeySet | None = None

    def authorization_url(self, attempt: SignInAttempt, redirect_uri: str) -> str:
        """Where the person signs in. Raises OidcError."""
        with self._session(redirect_uri) as session:
            url, _ = session.create_authorization_url(
                self._read()["authorization_endpoint"],
                state=attempt.state,
                nonce=attempt.nonce,
                code_verifier=attempt.verifier,
            )
        return str(url)

    def identity(self, attempt: SignInAttempt, redirect_uri: str, answer_url: str) -> str:
        """Who signed in: the value of the claim of the settings. `answer_url`: the address that the browser came back to.

        Raises OidcError, also where the person refused.
        """
        try:
            with self._session(redirect_uri) as session:
                token = session.fetch_token(
                    self._read()["token_endpoint"],
                    authorization_response=answer_url,
                    state=attempt.state,
                    code_verifier=attempt.verifier,
                    timeout=TIMEOUT_S,
                )
        except (requests.RequestException, AuthlibBaseError, ValueError, KeyError) as error:
            raise OidcError(f"no token: {error}") from error
        return self._identity_of(self._claims(str(token.get("id_token", "")), attempt.nonce))

    def _session(self, redirect_uri: str) -> OAuth2Session:
        found = self._settings
        methods = self._read().get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        method = "client_secret_basic" if "client_secret_basic" in methods else "client_secret_post"
        return OAuth2Session(
            found.client_id,
            found.client_secret,
            scope="openid email profile" if found.claim != "sub" else "openid",
            redirect_uri=redirect_uri,
            token_endpoint_auth_method=method,
            code_challenge_method="S256",
        )

    def _claims(self, token: str, nonce: str) -> Mapping[str, Any]:
        """The checked claims of an ID token (OpenID Connect Core 3.1.3.7). Raises OidcError."""
        try:
            try:
                decoded = jwt.decode(token, self._key_set(), algorithms=ALGORITHMS)
            except (JoseError, ValueError):  # the provider may have a new key
                decoded = jwt.decode(token, self._key_set(anew=True), algorithms=ALGORITHMS)
            JWTClaimsRegistry(
                leeway=CLOCK_LEEWAY_S,
                iss={"essential": True, "value": self._settings.issuer},
                aud={"essential": True, "value": self._settings.client_id},
                exp={"essential": True},
                iat={"essential": True},
                nonce={"essential": True, "value": nonce},
            ).validate(decoded.claims)
        except (JoseError, ValueError, TypeError) as error:
            raise OidcError(f"the token is not valid: {error}") from error
        claims = decoded.claims
        audience = claims["aud"]
        if isinstance(audience, list) and len(audience) > 1 and claims.get("azp") != self._settings.client_id:
            raise OidcError("the token is for another client")
        return claims

    def _identity_of(self, claims: Mapping[str, Any]) -> str:
        value = claims.get(self._settings.claim)
        if not isinstance(value, str) or not 0 < len(value) <= MAX_IDENTITY_LENGTH:
            raise OidcError(f"the token has no claim {self._settings.claim}")
        if self._settings.claim == EMAIL and claims.get("email_verified") is not True:
            raise OidcError("the provider has not verified the mail address")
        return value

    def _key_set(self, *, anew: bool = False) -> KeySet:
        self._read(anew=anew)
        assert self._keys is not None
        return self._keys

    def _read(self, *, anew: bool = False) -> Mapping[str, Any]:
        """Metadata and keys. Raises OidcError."""
        with self._lock:
            if anew or self._monotonic() - self._read_s > METADATA_MAX_AGE_S:
                issuer = self._settings.issuer
                metadata = _get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
                names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
                if metadata.get("issuer") != issuer or not all(is_secure_address(metadata.get(n)) for n in names):
                    raise OidcError(
                        f"{issuer} says that it is {metadata.get('issuer')}, or names addresses without TLS"
                    )
                try:
                    self._keys = KeySet.import_key_set(_get(metadata["jwks_uri"]))  # type: ignore[arg-type]
                except (JoseError, ValueError, KeyError, TypeError) as error:
                    raise OidcError(f"the keys of {issuer} cannot be read: {error}") from error
                self._metadata, self._read_s = metadata, self._monotonic()
            return self._metadata


def _get(address: str) -> dict[str, Any]:
    try:
        answer = requests.get(address, timeout=TIMEOUT_S)
        answer.raise_for_status()
        found = answer.json()
    except (requests.RequestException, ValueError) as error:
        raise OidcError(f"{address}: {error}") from error
    if not isinstance(found, dict):
        raise OidcError(f"{address}: not an object")
    return found
