"""HTTP/1.1 as bytes: requests and responses read by llhttp (`httptools`) and written by hand.

Sans-I/O. `RequestReader` (a server's side) and `ResponseReader` (a client's) take whatever the
socket gave, split anywhere, and hold every size to its limit; what is malformed, too long or not
of this protocol is a `WireError` with the status that a server answers. Headers come out in lower
case; a name that came twice is joined by ", " (RFC 9110 5.3). Nothing is decoded but the chunked
coding, and gzip in a response. Written heads hold nothing that came from outside unchecked.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import NoReturn

import httptools

from shm_layout.limits import (
    HTTP_BODY_BYTES_MAX,
    HTTP_HEAD_BYTES_MAX,
    HTTP_REQUEST_BODY_BYTES_MAX,
)

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_REASONS = {int(status): status.phrase for status in HTTPStatus}
_BODYLESS = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET = re.compile(r'/[!"$-~]*')
_VALUE = re.compile(r"[\t -~]*")
_OWN_HEADERS = frozenset(("connection", "content-length", "host", "transfer-encoding"))
_LENGTH_DIGITS_MAX = 15
_SLICE_BYTES = HTTP_HEAD_BYTES_MAX // 2
"""Read at once: what the parser keeps of an endless header is counted in these steps."""
_GZIP = 16 + zlib.MAX_WBITS


class WireError(Exception):
    """What came is not HTTP/1.1 within the limits; `status` is what a server says to it."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class WireRequest:
    """One whole request; `target` is path and query, byte for byte as sent."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    keep_alive: bool


@dataclass(frozen=True, slots=True)
class WireResponse:
    """One whole response that is not informational."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    keep_alive: bool


_Parser = httptools.HttpRequestParser | httptools.HttpResponseParser


class _Reader:
    """What both directions share: the parser's callbacks, and the sizes."""

    def __init__(self, body_bytes_max: int) -> None:
        self._body_bytes_max = body_bytes_max
        self._body = bytearray()
        self._headers: dict[str, str] = {}
        self._head_bytes = 0
        self._in_body = False
        self._marks = self._unmarked_bytes = 0
        self._refused: WireError | None = None

    def _refuse(self, status: int, text: str) -> NoReturn:
        self._refused = self._refused or WireError(status, text)
        raise self._refused  # ends the parser, which wraps it

    def _count_head(self, size_bytes: int) -> None:
        self._marks += 1
        self._head_bytes += size_bytes
        if self._head_bytes > HTTP_HEAD_BYTES_MAX:
            self._refuse(431, f"the head is longer than {HTTP_HEAD_BYTES_MAX} bytes")

    def _execute(self, parser: _Parser, data: bytes | memoryview) -> None:
        """Feed the parser. It keeps an unfinished header by itself, so bytes that brought no
        callback are counted."""
        before = self._marks
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            raise
        except httptools.HttpParserCallbackError:
            if self._refused is None:
                raise  # our bug
            raise self._refused from None
        except httptools.HttpParserError as error:
            raise WireError(400, str(error)) from None
        self._unmarked_bytes = self._unmarked_bytes + len(data) if before == self._marks else 0
        if self._unmarked_bytes > HTTP_HEAD_BYTES_MAX:
            raise WireError(431, f"the head is longer than {HTTP_HEAD_BYTES_MAX} bytes")

    # What the parser calls

    def on_message_begin(self) -> None:
        self._marks += 1
        self._head_bytes = 0
        self._headers = {}
        self._body = bytearray()
        self._in_body = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count_head(len(name) + len(value) + 4)
        if self._in_body:
            return  # a trailer: counted, and of no meaning
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        if key not in self._headers:
            self._headers[key] = text
        elif key == "host":
            self._refuse(400, "two Host headers")
        else:
            self._headers[key] += ", " + text

    def on_headers_complete(self) -> None:
        self._marks += 1
        self._in_body = True
        length = self._headers.get("content-length", "0").strip()
        if not length.isdecimal():
            self._refuse(400, f"the Content-Length {length[:40]!r} is no number")
        if len(length) > _LENGTH_DIGITS_MAX or int(length) > self._body_bytes_max:
            self._refuse(413, f"the body is longer than {self._body_bytes_max} bytes")

    def on_body(self, data: bytes) -> None:
        self._marks += 1
        self._body += data
        if len(self._body) > self._body_bytes_max:
            self._refuse(413, f"the body is longer than {self._body_bytes_max} bytes")


