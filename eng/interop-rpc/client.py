"""The standard interoperability cases of gRPC by its C core. Prints a line for each: name, tab, ok or what was wrong.

Usage: client.py <port> <file with the contract>
"""

import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

GIVE_UP_SECONDS = 30  # Far beyond what a case takes, so that only a hang reaches it.
GZIP = grpc.Compression.Gzip
SPECIAL = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"


def load_messages(path):
    contract = descriptor_pb2.FileDescriptorSet()
    with open(path, "rb") as file:
        contract.ParseFromString(file.read())
    pool = descriptor_pool.DescriptorPool()
    for file in contract.file:
        pool.Add(file)
    factory = message_factory.MessageFactory(pool)
    return lambda name: factory.GetPrototype(pool.FindMessageTypeByName("grpc.testing." + name))


message = load_messages(sys.argv[2])
Empty, Payload, BoolValue, EchoStatus = (message(n) for n in ("Empty", "Payload", "BoolValue", "EchoStatus"))
SimpleRequest, SimpleResponse = message("SimpleRequest"), message("SimpleResponse")
InputRequest, InputResponse = message("StreamingInputCallRequest"), message("StreamingInputCallResponse")
OutputRequest, OutputResponse = message("StreamingOutputCallRequest"), message("StreamingOutputCallResponse")
ResponseParameters = message("ResponseParameters")

channel = grpc.insecure_channel(f"127.0.0.1:{sys.argv[1]}")


def method(kind, name, request, response, service="TestService"):
    return getattr(channel, kind)(
        f"/grpc.testing.{service}/{name}",
        request_serializer=request.SerializeToString,
        response_deserializer=response.FromString,
    )


empty_call = method("unary_unary", "EmptyCall", Empty, Empty)
unary_call = method("unary_unary", "UnaryCall", SimpleRequest, SimpleResponse)
output_call = method("unary_stream", "StreamingOutputCall", OutputRequest, OutputResponse)
input_call = method("stream_unary", "StreamingInputCall", InputRequest, InputResponse)
duplex_call = method("stream_stream", "FullDuplexCall", OutputRequest, OutputResponse)
half_duplex_call = method("stream_stream", "HalfDuplexCall", OutputRequest, OutputResponse)


def payload(size):
    return Payload(body=bytes(size))


def output_request(size, payload_size=0):
    return OutputRequest(response_parameters=[ResponseParameters(size=size)], payload=payload(payload_size))


def expect(actual, expected):
    if actual != expected:
        raise AssertionError(f"{actual!r} instead of {expected!r}")


def expect_status(code, call, details=None):
    try:
        call()
    except grpc.RpcError as error:
        expect(error.code(), code)
        if details is not None:
            expect(error.details(), details)
        return
    raise AssertionError(f"no error instead of {code}")


class Turns:
    """Requests that leave one after another, when they are told to."""

    def __init__(self, requests):
        import queue

        self.queue = queue.Queue()
        self.requests = iter(requests)

    def next(self):
        self.queue.put(next(self.requests, None))

    def __iter__(self):
        return iter(self.queue.get, None)


def empty_unary():
    expect(empty_call(Empty(), timeout=GIVE_UP_SECONDS), Empty())


def large_unary():
    request = SimpleRequest(response_size=314159, payload=payload(271828))
    expect(unary_call(request, timeout=GIVE_UP_SECONDS).payload, payload(314159))


def client_streaming():
    requests = (InputRequest(payload=payload(size)) for size in (27182, 8, 1828, 45904))
    expect(input_call(requests, timeout=GIVE_UP_SECONDS).aggregated_payload_size, 74922)


def server_streaming():
    sizes = [31415, 9, 2653, 58979]
    request = OutputRequest(response_parameters=[ResponseParameters(size=size) for size in sizes])
    expect([len(r.payload.body) for r in output_call(request, timeout=GIVE_UP_SECONDS)], sizes)


def ping_pong():
    pairs = [(31415, 27182), (9, 8), (2653, 1828), (58979, 45904)]
    turns = Turns(output_request(*pair) for pair in pairs)
    call = duplex_call(iter(turns), timeout=GIVE_UP_SECONDS)
    for size, _ in pairs:
        turns.next()
        expect(len(next(call).payload.body), size)
    turns.next()
    expect(list(call), [])


def half_duplex():
    requests = iter([output_request(3), output_request(4)])
    sizes = [len(r.payload.body) for r in half_duplex_call(requests, timeout=GIVE_UP_SECONDS)]
    expect(sizes, [3, 4])


def empty_stream():
    expect(list(duplex_call(iter([]), timeout=GIVE_UP_SECONDS)), [])


def client_compressed_unary():
    request = SimpleRequest(expect_compressed=BoolValue(value=True), response_size=314159, payload=payload(271828))
    expect_status(
        grpc.StatusCode.INVALID_ARGUMENT, lambda: unary_call(request, timeout=GIVE_UP_SECONDS)
    )
    expect(unary_call(request, timeout=GIVE_UP_SECONDS, compression=GZIP).payload, payload(314159))
    request.expect_compressed.value = False
    expect(unary_call(request, timeout=GIVE_UP_SECONDS).payload, payload(314159))


