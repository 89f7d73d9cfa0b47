from __future__ import annotations

import io
import itertools
import json
import os
import re
import struct
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench import wire
from workbench.wire import HEADER, MAGIC, VERSION, Buffer, Channel, Kind, Message, WireError


def sent(*messages: Message) -> bytes:
    writer = io.BytesIO()
    channel = Channel(io.BytesIO(), writer)
    for message in messages:
        channel.send(message)
    return writer.getvalue()


def received(data: bytes) -> list[Message]:
    channel = Channel(io.BytesIO(data), io.BytesIO())
    return list(iter(channel.receive, None))


def frame(
    document: object, buffers: bytes = b"", *, count: int = 0, magic: bytes = MAGIC, version: int = VERSION
) -> bytes:
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    return HEADER.pack(magic, version, count, len(text), len(buffers)) + text + buffers


def document(**changes: object) -> dict[str, object]:
    return {"kind": "result", "id": 1, "body": {}, "buffers": []} | changes


# --- what is sent arrives ---


def test_messages_arrive_in_order_and_as_they_were() -> None:
    messages = [
        Message("hello", 0, {"wire": 1}),
        Message("request", 7, {"text": "Grüße, 世界", "nested": {"list": [1, 2.5, None, True]}}),
        Message("log", 0, {"line": ""}),
    ]
    assert received(sent(*messages)) == messages


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64", "int64", "int8", "uint8", "bool"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3, 4), (0, 5)])
def test_arrays_keep_dtype_shape_and_values(dtype: str, shape: tuple[int, ...]) -> None:
    array = (np.arange(np.prod(shape, dtype=int)).reshape(shape) % 2).astype(dtype)
    (message,) = received(sent(Message("result", 1, {"array": Buffer.of(array)})))
    got = message.body["array"].array()
    assert got.dtype == array.dtype
    assert got.shape == array.shape
    np.testing.assert_array_equal(got, array)


def test_an_array_that_is_not_contiguous_arrives_in_row_major_order() -> None:
    array = np.arange(12, dtype=np.int32).reshape(3, 4)[:, ::2].T
    (message,) = received(sent(Message("result", 1, {"array": Buffer.of(array)})))
    np.testing.assert_array_equal(message.body["array"].array(), array)


def test_a_received_array_cannot_be_written() -> None:
    (message,) = received(sent(Message("result", 1, {"array": Buffer.of(np.zeros(3, np.float32))})))
    with pytest.raises(ValueError, match="read-only"):
        message.body["array"].array()[0] = 1


def test_several_buffers_in_lists_and_mappings_find_their_places() -> None:
    body = {"a": [Buffer("uint8", (1,), b"x"), {"b": Buffer("uint8", (2,), b"yz")}], "c": Buffer("uint8", (0,), b"")}
    (message,) = received(sent(Message("partial", 3, body)))
    assert bytes(message.body["a"][0].data) == b"x"
    assert bytes(message.body["a"][1]["b"].data) == b"yz"
    assert bytes(message.body["c"].data) == b""


def test_a_text_with_a_lone_surrogate_arrives() -> None:
    # File names that are no UTF-8 reach Python this way.
    (message,) = received(sent(Message("error", 1, {"file": "caf\udce9.wav"})))
    assert message.body["file"] == "caf\udce9.wav"


def test_a_closed_line_between_two_frames_is_the_end() -> None:
    assert received(b"") == []


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text().filter(lambda key: key != "$buffer"), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(st.text(), JSON_VALUES.filter(lambda value: value != "$buffer"), max_size=4), st.integers(0, 2**31)
)
def test_any_json_arrives(body: dict[str, Any], number: int) -> None:
    body.pop("$buffer", None)
    assert received(sent(Message("result", number, body))) == [Message("result", number, body)]


# --- what is not a frame is refused, never waited for or believed ---