class RequestReader(_Reader):
    """The requests of one connection, in order. After a WireError it takes nothing more."""

    def __init__(self) -> None:
        super().__init__(HTTP_REQUEST_BODY_BYTES_MAX)
        self._url = bytearray()
        self._ready: list[WireRequest] = []
        self._raw_left = 0
        self.reading = False
        """A request has begun and is not whole yet."""
        self.wants_continue = False
        """Its sender waits for "100 Continue"; whoever says it clears this."""
        self.ended = False
        """A request said that it is the last."""
        self.error: WireError | None = None
        self._parser = httptools.HttpRequestParser(self)

    def feed(self, data: bytes) -> list[WireRequest]:
        """The requests that these bytes completed; what came before an error is kept."""
        view = memoryview(data)
        try:
            for at in range(0, len(data), _SLICE_BYTES):
                rest = view[at : at + _SLICE_BYTES]
                while len(rest) and not self.ended and self.error is None:
                    rest = self._feed_some(rest)
        except WireError as error:
            self.error = error
        taken, self._ready = self._ready, []
        return taken

    def _feed_some(self, data: memoryview) -> memoryview:
        """What is left of these bytes after one step."""
        if self._raw_left:
            part = bytes(data[: self._raw_left])
            self._raw_left -= len(part)
            self.on_body(part)
            if not self._raw_left:
                self._finish()
            return data[len(part) :]
        try:
            self._execute(self._parser, data)
        except httptools.HttpParserUpgrade as upgrade:
            # No other protocol is spoken here, so an offer to change is passed over (RFC 9110
            # 7.8); the parser has left the body of such a request to us.
            self._parser = httptools.HttpRequestParser(self)
            if "transfer-encoding" in self._headers:
                raise WireError(501, "an upgrade with a chunked body") from None
            self._raw_left = int(self._headers.get("content-length", "0"))
            if not self._raw_left:
                self._finish()
            return data[int(upgrade.args[0]) :]
        except WireError:
            if self.ended:
                return data[:0]  # what follows the last request is nobody's
            raise
        return data[:0]

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.reading = True
        self._url = bytearray()

    def on_url(self, part: bytes) -> None:
        self._count_head(len(part))
        self._url += part

    def on_headers_complete(self) -> None:
        parser, headers = self._parser, self._headers
        version = parser.get_http_version()
        if version not in ("1.0", "1.1"):
            self._refuse(505, f"HTTP/{version} is not spoken here")
        if parser.get_method() == b"CONNECT":
            self._refuse(405, "this is no proxy")
        if version == "1.1" and "host" not in headers:
            self._refuse(400, "the Host header is missing")
        coding = headers.get("transfer-encoding")
        if coding is not None and coding.strip().lower() != "chunked":
            self._refuse(501, f"the transfer coding {coding[:40]!r} is not known")
        self._target = self._checked_target()
        self._method = parser.get_method().decode("ascii")
        self._keep_alive = parser.should_keep_alive()
        super().on_headers_complete()
        expected = headers.get("expect")
        if expected is not None:
            if expected.lower() != "100-continue":
                self._refuse(417, f"the expectation {expected[:40]!r} is not known")
            self.wants_continue = version == "1.1"

    def _checked_target(self) -> str:
        raw = self._url.decode("latin-1")
        if raw[:7].lower() == "http://":  # the absolute form, RFC 9112 3.2.2
            raw = "/" + raw[7:].partition("/")[2]
        if _TARGET.fullmatch(raw) is None:
            self._refuse(400, "the request target must begin with / and be plain ASCII")
        return raw

    def on_message_complete(self) -> None:
        self._marks += 1
        if not self._parser.should_upgrade():
            self._finish()

    def _finish(self) -> None:
        self._ready.append(
            WireRequest(
                self._method, self._target, self._headers, bytes(self._body), self._keep_alive
            )
        )
        self.reading = self.wants_continue = False
        self.ended = not self._keep_alive


