"""The configurations in examples/proxies, run by nginx, HAProxy and Caddy in front of the service."""

import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.services.stack import ROOT, Stack

pytestmark = pytest.mark.services

FOLDER = ROOT / "examples/proxies"
NGINX = "daemon off; pid {folder}/pid; error_log stderr; events {{}} http {{ access_log off; {temporary} {servers} }}"
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")

# Most tests speak plain HTTP, so they leave out what belongs to TLS, and use ports of their own.
REPLACEMENTS = {
    "nginx.conf": {"listen 443 ssl": "listen {port}", "    listen [::]:443 ssl;\n": "", "    ssl_": "    # ssl_"},
    "compose.conf": {"listen 8000": "listen 127.0.0.1:{port}", "web:8000": "127.0.0.1:{web}"},
    "haproxy.cfg": {":443 ssl crt /etc/paraph/paraph.pem": "127.0.0.1:{port}"},
    "Caddyfile": {"paraph.example.org {": "{{\n\tadmin off\n}}\nhttp://localhost:{port} {"},
}
# nginx with TLS, and a certificate of its own.
WITH_TLS = {
    "listen 443 ssl": "listen 127.0.0.1:{port} ssl",
    "    listen [::]:443 ssl;\n": "",
    "/etc/paraph/": "{folder}/",
}
READS = "SELECT count(*) FROM audit_event WHERE event_type = 'PROCESS_GETALL'"
LAST_ADDRESS = "SELECT value FROM audit_value WHERE part = 'ipAddress' ORDER BY event_id DESC LIMIT 1"
FORGED = [
    "X-Forwarded-For: 1.1.1.1",
    "X_Forwarded_For: 1.1.1.1",
    "X-Forwarded_For: 1.1.1.1",
    "Forwarded: for=1.1.1.1;proto=https",
    'Forwarded: for="',
    "forwarded: for=1.1.1.1",
]


@pytest.fixture(scope="module")
def web(make_stack: Callable[..., Stack]) -> Iterator[Stack]:
    stack = make_stack(TRUSTED_PROXIES="1", REQUESTS_PER_ADDRESS="0", REQUESTS_PER_CLIENT="0")
    stack.start("web")
    yield stack
    stack.stop()


