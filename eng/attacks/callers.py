"""Good callers, who must not notice attacks, and what they saw."""

import gc
import json
import os
import socket
import time

CALLERS = 4
PACE_SECONDS = 0.005  # Of each caller: together 800 calls a second, so that a second has enough of them for a p99.
BATCH = 20  # Results that a caller hands over at once; one by one they would cost it more than its calls.
ANSWER_SECONDS_MAX = 30
LATE_SECONDS_MAX = 0.5  # What a caller on a machine that is too slow for its pace leaves out instead of making up for.
LINE_END = b"\r\n"


class Caller:
    """A connection of HTTP/1.1 that makes one call after the other, and a new one after a fault. It speaks by hand:
    what is measured is the server and not a library."""

    def __init__(self, address, key):
        self.host, port = address.split(":")
        self.port, self.key, self.connection = int(port), key, None

    def call(self, path, request):
        body = json.dumps(request).encode()
        key = f"authorization: Bearer {self.key}\r\n" if self.key else ""
        head = (f"POST {path} HTTP/1.1\r\nhost: {self.host}\r\ncontent-type: application/json\r\n{key}"
                f"content-length: {len(body)}\r\n\r\n").encode()
        try:
            if self.connection is None:
                self.connection = socket.create_connection((self.host, self.port), timeout=ANSWER_SECONDS_MAX)
                self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connection.sendall(head + body)
            status, answer = self.read()
        except OSError:
            self.close()
            raise
        if status != 200:
            raise ValueError(f"{status} {answer[:200]!r}")
        return answer

    def read(self):
        received = b""
        while (end := received.find(LINE_END * 2)) < 0:
            received += self.receive()
        head, received = received[:end].lower(), received[end + 4:]
        if b"transfer-encoding: chunked" in head:
            return int(head[9:12]), self.read_chunks(received)
        at = head.index(b"content-length:") + len(b"content-length:")
        size = int(head[at:].split(LINE_END, 1)[0])
        while len(received) < size:
            received += self.receive()
        return int(head[9:12]), received[:size]

    def read_chunks(self, received):
        body = b""
        while True:
            while (end := received.find(LINE_END)) < 0:
                received += self.receive()
            size, received = int(received[:end], 16), received[end + 2:]
            while len(received) < size + 2:
                received += self.receive()
            if size == 0:
                return body
            body, received = body + received[:size], received[size + 2:]

    def receive(self):
        part = self.connection.recv(1 << 16)
        if not part:
            raise ConnectionError("closed")
        return part

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None


def reserving(given, number):
    """Calls of a silo: each reserves anew, for a second."""
    caller, run = Caller(given.http, given.key_text), f"attack-{os.getpid()}-{number}"
    token = json.loads(caller.call("/v1/sessions", {
        "requestId": run, "agent": "agents/agent", "useCase": "useCases/wide", "task": "beside", "unattended": True,
    }))["sessionToken"]
    return lambda count: caller.call("/v1/reservations", {
        "requestId": f"{run}-{count}", "sessionToken": token, "model": "model", "ttl": "1s",
        "estimate": {"inputTokens": "10"}})


def echoing(given, number):
    """Calls of the edge alone."""
    caller = Caller(given.http, "")
    return lambda count: caller.call("/v1/echo", {"text": f"good {number} {count}"})


def run(kind, given, number, results, stop):
    """Calls at a fixed pace and hands over (began, milliseconds, failure or None) of each call. A call that had to wait
    for the one before counts from when it was due: a pause is as long for every call that falls into it."""
    gc.disable()  # Nothing here is circular, and a collection would look like a slow answer.
    call, batch = kind(given, number), []
    count, due = 0, time.monotonic()
    while not stop.is_set():
        due = max(due + PACE_SECONDS, time.monotonic() - LATE_SECONDS_MAX)
        began, failure = due, None
        if (early := due - time.monotonic()) > 0:
            time.sleep(early)
            began = time.monotonic()
        count += 1
        try:
            call(count)
        except (OSError, ValueError) as error:
            failure = repr(error)[:200]
        batch.append((began, (time.monotonic() - began) * 1000, failure))
        if len(batch) == BATCH:
            results.put(batch)
            batch = []


def memory_mib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmRSS"):
                return int(line.split()[1]) // 1024
    return 0


class Seen:
    """What callers saw in a stretch of time, and what the server took."""

    def __init__(self, calls, peak_mib):
        self.latencies = [ms for _, ms, failure in calls if failure is None]
        self.failures = [failure for *_, failure in calls if failure]
        self.peak_mib = peak_mib

    def p99(self):
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] if ordered else float("inf")

    def __add__(self, other):
        both = Seen([], max(self.peak_mib, other.peak_mib))
        both.latencies = self.latencies + other.latencies
        both.failures = self.failures + other.failures
        return both


class Watch:
    """Collects the results of callers, all the time: a full queue would hold them up."""

    def __init__(self, pid, results):
        self.pid, self.results = pid, results

    def during(self, seconds):
        began, peak, calls = time.monotonic(), 0, []
        while (now := time.monotonic()) - began < seconds:
            peak = max(peak, memory_mib(self.pid))
            time.sleep(min(0.1, seconds - (now - began)))
            while not self.results.empty():
                calls += [call for call in self.results.get() if call[0] >= began]
        return Seen(calls, peak)
