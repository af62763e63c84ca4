"""Framing against `websockets`' own protocol objects, cut everywhere, mutated, seeded."""

import itertools
import random

import pytest
from websockets.client import ClientProtocol
from websockets.exceptions import ProtocolError
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from procs.net import framing as framing_module
from procs.net.frames_hot import FRAMES_MAX
from procs.net.framing import Framing, client_protocol, server_protocol
from shm_layout.limits import WS_MESSAGE_BYTES_MAX
from tests import frames

SIZES = (0, 1, 2, 7, 8, 9, 31, 124, 125, 126, 127, 300)
TEXTS = ("", "a", "김치", "🙂", "x" * 130, "{'p': 'é'}")


class Library:
    """`websockets` alone, given byte by byte, with the rule that a text is UTF-8."""

    def __init__(self, protocol):
        self.protocol = protocol
        self.events = []
        self.parts = []
        self.text = False

    def feed(self, data):
        for byte in data:
            self.protocol.receive_data(bytes((byte,)))
            for frame in self.protocol.events_received():
                self._take(frame)

    def _take(self, frame):
        if frame.opcode >= Opcode.CLOSE:
            self.events.append((frame.opcode, bytes(frame.data)))
            return
        if frame.opcode is not Opcode.CONT:
            self.text = frame.opcode is Opcode.TEXT
        self.parts.append(bytes(frame.data))
        if not frame.fin:
            return
        whole = b"".join(self.parts)
        self.parts.clear()
        try:
            if self.text:
                whole.decode()
        except UnicodeDecodeError as error:
            self.protocol.fail(1007, f"{error.reason} at position {error.start}")
            self.protocol.parser_exc = error
        else:
            self.events.append(whole)


def plain(events):
    """What `Framing` told, in the terms of `Library`."""
    return [
        (event.opcode, bytes(event.data)) if isinstance(event, Frame) else event for event in events
    ]


def exclusive_or(data, key):
    return bytes(b ^ k for b, k in zip(data, itertools.cycle(key), strict=False))


def unmasked(data):
    """(first byte, payload) of every frame of these bytes."""
    found, at = [], 0
    while at < len(data):
        first, second = data[at : at + 2]
        assert second & 127 < 126  # control frames alone
        size, at = second & 127, at + 2
        key = data[at : at + 4] if second & 128 else bytes(4)
        at += 4 if second & 128 else 0
        found.append((first, exclusive_or(data[at : at + size], key)))
        at += size
    return found


def facts(protocol):
    return (
        protocol.state, protocol.close_rcvd, protocol.close_sent, protocol.close_rcvd_then_sent,
        protocol.eof_sent, type(protocol.parser_exc), str(protocol.parser_exc),
    )  # fmt: skip


def ends(side):
    """Ours and the library's, of the same side, opened."""
    ours = frames.opened()[side == "server"]
    theirs = frames.opened()[side == "server"]
    return ours, Library(theirs.protocol)


def head(first, size, masked, wide=0):
    """A frame's head; `wide`: bytes of the length, 0 = as few as can be."""
    wide = wide or (0 if size < 126 else 2 if size < 1 << 16 else 8)
    short = {0: size, 2: 126, 8: 127}[wide]
    return bytes((first, short | (0x80 if masked else 0))) + (size.to_bytes(wide) if wide else b"")


def frame(chance, first, payload, masked, wide=0):
    made = head(first, len(payload), masked, wide)
    if not masked:
        return made + payload
    key = chance.randbytes(4)
    return made + key + exclusive_or(payload, key)


def message(chance, masked):
    """One to four frames: a message, perhaps in fragments with pings between them."""
    text = chance.random() < 0.7
    payload = chance.choice(TEXTS).encode() if text else chance.randbytes(chance.choice(SIZES))
    opcode = 1 if text else 2
    if chance.random() < 0.6:
        return [frame(chance, 0x80 | opcode, payload, masked)]
    made, cuts = [], sorted(chance.choices(range(len(payload) + 1), k=chance.randrange(3)))
    for n, (a, b) in enumerate(itertools.pairwise([0, *cuts, len(payload)])):
        fin = 0x80 if n == len(cuts) else 0
        made.append(frame(chance, fin | (opcode if n == 0 else 0), payload[a:b], masked))
        if chance.random() < 0.3:
            made.append(control(chance, masked))
    return made


def control(chance, masked):
    return frame(chance, chance.choice((0x89, 0x8A)), chance.randbytes(chance.choice((0, 8, 125))),
                 masked)  # fmt: skip