def test_every_truncation_is_an_error() -> None:
    whole = sent(Message("result", 1, {"text": "hello", "array": Buffer("uint8", (4,), b"abcd")}))
    for length in range(1, len(whole)):
        with pytest.raises(WireError, match="ended"):
            received(whole[:length])


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (frame(document(), magic=b"HTTP"), "not a frame"),
        (frame(document(), version=VERSION + 1), f"version {VERSION + 1}"),
        (HEADER.pack(MAGIC, VERSION, 0, wire.MAX_JSON_BYTES + 1, 0), "over the limit"),
        (HEADER.pack(MAGIC, VERSION, 0, 2, wire.MAX_BUFFERS_BYTES + 1), "over the limit"),
        (frame(b"{not json"), "cannot be read"),
        (frame(b"\xff\xfe"), "cannot be read"),
        (frame([]), "cannot be read"),
        (frame({"kind": "result"}), "cannot be read"),
        (frame(document(kind="shout")), "unknown kind"),
        (frame(document(kind=["result"])), "cannot be read"),
        (frame(document(id="1")), "unknown kind"),
        (frame(document(body=[])), "without a body"),
        (frame(b'{"kind": "result", "id": 1, "buffers": [], "body": ' + b"[" * 100_000), "cannot be read"),
        (frame(document(body={"a": {"$buffer": 0}})), "cannot be read"),
        (frame(document(body={"a": {"$buffer": -1}}, buffers=[["uint8", [1], 1]]), b"x", count=1), "cannot be read"),
        (frame(document(body={"a": {"$buffer": "0"}}, buffers=[["uint8", [1], 1]]), b"x", count=1), "cannot be read"),
        (frame(document(buffers=[["uint8", [9], 9]]), b"x", count=1), "past the end"),
        (frame(document(buffers=[["uint8", [1], -1]]), b"x", count=1), "past the end"),
        (frame(document(buffers=[["uint8", ["a"], 1]]), b"x", count=1), "cannot be read"),
        (frame(document(buffers=[["uint8", [1], 1]]), b"x", count=2), "announces 2 buffers"),
        (frame(document(buffers=[["uint8", [1], 1]]), b"xy", count=1), "belong to no buffer"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_frame_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(WireError, match=says):
        received(data)


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(data: bytes) -> None:
    if data:
        with pytest.raises(WireError):
            received(data)


WHOLE = sent(Message("result", 5, {"text": "hello", "array": Buffer("float32", (2,), bytes(8))}))


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_frame_with_one_changed_byte_is_a_message_or_refused(position: int, change: int) -> None:
    data = bytearray(WHOLE)
    data[position] ^= change
    try:
        for message in received(bytes(data)):
            assert message.kind in wire.KINDS
    except WireError:
        pass


def test_a_message_over_the_limit_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_JSON_BYTES", 100)
    writer = io.BytesIO()
    with pytest.raises(WireError, match="over the limit"):
        Channel(io.BytesIO(), writer).send(Message("log", 0, {"line": "x" * 200}))
    assert writer.getvalue() == b""


def test_a_message_that_is_no_json_is_not_sent_in_part() -> None:
    writer = io.BytesIO()
    with pytest.raises(TypeError):
        Channel(io.BytesIO(), writer).send(Message("log", 0, {"line": object()}))
    assert writer.getvalue() == b""


# --- over real pipes ---


def test_many_threads_may_send_at_once() -> None:
    reading, writing = os.pipe()
    kinds: tuple[Kind, ...] = ("progress", "partial")
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "wb") as writer:
        sender, receiver = Channel(io.BytesIO(), writer), Channel(reader, io.BytesIO())

        def send(thread: int) -> None:
            for number in range(50):
                data = bytes([thread]) * (number * 97)
                sender.send(
                    Message(kinds[number % 2], thread, {"n": number, "data": Buffer("uint8", (len(data),), data)})
                )

        threads = [threading.Thread(target=send, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        messages = [receiver.receive() for _ in range(200)]
        for thread in threads:
            thread.join()
    by_thread = {n: [m for m in messages if m and m.id == n] for n in range(4)}
    for n, own in by_thread.items():
        assert [message.body["n"] for message in own] == list(range(50))
        assert all(set(bytes(message.body["data"].data)) <= {n} for message in own)


CHILD = """
import os, subprocess, sys
from workbench.wire import Message, claim_standard_streams

channel = claim_standard_streams()
print("a stray print")
os.write(1, b"a library's own write\\n")
subprocess.run([sys.executable, "-c", "print('a grandchild')"], check=True)
assert sys.stdin.read() == ""
while (message := channel.receive()) is not None:
    print("grüße")
    channel.send(Message("result", message.id, message.body))
"""


def test_a_child_keeps_stray_prints_out_of_the_line() -> None:
    request = Message("request", 9, {"text": "echo", "array": Buffer("uint8", (3,), b"abc")})
    done = subprocess.run([sys.executable, "-c", CHILD], input=sent(request, request), capture_output=True, timeout=60)
    messages = received(done.stdout)
    assert done.returncode == 0, done.stderr
    assert [(message.kind, message.id, message.body["text"]) for message in messages] == [("result", 9, "echo")] * 2
    lines = done.stderr.decode().splitlines()
    assert lines == ["a stray print", "a library's own write", "a grandchild", "grüße", "grüße"]


def test_the_header_is_laid_out_as_the_docstring_says() -> None:
    rows = re.findall(r"^ {4}(\d+) +(\d+) +\S", str(wire.__doc__), re.MULTILINE)
    sizes = [struct.calcsize("<" + code) for code in ("4s", "H", "H", "I", "Q")]
    starts = itertools.accumulate([0, *sizes[:-1]])
    assert [(int(start), int(size)) for start, size in rows] == list(zip(starts, sizes, strict=True))
    assert HEADER.size == sum(sizes)


@pytest.mark.parametrize(
    "text", ["word " * 20_000, "\ud800" * 70_000, 'é\n"\\' * 40_000], ids=["plain", "halves", "odd"]
)
def test_a_long_text_travels_beside_the_json(text: str) -> None:
    header, parts = wire._encode(Message("request", 1, {"inputs": [text, "short"], "same": text}))
    assert len(parts) == 3
    assert len(parts[0]) < 1000
    assert _through_a_pipe(header, parts).body == {"inputs": [text, "short"], "same": text}


def _through_a_pipe(header: bytes, parts: list[Any]) -> Message:
    stream = io.BytesIO(header + b"".join(bytes(part) for part in parts))
    message = Channel(stream, io.BytesIO()).receive()
    assert message is not None
    return message


def test_a_text_that_points_at_no_buffer_is_refused() -> None:
    _, parts = wire._encode(Message("request", 1, {"text": "x" * 70_000}))
    for wrong in (b'{"$text":7}', b'{"$text":-1}', b'{"$text":"a"}'):
        broken = bytes(parts[0]).replace(b'{"$text":0}', wrong)
        head = wire.HEADER.pack(wire.MAGIC, wire.VERSION, 1, len(broken), len(parts[1]))
        with pytest.raises(WireError):
            _through_a_pipe(head, [broken, parts[1]])
