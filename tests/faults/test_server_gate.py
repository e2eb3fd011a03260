"""What the service lets in and how it answers: faults.md 40 to 43, 46, 48 and 50."""

from __future__ import annotations

import io
import json
import socket
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path

import httpx2
import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from showface.cli.main import main
from showface.errors import SettingError
from showface.web.settings import MIB, Settings

Service = Callable[..., TestClient]
Running = Callable[..., tuple[str, int]]
PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
TOKEN = "a token of 24 characters"


def png(picture: Image.Image = PICTURE) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


def refused(answer: httpx2.Response, status: int, error: str) -> str:
    assert answer.status_code == status, answer.text
    told = answer.json()
    assert told["error"] == error and told["detail"] and "\n" not in told["detail"]
    return str(told["detail"])


def post(host: str, port: int, *headers: str) -> socket.socket:
    """A connection on which a request was begun and its body not yet sent."""
    connection = socket.create_connection((host, port), timeout=30)
    lines = ["POST /v1/inpaint HTTP/1.1", f"Host: {host}", "Content-Type: multipart/form-data; boundary=b", *headers]
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    return connection


def answer_on(connection: socket.socket) -> tuple[int, dict[str, str]]:
    """Status and content of the answer; the server then closes."""
    with connection:
        received = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"connection: close" in head.lower()
    return int(head.split()[1]), json.loads(body)


# ------------------------------------------------------------------ 40: too much, too slow


def test_40_a_body_that_says_it_is_too_large_is_refused_before_it_is_sent(running: Running) -> None:
    connection = post(*running(body_limit=MIB), f"Content-Length: {MIB + 1}")
    status, told = answer_on(connection)  # not a byte of it was sent
    assert (status, told["error"]) == (413, "too_large") and "1 MiB" in told["detail"]


def test_40_a_body_of_unknown_length_is_cut_off_at_the_limit(running: Running) -> None:
    connection = post(*running(body_limit=MIB), "Transfer-Encoding: chunked")
    head = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
    sent = 0
    try:
        connection.sendall(b"%x\r\n%s\r\n" % (len(head), head))
        for _ in range(200):
            connection.sendall(b"10000\r\n" + bytes(0x10000) + b"\r\n")
            sent += 0x10000
    except OSError:  # the server has closed
        pass
    assert sent < 8 * MIB, "the rest is not taken"
    try:
        status, told = answer_on(connection)
    except OSError:  # closed while we were still sending: the answer may be lost with what was on its way
        return
    assert (status, told["error"]) == (413, "too_large")


def test_40_a_body_of_unknown_length_is_answered_with_413(service: Service) -> None:
    answer = service(body_limit=MIB).post("/v1/inpaint", files={"image": ("a", bytes(MIB)), "mask": ("b", b"")})
    refused(answer, 413, "too_large")


def test_40_a_slow_body_ends_in_time(running: Running) -> None:
    connection = post(*running(body_seconds=0.3), "Content-Length: 1000")
    connection.sendall(b"--b\r\n")
    start = time.perf_counter()
    status, told = answer_on(connection)
    assert (status, told["error"]) == (408, "slow") and time.perf_counter() - start < 20


# ------------------------------------------------------------------ 41: names that lead elsewhere

NAMES = [
    "../settings.py", "..%2fsettings.py", "%2e%2e/settings.py", "..\\settings.py", "..%5csettings.py", "/etc/passwd",
    "//etc/passwd", "%2fetc%2fpasswd", "C:/Windows/win.ini", "C:%5cWindows", "index.html%00.png", "%00", "....//a",
    "style/../../settings.py", "%252e%252e/settings.py", "~/x", ".", "..",
]  # fmt: skip


@pytest.mark.parametrize("place", ["/static/", "/v1/samples/", "/v1/pictures/"])
def test_41_no_name_leads_out(running: Running, place: str) -> None:
    connection = HTTPConnection(*running(), timeout=30)  # sends addresses as they are
    for name in NAMES:
        path = place + name + ("/view" if "pictures" in place else "")
        connection.request("GET", path)
        answer = connection.getresponse()
        told = json.loads(answer.read())
        assert (answer.status, told["error"]) == (404, "not_found"), path
    connection.close()


def test_41_names_of_files_lead_nowhere(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    client = service()
    for name in ("../a.png", "/etc/passwd", "C:\\a.png", "a\0b.png", "%2e%2e%2fa"):
        files = {"image": (name, png()), "mask": (name, png(PICTURE.point(lambda value: 0)))}
        answer = client.post("/v1/inpaint", files=files)
        assert answer.status_code == 200 and answer.content == png()
        refusal = client.post("/v1/inpaint", files={"image": (name, b"text"), "mask": (name, b"text")})
        assert name not in refused(refusal, 400, "image")
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------ 42: addresses in place of files


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/a.png", "file:///etc/passwd", "data:image/png;base64,AAAA"])
def test_42_an_address_is_not_a_file(service: Service, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was made")

    client = service()
    monkeypatch.setattr(socket.socket, "connect", refuse)
    form = {"image": (None, address), "boxes": (None, "[[1, 1, 9, 9]]")}
    assert "not fetched" in refused(client.post("/v1/inpaint", files=form), 422, "invalid")
    kept = {"picture": (None, address), "boxes": (None, "[[1, 1, 9, 9]]")}
    refused(client.post("/v1/inpaint", files=kept), 404, "not_found")


# ------------------------------------------------------------------ 43: strangers


@pytest.mark.parametrize("host", ["example.org", "127.0.0.1.example.org", "localhost.example.org:8000", "10.0.0.1", ""])
@pytest.mark.parametrize("path", ["/", "/healthz", "/v1/samples", "/static/main.js", "/nothing"])
def test_43_a_foreign_host_is_refused(service: Service, host: str, path: str) -> None:
    refused(service().get(path, headers={"Host": host}), 403, "host")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:8000", "photos.example"])
def test_43_its_own_names_are_not(service: Service, host: str) -> None:
    client = service(allow_hosts=("photos.example",))
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["https://example.org", "null", "http://127.0.0.1:9999", "http://localhost:8000", "file://", "x"]
)
def test_43_a_foreign_origin_is_refused(service: Service, origin: str) -> None:
    client = service()
    for method, path in (("POST", "/v1/inpaint"), ("GET", "/v1/samples"), ("DELETE", "/v1/pictures/a")):
        answer = client.request(method, path, headers={"Origin": origin})
        refused(answer, 403, "origin")
        assert "access-control-allow-origin" not in answer.headers
    assert client.get("/v1/samples", headers={"Origin": "http://127.0.0.1:8000"}).status_code == 200


def test_43_an_origin_behind_a_proxy_is_one_of_the_names(service: Service) -> None:
    client = service(allow_hosts=("photos.example",))
    assert client.get("/v1/samples", headers={"Origin": "https://photos.example"}).status_code == 200
    refused(client.get("/v1/samples", headers={"Origin": "https://other.example"}), 403, "origin")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json", "image/png", "", None]
)
def test_43_only_forms_with_files_are_taken(service: Service, kind: str | None) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    refused(service().post("/v1/inpaint", content=b"a=b", headers=headers), 415, "type")