def conversation(chance, masked):
    """Frames of a peer that keeps to the rules."""
    made = []
    for _ in range(chance.randrange(1, 6)):
        made += message(chance, masked) if chance.random() < 0.8 else [control(chance, masked)]
    if chance.random() < 0.3:
        reason = chance.choice((b"", b"\x03\xe8", b"\x03\xe9gone", b"\x0b\xb8" + b"r" * 123))
        made.append(frame(chance, 0x88, reason, masked))
        made += message(chance, masked)
    return made


def spoiled(chance, made, masked):
    """The same with one thing wrong."""
    made, at = list(made), chance.randrange(len(made))
    kind = chance.randrange(6)
    if kind == 0:
        made[at] = bytes((made[at][0] ^ 1 << chance.randrange(8),)) + made[at][1:]
    elif kind == 1:
        made[at] = made[at][:1] + bytes((made[at][1] ^ 1 << chance.randrange(8),)) + made[at][2:]
    elif kind == 2:
        bad = chance.choice(
            (b"\xff", b"ok \xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xc0\x80")
        )
        cut = chance.randrange(len(bad) + 1)
        made[at] = chance.choice((
            frame(chance, 0x81, bad, masked),
            frame(chance, 1, bad[:cut], masked) + frame(chance, 0x80, bad[cut:], masked),
        ))  # fmt: skip
    elif kind == 3:
        close = chance.choice((b"\x03", b"\x03\xec", b"\x03\xe8\xff", b"\0\0", b"\xff\xff"))
        made[at] = frame(chance, 0x88, close, masked)
    elif kind == 4:
        made[at] = head(0x81, chance.choice((WS_MESSAGE_BYTES_MAX + 1, 1 << 63)), masked)
    else:
        place = chance.randrange(len(made[at]))
        flipped = made[at][place] ^ 1 << chance.randrange(8)
        made[at] = made[at][:place] + bytes((flipped,)) + made[at][place + 1 :]
    return made


def not_shortest_at(stream, masked):
    """Where the first frame whose length is written too long begins, by heads alone; or the end."""
    at = 0
    while at + 2 <= len(stream):
        first, short = stream[at], stream[at + 1] & 127
        if first & 0x70 or first & 15 not in (0, 1, 2, 9, 10) or stream[at + 1] >> 7 != masked:
            return len(stream)
        wide = {126: 2, 127: 8}.get(short, 0)
        size = int.from_bytes(stream[at + 2 : at + 2 + wide]) if wide else short
        if wide and len(stream) >= at + 2 + wide and size < (126 if wide == 2 else 1 << 16):
            return at
        at += 2 + wide + 4 * masked + size
    return len(stream)


def both_agree(side, stream, cuts, told=None):
    """Ours gets the stream in pieces, the library byte by byte; equal behind each piece."""
    ours, library = ends(side)
    fine = not_shortest_at(stream, side == "server")
    events, begin, said = [], 0, b""
    for end in [*cuts, len(stream)]:
        if ours.protocol.state is State.CLOSED:
            break
        events += plain(frames.put(ours, stream[begin:end]))
        library.feed(stream[begin : min(end, fine)])
        begin = end
        if end > fine and ours.protocol.parser_exc is None:
            continue  # the head of the frame is not whole
        if end > fine and library.protocol.parser_exc is None:
            library.protocol.fail(1002, "length not in its shortest form")
            library.protocol.parser_exc = ProtocolError("length not in its shortest form")
        assert events == library.events
        assert facts(ours.protocol) == facts(library.protocol)
        said = frames.said(ours)
        expected = b"".join(library.protocol.data_to_send())
        assert unmasked(said) == unmasked(expected)
    ours.received_eof()
    library.protocol.receive_eof()
    assert facts(ours.protocol)[:5] == facts(library.protocol)[:5]
    if told is not None:
        assert events == told


def streams(count, seed):
    """(side, bytes): half of them spoiled."""
    for n in range(count):
        chance = random.Random(seed * 1_000_003 + n)
        side = ("client", "server")[n & 1]
        made = conversation(chance, side == "server")
        if n & 2:
            made = spoiled(chance, made, side == "server")
        yield chance, side, b"".join(made)


def test_frames_in_random_pieces_are_what_the_library_makes_of_them(sized):
    for chance, side, stream in streams(sized(1000, 300), 1):
        cuts = sorted(chance.choices(range(len(stream) + 1), k=chance.randrange(5)))
        both_agree(side, stream, cuts)