class ResponseReader(_Reader):
    """One response to a request; `to_head`: that was a HEAD, so no body follows."""

    def __init__(self, *, to_head: bool) -> None:
        super().__init__(HTTP_BODY_BYTES_MAX)
        self._to_head = to_head
        self._whole: WireResponse | None = None
        self.begun = False
        """Something of it has come."""
        self.beyond = False
        """More came than one response: the connection is of no further use."""
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> WireResponse | None:
        """The response once it is whole; WireError when it cannot become one."""
        self.begun = True
        try:
            self._execute(self._parser, data)
        except httptools.HttpParserUpgrade:
            raise WireError(400, "the server changed to another protocol") from None
        except WireError:
            if self._whole is None:
                raise
            self.beyond = True
        return self._whole

    def feed_eof(self) -> WireResponse:
        """The connection has ended: a body without a length is whole now."""
        headers = self._headers
        lengthless = "content-length" not in headers and "transfer-encoding" not in headers
        if self._in_body and lengthless:
            self._complete(keep_alive=False)
        if self._whole is None:
            found = "in the middle of its answer" if self.begun else "before it answered"
            raise WireError(400, f"the server closed the connection {found}")
        return self._whole

    def on_message_begin(self) -> None:
        if self._whole is not None:
            self.beyond = True
            self._refuse(400, "a second response")
        super().on_message_begin()

    def on_status(self, part: bytes) -> None:
        self._count_head(len(part))

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self._to_head and self._parser.get_status_code() >= 200:
            length = self._headers.get("content-length", "0")
            chunked = "transfer-encoding" in self._headers
            # The parser cannot be told that the body which the head announces will not come.
            self._complete(keep_alive=length == "0" and not chunked)

    def on_message_complete(self) -> None:
        self._marks += 1
        self._in_body = False
        if self._parser.get_status_code() >= 200 and self._whole is None:
            self._complete(keep_alive=self._parser.should_keep_alive())

    def _complete(self, *, keep_alive: bool) -> None:
        body = bytes(self._body)
        coding = self._headers.get("content-encoding", "identity").lower()
        if coding == "gzip":
            try:
                body = _unzip(body, self._body_bytes_max)
            except WireError as error:
                self._refuse(400, str(error))
        elif coding != "identity":
            self._refuse(400, f"the answer is coded as {coding[:40]!r}, which was not asked for")
        status = self._parser.get_status_code()
        self._whole = WireResponse(status, self._headers, body, keep_alive)


def _unzip(body: bytes, bytes_max: int) -> bytes:
    """The bytes within a gzip stream, never more than `bytes_max`; WireError."""
    inflater = zlib.decompressobj(_GZIP)
    try:
        found = inflater.decompress(body, bytes_max)
    except zlib.error as error:
        raise WireError(400, f"the gzip of the answer is broken: {error}") from None
    if not inflater.eof:
        raise WireError(400, f"the gzip of the answer is cut, or longer than {bytes_max} bytes")
    return found


def request_bytes(
    method: str, host: str, target: str, headers: Mapping[str, str], body: bytes
) -> bytes:
    """A request as it leaves; `target` leaves byte for byte. ValueError for what could end a line
    or is ours to say (length, host, connection)."""
    if _TOKEN.fullmatch(method) is None:
        raise ValueError(f"no HTTP method: {method[:40]!r}")
    if _TARGET.fullmatch(target) is None:
        raise ValueError("a request target must begin with / and be printable ASCII without #")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    for name, value in headers.items():
        _check_header(name, value)
        if name.lower() in _OWN_HEADERS:
            raise ValueError(f"the header {name!r} is the client's own to write")
        lines.append(f"{name}: {value}")
    if body or method not in ("GET", "HEAD"):
        lines.append(f"Content-Length: {len(body)}")
    lines.append("Accept-Encoding: gzip\r\n\r\n")
    return "\r\n".join(lines).encode("ascii") + body


def response_bytes(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    date: str,
    *,
    keep_alive: bool,
    to_head: bool,
) -> bytes:
    """A response as it leaves; to a HEAD its length is told and its body kept."""
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Other')}", f"Date: {date}"]
    for name, value in headers.items():
        _check_header(name, value)
        lines.append(f"{name}: {value}")
    if status not in _BODYLESS:
        lines.append(f"Content-Length: {len(body)}")
    lines.append("Connection: keep-alive\r\n\r\n" if keep_alive else "Connection: close\r\n\r\n")
    head = "\r\n".join(lines).encode("ascii")
    return head if to_head or status in _BODYLESS else head + body


def _check_header(name: str, value: str) -> None:
    if _TOKEN.fullmatch(name) is None or _VALUE.fullmatch(value) is None:
        raise ValueError(f"no header may be named or say this: {name[:40]!r}")