def client_compressed_streaming():
    def requests(is_compressed):
        return (
            InputRequest(expect_compressed=BoolValue(value=is_compressed), payload=payload(size))
            for size in (27182, 45904)
        )

    expect_status(
        grpc.StatusCode.INVALID_ARGUMENT, lambda: input_call(requests(True), timeout=GIVE_UP_SECONDS)
    )
    answer = input_call(requests(True), timeout=GIVE_UP_SECONDS, compression=GZIP)
    expect(answer.aggregated_payload_size, 73086)


def server_compressed_unary():
    for is_compressed in (True, False):
        request = SimpleRequest(response_compressed=BoolValue(value=is_compressed), response_size=314159)
        answer, call = unary_call.with_call(request, timeout=GIVE_UP_SECONDS)
        expect(answer.payload, payload(314159))


def server_compressed_streaming():
    sizes = [31415, 92653]
    parameters = [
        ResponseParameters(size=size, compressed=BoolValue(value=size == sizes[0])) for size in sizes
    ]
    responses = output_call(OutputRequest(response_parameters=parameters), timeout=GIVE_UP_SECONDS)
    expect([len(r.payload.body) for r in responses], sizes)


def custom_metadata():
    metadata = (
        ("x-grpc-test-echo-initial", "test_initial_metadata_value"),
        ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab"),
    )
    request = SimpleRequest(response_size=314159, payload=payload(271828))
    _, unary = unary_call.with_call(request, metadata=metadata, timeout=GIVE_UP_SECONDS)
    duplex = duplex_call(iter([output_request(314159, 271828)]), metadata=metadata, timeout=GIVE_UP_SECONDS)
    for _ in duplex:
        pass
    for call in (unary, duplex):
        expect(dict(call.initial_metadata()).get(metadata[0][0]), metadata[0][1])
        expect(dict(call.trailing_metadata()).get(metadata[1][0]), metadata[1][1])


def status_code_and_message():
    status = EchoStatus(code=2, message="test status message")
    unknown = grpc.StatusCode.UNKNOWN
    request = SimpleRequest(response_status=status)
    expect_status(unknown, lambda: unary_call(request, timeout=GIVE_UP_SECONDS), status.message)
    requests = iter([OutputRequest(response_status=status)])
    expect_status(unknown, lambda: list(duplex_call(requests, timeout=GIVE_UP_SECONDS)), status.message)


def special_status_message():
    request = SimpleRequest(response_status=EchoStatus(code=2, message=SPECIAL))
    expect_status(grpc.StatusCode.UNKNOWN, lambda: unary_call(request, timeout=GIVE_UP_SECONDS), SPECIAL)


def unimplemented_method():
    call = method("unary_unary", "UnimplementedCall", Empty, Empty)
    expect_status(grpc.StatusCode.UNIMPLEMENTED, lambda: call(Empty(), timeout=GIVE_UP_SECONDS))
    missing = method("unary_unary", "NoSuchCall", Empty, Empty)
    expect_status(grpc.StatusCode.UNIMPLEMENTED, lambda: missing(Empty(), timeout=GIVE_UP_SECONDS))


def unimplemented_service():
    call = method("unary_unary", "UnimplementedCall", Empty, Empty, service="UnimplementedService")
    expect_status(grpc.StatusCode.UNIMPLEMENTED, lambda: call(Empty(), timeout=GIVE_UP_SECONDS))


def cancel_after_begin():
    call = input_call.future(iter(Turns([])), timeout=GIVE_UP_SECONDS)
    call.cancel()
    expect(call.cancelled(), True)
    expect(call.code(), grpc.StatusCode.CANCELLED)


def cancel_after_first_response():
    turns = Turns([output_request(31415, 27182)])
    call = duplex_call(iter(turns), timeout=GIVE_UP_SECONDS)
    turns.next()
    next(call)
    call.cancel()
    expect_status(grpc.StatusCode.CANCELLED, lambda: next(call))
    turns.next()


def timeout_on_sleeping_server():
    turns = Turns([output_request(31415, 27182)])
    call = duplex_call(iter(turns), timeout=0.05)
    expect_status(grpc.StatusCode.DEADLINE_EXCEEDED, lambda: list(call))
    turns.next()
    turns.next()


def concurrent_large_unary():
    request = SimpleRequest(response_size=31415, payload=payload(27182))
    calls = [unary_call.future(request, timeout=GIVE_UP_SECONDS) for _ in range(300)]
    for call in calls:
        expect(len(call.result().payload.body), 31415)


CASES = [
    empty_unary, large_unary, client_streaming, server_streaming, ping_pong, half_duplex, empty_stream,
    client_compressed_unary, client_compressed_streaming, server_compressed_unary, server_compressed_streaming,
    custom_metadata, status_code_and_message, special_status_message, unimplemented_method, unimplemented_service,
    cancel_after_begin, cancel_after_first_response, timeout_on_sleeping_server, concurrent_large_unary,
]

for case in CASES:
    try:
        case()
        print(f"{case.__name__}\tok", flush=True)
    except Exception as error:  # Each case is reported, whatever it met.
        print(f"{case.__name__}\t{type(error).__name__}: {str(error)[:300]!r}", flush=True)
channel.close()
