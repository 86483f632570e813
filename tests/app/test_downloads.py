"""A download that is cut off harms nobody: not the server, not the session, not the next download, not a file on the disk.

Pitfalls: half a workbook under its final name; a server that logs a traceback, or answers the next request with what was left of the last;
a session that is lost; a part of a file that is asked for and is not that part.
"""

import hashlib
import http.client
import io
import socket
import struct
from urllib.parse import urlsplit

import openpyxl
import pytest

from tests.app.driving import go, quiet, saved

pytestmark = pytest.mark.slow

BUTTON = "Workbook of values"


@pytest.fixture
def at_export(page):
    """The page Export, with the answer that was shown before."""
    answer = page.get_by_test_id("stMetricValue").all_inner_texts()
    go(page, "Export")
    yield page, answer


def offered(page):
    """The address of the workbook and its bytes, as the browser gets them."""
    with page.expect_download(timeout=180_000) as started:
        page.get_by_role("button", name=BUTTON, exact=True).click()
    return started.value.url, started.value.path().read_bytes()


def answer_of(port, path, **headers):
    """Status, headers and body of a plain request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path, headers=headers)
        found = connection.getresponse()
        return found.status, found.headers, found.read()
    finally:
        connection.close()


def cut_off(port, path, after):
    """Begin the download and break the connection when some bytes have come: what came."""
    with socket.socket() as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # so that the server cannot be done before we are
        link.connect(("127.0.0.1", port))
        link.settimeout(60)
        link.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        came = b""
        while len(came) < after:
            piece = link.recv(2048)
            assert piece, "the server was done before the connection was cut"
            came += piece
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closed by a reset, as by a pulled cable
    return came


def is_whole(content):
    return {"Summary", "Inputs"} <= set(openpyxl.load_workbook(io.BytesIO(content), read_only=True).sheetnames)


def test_a_download_that_is_cut_off_costs_nothing_but_itself(at_export, server, server_log, tmp_path):
    page, answer = at_export
    url, whole = offered(page)
    path = urlsplit(url).path
    assert path.startswith("/media/")
    assert is_whole(whole)
    for after in (1, 5_000, 50_000):
        came = cut_off(server, path, after)
        assert after <= len(came) < len(whole) / 2
        status, headers, again = answer_of(server, path)
        assert (status, int(headers["Content-Length"])) == (200, len(whole))
        assert hashlib.sha256(again).digest() == hashlib.sha256(whole).digest()
    assert saved(page, BUTTON, tmp_path).read_bytes() == whole  # through the session that was there before
    go(page, "Summary")
    assert page.get_by_test_id("stMetricValue").all_inner_texts() == answer
    assert "Traceback" not in server_log.read_text(encoding="utf-8", errors="replace")


def test_the_rest_of_a_download_can_be_asked_for_and_is_the_rest(at_export, server, server_log):
    url, whole = offered(at_export[0])
    path, middle = urlsplit(url).path, len(whole) // 3
    first, rest = (answer_of(server, path, Range=f"bytes={part}") for part in (f"0-{middle - 1}", f"{middle}-"))
    assert [found[0] for found in (first, rest)] == [206, 206]
    assert first[1]["Content-Range"] == f"bytes 0-{middle - 1}/{len(whole)}"
    assert first[2] + rest[2] == whole
    assert answer_of(server, path, Range=f"bytes={len(whole)}-")[0] == 416
    assert answer_of(server, path.replace("/media/", "/media/0"))[0] == 404
    assert "Traceback" not in server_log.read_text(encoding="utf-8", errors="replace")


def test_a_download_that_is_given_up_in_the_browser_leaves_no_file(at_export, server_log, tmp_path):
    from playwright.sync_api import Error

    page, _ = at_export
    _, whole = offered(page)
    with page.expect_download(timeout=180_000) as started:
        page.get_by_role("button", name=BUTTON, exact=True).click()
    started.value.cancel()
    target = tmp_path / started.value.suggested_filename
    if started.value.failure() is None:  # it was there already
        started.value.save_as(target)
    else:
        with pytest.raises(Error, match="cancel"):
            started.value.save_as(target)
    assert not target.exists() or target.read_bytes() == whole
    assert [file for file in tmp_path.iterdir() if file != target] == []
    quiet(page)
    assert saved(page, BUTTON, tmp_path).read_bytes() == whole
    assert "Traceback" not in server_log.read_text(encoding="utf-8", errors="replace")