# ------------------------------------------------------------------ 46: loopback, or a token


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "photos.example", "*"])
def test_46_another_address_needs_a_token(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--host", host]) == 2
    told = capsys.readouterr().err.strip()
    assert "\n" not in told and host in told and "--token" in told
    assert Settings(host=host, token=TOKEN).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "::1", "localhost"])
def test_46_loopback_needs_none(host: str) -> None:
    assert Settings(host=host).token is None


def test_46_a_short_token_is_refused() -> None:
    with pytest.raises(SettingError, match="at least 16"):
        Settings(token="secret")


def test_46_without_the_token_nothing_is_done(service: Service) -> None:
    client = service(token=TOKEN)
    wrong = [
        {},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": "Bearer "},
    ]
    for headers in wrong:
        for path in ("/v1/samples", "/metrics", "/v1/samples/07043.image"):
            answer = client.get(path, headers=headers)
            assert TOKEN not in refused(answer, 401, "token")
            assert answer.headers["www-authenticate"].startswith("Bearer")
        refused(client.post("/v1/inpaint", headers=headers, files={"image": ("a", png())}), 401, "token")
    assert client.get("/v1/samples", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_46_the_page_and_the_health_need_no_token(service: Service) -> None:
    client = service(token=TOKEN)
    for path in ("/", "/docs", "/openapi.json", "/static/main.js", "/healthz"):
        answer = client.get(path)
        assert answer.status_code == 200 and TOKEN not in answer.text
    assert client.get("/healthz").json()["token"] is True


# ------------------------------------------------------------------ 48: what protects the browser


@pytest.mark.parametrize(
    ("path", "status"), [("/", 200), ("/docs", 200), ("/static/main.js", 200), ("/v1/samples", 200), ("/none", 404)]
)
def test_48_every_answer_carries_the_strict_headers(service: Service, path: str, status: int) -> None:
    answer = service().get(path)
    assert answer.status_code == status
    policy = dict(
        rule.strip().split(" ", 1) for rule in answer.headers["content-security-policy"].split(";") if "-" in rule
    )
    assert policy["default-src"] == "'none'" and policy["frame-ancestors"] == "'none'"
    assert policy.get("script-src", "'self'") == "'self'" and policy.get("style-src", "'self'") == "'self'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer" and "server" not in answer.headers


def test_48_refusals_and_faults_carry_them_too(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    client = service()
    monkeypatch.setattr("showface.web.routes.sample_files", lambda: 1 / 0)
    for answer in (client.get("/", headers={"Host": "a"}), client.post("/v1/faces"), client.get("/v1/samples")):
        assert answer.status_code in (403, 415, 500)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"


def scripts(html: str) -> Iterator[str]:
    yield from (tag.split(">")[0] for tag in html.split("<script")[1:])


def test_48_pages_load_scripts_from_here_only(service: Service) -> None:
    client = service()
    for path in ("/", "/docs"):
        html = client.get(path).text
        assert list(scripts(html)) and all('src="/static/' in tag for tag in scripts(html))


def test_48_what_comes_back_has_the_type_of_what_was_made(service: Service) -> None:
    """A page that calls itself a picture is refused; a picture that calls itself a page comes back as a picture."""
    client = service()
    black = png(PICTURE.point(lambda value: 0))
    page = {"image": ("a.png", b"<!doctype html><script>1</script>", "image/png"), "mask": ("m", black)}
    refused(client.post("/v1/inpaint", files=page), 400, "image")
    picture = {"image": ("a.html", png(), "text/html"), "mask": ("m.svg", black, "image/svg+xml")}
    answer = client.post("/v1/inpaint", files=picture)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"] == 'attachment; filename="completed.png"'
    assert "sandbox" in answer.headers["content-security-policy"]


# ------------------------------------------------------------------ 50: a port that is taken


def test_50_a_port_that_is_taken_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main(["serve", "--port", str(port)]) == 2
    told = capsys.readouterr().err.strip().splitlines()[-1]
    assert f"port {port} of 127.0.0.1 is taken" in told and "--port" in told


def test_50_an_address_that_this_machine_has_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--host", "203.0.113.7", "--token", TOKEN, "--port", "0"]) == 2
    assert "cannot listen on 203.0.113.7" in capsys.readouterr().err.strip().splitlines()[-1]