def test_frames_cut_at_every_byte_are_what_the_library_makes_of_them(sized):
    for _, side, stream in streams(sized(40, 4), 2):
        both_agree(side, stream, range(1, len(stream)))
        if len(stream) < 300:
            for cut in range(1, len(stream)):
                both_agree(side, stream, [cut])


@pytest.mark.parametrize("side", ["client", "server"])
@pytest.mark.parametrize("size", [125, 126, 65_535, 65_536, 65_537, 200_001])
def test_long_message_arrives_whole_and_the_small_buffer_comes_back(side, size):
    client, server = frames.opened()
    sender, receiver = (server, client) if side == "client" else (client, server)
    payload = random.Random(size).randbytes(size).hex().encode()[:size]
    assert frames.put(receiver, sender.text(b"first") + sender.text(payload)) == [b"first", payload]
    made = sender.text(payload) + sender.text(b"next")
    told = []
    for at in range(0, len(made), 9_973):
        told += frames.put(receiver, made[at : at + 9_973])
    assert told == [payload, b"next"]
    assert len(receiver.buffer()) == framing_module.RECEIVE_BYTES


def test_more_frames_in_one_read_than_one_call_finds_all_arrive():
    client, server = frames.opened()
    texts = [b"%d" % n for n in range(2 * FRAMES_MAX + 3)]
    assert frames.put(server, b"".join(map(client.text, texts))) == texts
    assert frames.put(client, b"".join(map(server.text, texts))) == texts


def test_message_that_comes_with_the_handshake_is_a_message():
    uri = parse_uri("ws://127.0.0.1/")
    client, server = Framing(client_protocol(uri)), Framing(server_protocol())
    assert isinstance(client.protocol, ClientProtocol)
    client.protocol.send_request(client.protocol.connect())
    frames.put(server, frames.said(client))
    events = frames.put(client, frames.said(server) + server.text(b"at once") + b"\x81")
    assert events[1:] == [b"at once"]
    assert frames.put(client, b"\x03two") == [b"two"]


@pytest.mark.parametrize("wide", [2, 8])
@pytest.mark.parametrize("side", ["client", "server"])
def test_length_that_is_not_shortest_closes_with_1002(side, wide):
    ours, _ = ends(side)
    made = frame(random.Random(1), 0x81, b"five.", side == "server", wide)
    assert frames.put(ours, made) == []
    assert ours.protocol.close_sent.code == 1002
    assert frames.put(ours, b"\x81\x01x") == []


def test_text_that_is_not_utf_8_closes_with_1007_and_keeps_what_came_before():
    client, server = frames.opened()
    made = server.text(b"fine") + server.text(b"\xff") + server.text(b"late")
    assert frames.put(client, made) == [b"fine"]
    assert client.protocol.close_sent.code == 1007


@pytest.mark.parametrize("first", [0xC1, 0xA1, 0x91, 0x83, 0x87, 0x8B, 0x8F, 0x80, 0x09, 0x08])
@pytest.mark.parametrize("side", ["client", "server"])
def test_first_byte_that_breaks_a_rule_closes_with_1002(side, first):
    ours, library = ends(side)
    made = frame(random.Random(1), first, b"ping", side == "server")
    library.feed(made)
    assert frames.put(ours, made) == []
    assert ours.protocol.close_sent.code == 1002
    assert facts(ours.protocol) == facts(library.protocol)


@pytest.mark.parametrize("size", [0, 1, 3, 7, 8, 125, 126, 350, 65_535, 65_536])
def test_text_of_either_side_is_read_by_the_library(size):
    payload = random.Random(size).randbytes(size).hex().encode()[:size]
    client, server = frames.opened()
    for sender, reader in ((client, server.protocol), (server, client.protocol)):
        reader.receive_data(sender.text(payload))
        (event,) = reader.events_received()
        assert (event.opcode, event.data, event.fin) == (Opcode.TEXT, payload, True)


def test_masks_come_from_the_random_source_and_none_comes_twice():
    drawn = []

    def source(size):
        drawn.append(random.Random(len(drawn)).randbytes(size))
        return drawn[-1]

    client, _ = frames.opened(random=source)
    count = framing_module.KEYS_BYTES // 4 + 5
    keys = [client.text(b"x")[2:6] for _ in range(count)]
    assert b"".join(keys) == b"".join(drawn)[: 4 * count]
    assert len(drawn) == 2
