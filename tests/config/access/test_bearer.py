"""Bearer tokens of an identity provider that serves its keys over HTTP."""

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
from config.personal_codes import person_key
from signing.api.views import ProcessViewSet
from signing.models import Process
from tests.builders import process_of
from tests.conftest import Api
from tests.people import ANA, BEN, CODES, body

pytestmark = pytest.mark.django_db

ISSUER = "https://id.example.org"
AUDIENCE = "paraph"
ROLES = ["on_behalf"]


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_key(key: rsa.RSAPrivateKey, **members: str) -> dict[str, str]:
    return json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())) | members


@pytest.fixture
def key_set(key: rsa.RSAPrivateKey) -> list[dict[str, str]]:
    """The provider's keys, which a test may change before the first request."""
    return [public_key(key, kid="k1", use="sig")]


@pytest.fixture
def provider(key_set: list[dict[str, str]], settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The provider's key server, behind a firewall that refuses Python's library; yields the requested paths."""
    requested: list[str] = []

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requested.append(self.path)
            if "urllib" in self.headers["User-Agent"]:
                self.send_error(403)
                return
            self.send_response(200)
            self.end_headers()
            if self.path == "/broken":
                self.wfile.write(b"<html>")
                return
            self.wfile.write(json.dumps({"keys": key_set}).encode())

        def log_message(self, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Keys)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.JWT_ISSUER = ISSUER
    settings.JWT_AUDIENCE = AUDIENCE
    settings.JWT_JWKS_URL = f"http://127.0.0.1:{server.server_port}/keys"
    bearer.jwks_client.cache_clear()
    bearer._unavailable_until.clear()
    monkeypatch.setattr(ProcessViewSet, "authentication_classes", [bearer.BearerAuthentication])
    yield requested
    server.shutdown()


@pytest.fixture
def signed(key: rsa.RSAPrivateKey) -> Callable[..., str]:
    """`signed(sub="ilze")`: a token of the provider with these claims changed; None omits a claim."""

    def sign(*, algorithm: str = "RS256", with_key: Any = None, kid: str | None = "k1", **changes: Any) -> str:
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "exp": now + 300, "sub": "ilze", "azp": "portal"} | changes
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, with_key or key, algorithm=algorithm, headers={"kid": kid} if kid else {})

    return sign


def list_processes(nobody: Api, token: str) -> Any:
    return nobody.get("/api/processes", Authorization=f"Bearer {token}")


def test_claims_make_the_actor(provider: list[str], signed: Callable[..., str], nobody: Api) -> None:
    process_of(body([[ANA]]))
    response = list_processes(nobody, signed(groups=["legal"]))
    assert (response.status_code, response.json()["totalElements"]) == (200, 1)
    event = AuditEvent.objects.latest("number")
    assert (event.client_app_name, event.creator) == ("portal", "ilze")
    assert list_processes(nobody, signed(sub="stranger")).json()["totalElements"] == 0
    assert list_processes(nobody, signed(sub="stranger", rights=["on_behalf", "made_up"])).json()["totalElements"] == 1
    assert list_processes(nobody, signed(sub="a", country="LV", personal_code=CODES[ANA])).json()["totalElements"] == 1
    assert list_processes(nobody, signed(sub="a", country="LV", personal_code=CODES[BEN])).json()["totalElements"] == 0


def test_claims_may_be_nested_and_space_separated(
    provider: list[str], signed: Callable[..., str], nobody: Api, settings: Any
) -> None:
    process_of(body([[ANA]]))
    settings.JWT_CLAIMS = settings.JWT_CLAIMS | {"rights": "realm_access.roles"}
    token = signed(sub="stranger", realm_access={"roles": "offline on_behalf"})
    assert list_processes(nobody, token).json()["totalElements"] == 1
    for claim in ({"roles": []}, ["on_behalf"], "on_behalf", None):
        token = signed(sub="stranger", realm_access=claim)
        assert list_processes(nobody, token).json()["totalElements"] == 0


@pytest.mark.parametrize(
    ("name", "claims"),
    [
        ("resource_access.portal.example.org.roles", {"resource_access": {"portal.example.org": {"roles": ROLES}}}),
        ("resource_access.portal.roles", {"resource_access.portal": {"roles": ROLES}}),
        ("a.b.c.roles", {"a": {"b": {}}, "a.b": {"c.roles": ROLES}}),
        ("a.b.c.roles", {"a": {"b.c": {"roles": ROLES}}, "a.b": {"x": []}}),
        ("https://portal.example.org/roles", {"https://portal.example.org/roles": ROLES}),
        ("https://portal.example.org/claims.roles", {"https://portal.example.org/claims": {"roles": ROLES}}),
        ("realm_access.roles", {"realm_access.roles": ROLES, "realm_access": {"roles": []}}),
    ],
)
def test_claim_names_may_contain_dots_and_be_urls(
    provider: list[str], signed: Callable[..., str], nobody: Api, settings: Any, name: str, claims: dict[str, Any]
) -> None:
    process_of(body([[ANA]]))
    settings.JWT_CLAIMS = settings.JWT_CLAIMS | {"rights": name}
    assert list_processes(nobody, signed(sub="stranger", **claims)).json()["totalElements"] == 1
    assert list_processes(nobody, signed(sub="stranger")).json()["totalElements"] == 0


def test_a_group_path_is_another_group_than_its_last_part(
    provider: list[str], signed: Callable[..., str], nobody: Api
) -> None:
    process_of(body([[ANA]]))
    Process.objects.update(owner_group="legal")
    for groups, count in ((["/legal"], 0), (["/board/legal"], 0), (["legal"], 1)):
        assert list_processes(nobody, signed(sub="stranger", groups=groups)).json()["totalElements"] == count


@pytest.mark.parametrize("code", [CODES[ANA], f"PNOLV-{CODES[ANA]}", f" {CODES[ANA].replace('-', '')} "])
def test_the_person_of_a_token_has_the_key_of_the_personal_code(code: str) -> None:
    claims = {"sub": "ana", "country": "LV", "personal_code": code}
    assert bearer._actor(claims).person == person_key("LV", code)


def test_rights_that_are_not_texts_are_ignored(provider: list[str], signed: Callable[..., str], nobody: Api) -> None:
    process_of(body([[ANA]]))
    token = signed(sub="stranger", rights=[{"on_behalf": True}, ["on_behalf"], 1])
    response = list_processes(nobody, token)
    assert (response.status_code, response.json()["totalElements"]) == (200, 0)


def test_a_malformed_header_is_401(provider: list[str], signed: Callable[..., str], nobody: Api) -> None:
    for header in ("Bearer", f"Bearer {signed()} {signed()}"):
        response = nobody.get("/api/processes", Authorization=header)
        assert (response.status_code, response["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("in_token", ["k1", "k2", None])
def test_the_only_key_needs_no_name(
    provider: list[str],
    signed: Callable[..., str],
    nobody: Api,
    key: rsa.RSAPrivateKey,
    key_set: list[dict[str, str]],
    in_token: str | None,
) -> None:
    another = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    key_set[:] = [public_key(key), public_key(another, use="enc")]
    assert list_processes(nobody, signed(kid=in_token)).status_code == 200
    assert list_processes(nobody, signed(kid=in_token, with_key=another)).status_code == 401


def test_a_token_without_a_key_name_is_verified_with_the_only_key(
    provider: list[str], signed: Callable[..., str], nobody: Api
) -> None:
    assert list_processes(nobody, signed(kid=None)).status_code == 200
    assert list_processes(nobody, signed(kid="k2")).status_code == 401


@pytest.mark.parametrize("in_token", ["k3", None])
def test_a_key_must_be_named_if_there_are_several(
    provider: list[str],
    signed: Callable[..., str],
    nobody: Api,
    key_set: list[dict[str, str]],
    in_token: str | None,
) -> None:
    another = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    key_set.append(public_key(another, kid="k2"))
    assert list_processes(nobody, signed(kid=in_token)).status_code == 401
    assert list_processes(nobody, signed(kid="k2", with_key=another)).status_code == 200


def test_keys_are_fetched_once(provider: list[str], signed: Callable[..., str], nobody: Api) -> None:
    for _ in range(3):
        assert list_processes(nobody, signed()).status_code == 200
    assert provider == ["/keys"]


def test_clocks_may_differ_by_half_a_minute(provider: list[str], signed: Callable[..., str], nobody: Api) -> None:
    now = int(time.time())
    assert list_processes(nobody, signed(exp=now - 20)).status_code == 200
    assert list_processes(nobody, signed(nbf=now + 20)).status_code == 200


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
def test_invalid_claims_are_401(
    provider: list[str], signed: Callable[..., str], nobody: Api, changes: dict[str, Any]
) -> None:
    response = list_processes(nobody, signed(**changes))
    assert (response.status_code, response["WWW-Authenticate"]) == (401, "Bearer")


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
        response = list_processes(nobody, token)
        assert response.status_code == 401, token
        assert token not in response.content.decode()


def test_an_unavailable_provider_is_503(
    provider: list[str], signed: Callable[..., str], nobody: Api, settings: Any
) -> None:
    settings.JWT_JWKS_URL = "http://127.0.0.1:1/keys"
    response = list_processes(nobody, signed())
    assert (response.status_code, response.json()["code"]) == (503, "identity_provider_away")


def test_a_bearer_token_is_401_where_jwt_is_disabled(nobody: Api) -> None:
    assert list_processes(nobody, "a.b.c").status_code == 401


def test_an_unavailable_provider_is_not_tried_again_for_some_seconds(
    provider: list[str], signed: Callable[..., str], nobody: Api, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.JWT_JWKS_URL = settings.JWT_JWKS_URL.replace("/keys", "/broken")
    for _ in range(5):
        assert list_processes(nobody, signed()).status_code == 503
    assert provider == ["/broken"]


def test_two_users_of_one_client_do_not_share_idempotency_keys(
    provider: list[str], signed: Callable[..., str], nobody: Api
) -> None:
    def create(subject: str) -> Any:
        token = f"Bearer {signed(sub=subject)}"
        return nobody.post("/api/processes", body([[ANA]]), Authorization=token, Idempotency_Key="1")

    ilze, other = create("ilze"), create("other")
    assert ilze.status_code == other.status_code == 201
    assert ilze.json()["id"] != other.json()["id"]