@contextmanager
def proxy(name: str, stack: Stack, folder: Path, changes: Mapping[str, str] | None = None) -> Iterator[int]:
    """Run the proxy with this configuration, and yield its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    text = (FOLDER / name).read_text()
    for old, new in (changes or REPLACEMENTS[name]).items():
        assert old in text
        ports = new.replace("{port}", str(port)).replace("{web}", str(stack.port)).replace("{folder}", str(folder))
        text = text.replace(old, ports.replace("{{", "{").replace("}}", "}"))
    text = text.replace("127.0.0.1:8000", f"127.0.0.1:{stack.port}")
    if name.endswith(".conf"):
        temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in TEMPORARY)
        text = NGINX.format(folder=folder, temporary=temporary, servers=text)
    file = folder / name
    file.write_text(text)
    command = {
        "haproxy.cfg": ["haproxy", "-db", "-f", str(file)],
        "Caddyfile": ["caddy", "run", "--config", str(file), "--adapter", "caddyfile"],
    }.get(name, ["nginx", "-c", str(file)])
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        for _ in range(100):
            if process.poll() is not None:
                raise AssertionError((folder / "log").read_text())
            with socket.socket() as connection:
                if connection.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def get(port: int, stack: Stack, *headers: str, tls: ssl.SSLContext | None = None) -> str:
    """The status line of a list request with these headers. A read that was answered is recorded when it returns."""
    ((recorded,),) = stack.rows(READS)
    lines = [f"Authorization: Token {stack.token}", f"Host: localhost:{port}", "Connection: close", *headers]
    with socket.create_connection(("127.0.0.1", port), 20) as plain:
        connection = tls.wrap_socket(plain) if tls else plain
        connection.sendall("\r\n".join(["GET /api/processes HTTP/1.1", *lines, "", ""]).encode())
        status = connection.makefile("rb").readline().decode()
    # The web server records reads after the response.
    deadline = time.monotonic() + 20
    while " 200 " in status and stack.rows(READS) == [(recorded,)] and time.monotonic() < deadline:
        time.sleep(0.05)
    return status


def last_address(stack: Stack) -> str:
    [(address,)] = stack.rows(LAST_ADDRESS)
    return str(address)


@pytest.mark.parametrize("name", ["nginx.conf", "haproxy.cfg", "Caddyfile"])
def test_clients_cannot_forge_their_address_behind_a_proxy(name: str, web: Stack, tmp_path: Path) -> None:
    with proxy(name, web, tmp_path) as port:
        for forged in [[], *([header] for header in FORGED), FORGED]:
            assert " 200 " in get(port, web, *forged)
            assert last_address(web) == "127.0.0.1"


def test_the_proxy_of_compose_takes_the_address_from_the_tls_proxy(web: Stack, tmp_path: Path) -> None:
    with proxy("compose.conf", web, tmp_path) as port:
        for forged in ([], ["X_Forwarded_For: 1.1.1.1"], ["Forwarded: for=1.1.1.1"]):
            assert " 200 " in get(port, web, "X-Forwarded-For: 1.1.1.1, 203.0.113.9", *forged)
            assert last_address(web) == "203.0.113.9"


@pytest.fixture(scope="module")
def redirecting(make_stack: Callable[..., Stack]) -> Iterator[Stack]:
    stack = make_stack(TRUSTED_PROXIES="1", SECURE_SSL_REDIRECT="true")
    stack.start("web")
    yield stack
    stack.stop()


def test_requests_over_tls_are_not_redirected(redirecting: Stack, tmp_path: Path) -> None:
    options = ["-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "1"]
    files = ["-keyout", str(tmp_path / "privkey.pem"), "-out", str(tmp_path / "fullchain.pem")]
    subprocess.run(["openssl", "req", *options, *files], check=True, capture_output=True)
    tls = ssl.create_default_context()
    tls.check_hostname = False
    tls.verify_mode = ssl.CERT_NONE
    with proxy("nginx.conf", redirecting, tmp_path, WITH_TLS) as port:
        assert " 200 " in get(port, redirecting, tls=tls)
        assert " 200 " in get(port, redirecting, "Forwarded: for=1.1.1.1;proto=http", tls=tls)


def test_only_requests_that_the_tls_proxy_reports_as_plain_are_redirected(redirecting: Stack, tmp_path: Path) -> None:
    with proxy("compose.conf", redirecting, tmp_path) as port:
        assert " 200 " in get(port, redirecting, "X-Forwarded-Proto: https")
        assert " 301 " in get(port, redirecting, "X-Forwarded-Proto: http")
        assert " 301 " in get(port, redirecting, "Forwarded: for=1.1.1.1;proto=https")
    with proxy("nginx.conf", redirecting, tmp_path) as port:
        assert " 301 " in get(port, redirecting, "Forwarded: for=1.1.1.1;proto=https")


@pytest.mark.parametrize("name", REPLACEMENTS)
def test_unfinished_bodies_behind_a_proxy_do_not_stop_the_service(name: str, web: Stack, tmp_path: Path) -> None:
    head = f"POST /api/processes HTTP/1.1\r\nHost: localhost\r\nAuthorization: Token {web.token}\r\n"
    sockets = []
    with proxy(name, web, tmp_path) as port:
        for _ in range(50):
            sockets.append(socket.create_connection(("127.0.0.1", port), 20))
            sockets[-1].sendall(f"{head}Content-Length: 1000\r\n\r\n{{".encode())
        assert " 200 " in get(port, web)
        for connection in sockets:
            connection.close()
