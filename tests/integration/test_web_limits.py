"""What is too large or too much at once is refused before it is held in memory."""

from __future__ import annotations

import socket
import threading

import pytest
from clients import client_of
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from countenance import config
from countenance.web import bodies, uploads, wiring
from countenance.web.server import WebServer

ANSWERS = 30
"""Seconds within which the server answers; it would wait longer than that for a body."""


@pytest.fixture
def held(monkeypatch):
    """Collect the sizes of the files that were held in memory."""
    sizes = []
    before = uploads.InMemoryOnly.file_complete

    def complete(self, file_size):
        sizes.append(file_size)
        return before(self, file_size)

    monkeypatch.setattr(uploads.InMemoryOnly, "file_complete", complete)
    return sizes


@pytest.fixture
def client(deployment):
    return client_of(deployment)


def large(size=1_000_000):
    return {"photo": SimpleUploadedFile("a.jpg", bytes(size))}


@pytest.mark.parametrize("path", ["/sign-in/", "/health/", "/", "/galleries/"])
def test_a_stranger_cannot_fill_the_memory(deployment, held, path):
    answer = Client().post(path, large())
    assert answer.status_code == 413
    assert b"sign in and send it again" in answer.content
    assert held == []


@pytest.mark.parametrize("path", ["/unseal/", "/health/", "/sign-in/"])
def test_nor_while_sealed(deployment, held, path):
    wiring.seal()
    assert Client().post(path, large()).status_code == 413
    assert held == []


@pytest.mark.parametrize("length", ["", "-1", "+5", "1" * 5000, "9" * 18, "٣"])
def test_a_length_that_is_no_plain_number_is_no_length(deployment, length):
    answer = Client().post("/sign-in/", {"email": "x"}, CONTENT_LENGTH=length)
    assert answer.status_code == (422 if length == "" else 413)


def test_a_body_in_chunks_is_refused(client):
    answer = client.post("/cases/new/", {"reference": "x"}, HTTP_TRANSFER_ENCODING="chunked")
    assert answer.status_code == 413


def test_a_form_of_a_stranger_is_read(deployment):
    answer = Client().post("/sign-in/", {"email": "x", "password": "y" * 1000})
    assert answer.status_code == 422


def test_an_upload_over_the_limit_is_refused_in_words(client, settings, held):
    settings.UPLOAD_LIMIT = 1000
    answer = client.post("/cases/new/", large(2000))
    assert answer.status_code == 413
    assert b"Upload fewer photos" in answer.content
    assert held == []


def test_only_a_post_may_be_large(client):
    assert client.put("/cases/new/", bytes(100_000)).status_code == 413


def test_a_third_large_upload_at_a_time_is_asked_to_wait(client, monkeypatch, held):
    monkeypatch.setattr(bodies, "LARGE_BYTES", 500_000)
    for _ in range(bodies.LARGE_AT_ONCE):
        assert bodies.large.acquire(blocking=False)
    try:
        answer = client.post("/cases/new/", large())
        small = client.get("/cases/")
    finally:
        for _ in range(bodies.LARGE_AT_ONCE):
            bodies.large.release()
    assert answer.status_code == 503
    assert answer["Retry-After"] == "60"
    assert b"Wait a minute" in answer.content
    assert held == []
    assert small.status_code == 200
    assert client.post("/cases/new/", large()).status_code == 200
    assert held == [1_000_000]


def test_each_large_upload_makes_room_again(client, monkeypatch):
    monkeypatch.setattr(bodies, "LARGE_BYTES", 500_000)
    for _ in range(bodies.LARGE_AT_ONCE + 2):
        assert client.post("/cases/new/", large()).status_code == 200


@pytest.fixture
def address(deployment):
    web = config.current().web.model_copy(update={"port": 0, "upload_limit": 2**20})
    server = WebServer(config.current().model_copy(update={"web": web}))
    server._server.timeout = 4 * ANSWERS
    thread = threading.Thread(target=server._server.serve)  # without worker and tidying
    thread.start()
    yield "localhost", server.port
    server.stop()
    thread.join()


@pytest.mark.parametrize(
    ("line", "length", "status"),
    [
        ("GET /static/ui/ui.css", 1_000_000, b"200"),
        ("POST /sign-in/", 1_000_000, b"413"),
        ("POST /sign-in/", 2_000_000, b"413"),
    ],
)
def test_the_server_answers_without_waiting_for_a_body_it_does_not_read(
    address, line, length, status
):
    with socket.create_connection(address, timeout=ANSWERS) as wire:
        wire.sendall(
            f"{line} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode()
        )
        answer = b""
        while piece := wire.recv(65536):
            answer += piece
    head = answer.split(b"\r\n\r\n", 1)[0]
    assert head.split(b" ")[1] == status
    assert b"Connection: close" in head


def test_what_follows_a_body_in_chunks_is_no_request(address):
    with socket.create_connection(address, timeout=ANSWERS) as wire:
        wire.sendall(
            b"POST /sign-in/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"2b\r\nGET /health/ HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
        answer = b""
        try:
            while piece := wire.recv(65536):
                answer += piece
        except ConnectionResetError:
            pass  # it was closed before it was read
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.split(b" ")[1] == b"413"
