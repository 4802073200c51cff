"""Bearer tokens of an identity provider whose keys are served over HTTP."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from audit.models import AuditEvent
from config.access import bearer
from signing.api.views import ProcessViewSet
from tests.builders import process_of
from tests.conftest import Api
from tests.people import ANA, BEN, CODES, body

pytestmark = pytest.mark.django_db

ISSUER, AUDIENCE = "https://id.example.org", "paraph"


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def provider(key: rsa.RSAPrivateKey, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The provider's key server; yields the addresses it was asked for."""
    public = {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())), "kid": "k1", "use": "sig"}
    asked: list[str] = []

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            if self.path == "/broken":
                self.wfile.write(b"<html>")
                return
            self.wfile.write(json.dumps({"keys": [public]}).encode())

        def log_message(self, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Keys)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.JWT_ISSUER, settings.JWT_AUDIENCE = ISSUER, AUDIENCE
    settings.JWT_JWKS_URL = f"http://127.0.0.1:{server.server_port}/keys"
    bearer.keys.cache_clear()
    bearer._away_until.clear()
    monkeypatch.setattr(ProcessViewSet, "authentication_classes", [bearer.BearerAuthentication])
    yield asked
    server.shutdown()


@pytest.fixture
def signed(key: rsa.RSAPrivateKey) -> Callable[..., str]:
    """`signed(sub="ilze")`: a token of the provider with these claims changed; None leaves one out."""

    def make(*, algorithm: str = "RS256", with_key: Any = None, **changes: Any) -> str:
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "exp": now + 300, "sub": "ilze", "azp": "portal"} | changes
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, with_key or key, algorithm=algorithm, headers={"kid": "k1"})

    return make


def listed(nobody: Api, token: str) -> Any:
    return nobody.get("/api/processes", Authorization=f"Bearer {token}")


def test_claims_make_the_actor(provider: list[str], signed: Callable[..., str], nobody: Api) -> None:
    process_of(body([[ANA]]))
    answer = listed(nobody, signed(groups=["legal"]))
    assert (answer.status_code, answer.json()["totalElements"]) == (200, 1)
    event = AuditEvent.objects.latest("number")
    assert (event.client_app_name, event.creator) == ("portal", "ilze")
    assert listed(nobody, signed(sub="stranger")).json()["totalElements"] == 0
    assert listed(nobody, signed(sub="stranger", rights=["on_behalf", "made_up"])).json()["totalElements"] == 1
    assert listed(nobody, signed(sub="a", country="LV", personal_code=CODES[ANA])).json()["totalElements"] == 1
    assert listed(nobody, signed(sub="a", country="LV", personal_code=CODES[BEN])).json()["totalElements"] == 0


def test_keys_are_fetched_once(provider: list[str], signed: Callable[..., str], nobody: Api) -> None:
    for _ in range(3):
        assert listed(nobody, signed()).status_code == 200
    assert provider == ["/keys"]


def test_clocks_may_differ_by_half_a_minute(provider: list[str], signed: Callable[..., str], nobody: Api) -> None:
    now = int(time.time())
    assert listed(nobody, signed(exp=now - 20)).status_code == 200
    assert listed(nobody, signed(nbf=now + 20)).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example.org"},
        {"aud": "another service"},
        {"aud": None},
        {"iss": None},
        {"exp": None},
        {"exp": 1},
        {"nbf": 4_000_000_000},
        {"sub": None},
        {"sub": 5},
        {"sub": "x" * 256},
        {"sub": "a\0b"},
        {"sub": "a\ud800"},
        {"groups": ["\ud800"]},
    ],
)
def test_other_claims_are_401(
    provider: list[str], signed: Callable[..., str], nobody: Api, changes: dict[str, Any]
) -> None:
    answer = listed(nobody, signed(**changes))
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")


def test_other_keys_and_algorithms_are_401(
    provider: list[str], signed: Callable[..., str], nobody: Api, key: rsa.RSAPrivateKey
) -> None:
    another = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    head = base64.urlsafe_b64encode(b'{"alg":"none","kid":"k1"}').rstrip(b"=").decode()
    unsigned = f"{head}.{signed().split('.')[1]}."
    confused = jwt.api_jws.PyJWS()
    confused._algorithms["HS256"].prepare_key = lambda raw: raw  # type: ignore[method-assign]
    claims = json.dumps({"iss": ISSUER, "aud": AUDIENCE, "exp": int(time.time()) + 300, "sub": "ilze"}).encode()
    with_public_key = confused.encode(claims, public, algorithm="HS256", headers={"kid": "k1"})
    for token in (signed(with_key=another), unsigned, with_public_key, "x", "a.b.c", "é", signed()[:-3]):
        answer = listed(nobody, token)
        assert answer.status_code == 401, token
        assert token not in answer.content.decode()


def test_a_provider_that_is_away_is_503(
    provider: list[str], signed: Callable[..., str], nobody: Api, settings: Any
) -> None:
    settings.JWT_JWKS_URL = "http://127.0.0.1:1/keys"
    answer = listed(nobody, signed())
    assert (answer.status_code, answer.json()["code"]) == (503, "identity_provider_away")


def test_a_bearer_token_is_nothing_where_it_is_switched_off(nobody: Api) -> None:
    assert listed(nobody, "a.b.c").status_code == 401


def test_a_provider_that_is_away_is_asked_once_in_a_while(
    provider: list[str], signed: Callable[..., str], nobody: Api, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.JWT_JWKS_URL = settings.JWT_JWKS_URL.replace("/keys", "/broken")
    for _ in range(5):
        assert listed(nobody, signed()).status_code == 503
    assert provider == ["/broken"]


def test_two_people_of_one_client_do_not_share_answers(
    provider: list[str], signed: Callable[..., str], nobody: Api
) -> None:
    def create(subject: str) -> Any:
        token = f"Bearer {signed(sub=subject)}"
        return nobody.post("/api/processes", body([[ANA]]), Authorization=token, Idempotency_Key="1")

    ilze, other = create("ilze"), create("other")
    assert ilze.status_code == other.status_code == 201
    assert ilze.json()["id"] != other.json()["id"]
