"""A client on grpcio (the C core) with messages made at run time from a descriptor set. See eng/interop.sh."""

import argparse
import os
import sys
import traceback

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PATIENCE_SECONDS = 20

arguments = argparse.ArgumentParser()
arguments.add_argument("--grpc", required=True)
arguments.add_argument("--key", required=True)
arguments.add_argument("--descriptors", required=True)
options = arguments.parse_args()

pool = descriptor_pool.DescriptorPool()
files = descriptor_pb2.FileDescriptorSet()
with open(options.descriptors, "rb") as descriptors:
    files.ParseFromString(descriptors.read())
for file in files.file:
    pool.Add(file)
factory = message_factory.MessageFactory(pool)
channel = grpc.insecure_channel(options.grpc)
with open(options.key, encoding="ascii") as key:
    admin_key = key.read().strip()


def method_of(name):
    service, method = name.split("/")
    return pool.FindServiceByName("agentbudget.v1." + service).methods_by_name[method]


def parts_of(name, fields):
    """Path, request and response class of a method."""
    method = method_of(name)
    request = factory.GetPrototype(method.input_type)(**fields)
    return "/agentbudget.v1." + name, request, factory.GetPrototype(method.output_type)


def headers_of(bearer):
    return [("authorization", "Bearer " + bearer)] if bearer else []


def call(name, bearer=admin_key, **fields):
    path, request, response = parts_of(name, fields)
    stub = channel.unary_unary(path, type(request).SerializeToString, response.FromString)
    return stub(request, timeout=PATIENCE_SECONDS, metadata=headers_of(bearer))


def watch(timeout=PATIENCE_SECONDS, **fields):
    path, request, response = parts_of("SpendService/WatchSpend", fields)
    stub = channel.unary_stream(path, type(request).SerializeToString, response.FromString)
    return stub(request, timeout=timeout, metadata=headers_of(admin_key))


def watch_until(fact, **fields):
    """Events until one of this fact; then the stream is cancelled."""
    events = []
    stream = watch(**fields)
    for message in stream:
        if message.WhichOneof("message") != "event":
            continue
        events.append(message.event)
        if message.event.WhichOneof("fact") == fact:
            stream.cancel()
            return events
    raise AssertionError("the stream ended")


def error_of(body):
    try:
        answer = body()
    except grpc.RpcError as error:
        return error
    raise AssertionError(f"it was answered: {answer}")


def enum_name(message, field):
    descriptor = message.DESCRIPTOR.fields_by_name[field]
    return descriptor.enum_type.values_by_number[getattr(message, field)].name


def open_session(use_case, request_id):
    return call(
        "SessionService/OpenSession",
        request_id=f"{run}-{request_id}",
        agent="agents/agent",
        use_case="useCases/" + use_case,
        task="interop",
        unattended=True,
    )


def reserve_is_allowed_and_priced():
    answer = call("BudgetService/ReserveTokens", bearer=opened.session_token, **reserve)
    assert enum_name(answer, "decision") == "DECISION_ALLOW", answer
    assert (answer.reservation.cost.currency_code, answer.reservation.cost.nanos) == ("USD", 6_000_000), answer
    found["reservation"] = answer.reservation.reservation_id


def repeated_reserve_has_the_same_answer():
    answer = call("BudgetService/ReserveTokens", bearer=opened.session_token, **reserve)
    assert answer.reservation.reservation_id == found["reservation"], answer


def reused_request_id_is_already_exists():
    other = dict(reserve, estimate={"input_tokens": 1})
    error = error_of(lambda: call("BudgetService/ReserveTokens", bearer=opened.session_token, **other))
    assert error.code() == grpc.StatusCode.ALREADY_EXISTS, error


def commit_settles_with_the_sessions_token_as_bearer():
    answer = call(
        "BudgetService/CommitTokens",
        bearer=opened.session_token,
        request_id=f"{run}-commit",
        reservation_id=found["reservation"],
        usage={"input_tokens": 1000, "output_tokens": 500},
    )
    assert answer.settled.cost.nanos == 3_500_000 and not answer.late, answer


def balance_shows_it_on_five_grains():
    grains = call("BudgetService/GetBalance", session_token=opened.session_token).grains
    assert len(grains) == 5 and grains[0].grain == opened.session.session, grains
    assert grains[0].settled.nanos == 3_500_000, grains[0]


def denial_is_an_answer():
    narrow = open_session("narrow", "open-narrow")
    answer = call(
        "BudgetService/ReserveTokens",
        request_id=f"{run}-denied",
        session_token=narrow.session_token,
        model="model",
        estimate={"input_tokens": 1_000_000},
    )
    assert enum_name(answer, "decision") == "DECISION_DENY", answer
    assert enum_name(answer.denial, "reason") == "REASON_USE_CASE_BUDGET", answer
    assert answer.denial.grain == "useCases/narrow", answer


def watch_gives_events_in_order_and_resumes():
    request = {"filter": {"session": opened.session.session}}
    events = watch_until("reservation_settled", from_sequence=1, **request)
    facts = [event.WhichOneof("fact") for event in events]
    assert facts == ["session_opened", "reservation_held", "reservation_settled"], facts
    resumed = watch_until("reservation_settled", from_sequence=events[1].sequence, **request)
    assert [event.sequence for event in resumed] == [event.sequence for event in events[1:]], resumed


def report_equals_what_was_settled():
    session = opened.session.session
    rows = call("ReportService/GetChargeback", group_by=["session"], filter={"session": session}).rows
    assert len(rows) == 1 and rows[0].cost.nanos == 3_500_000, rows


def call_without_a_bearer_is_unauthenticated():
    error = error_of(lambda: call("BudgetService/ReserveTokens", bearer="", **reserve))
    assert error.code() == grpc.StatusCode.UNAUTHENTICATED, error


def absent_reservation_is_not_found():
    fields = {"request_id": f"{run}-none", "session_token": opened.session_token, "reservation_id": "r999999999"}
    error = error_of(lambda: call("BudgetService/ReleaseTokens", **fields))
    assert error.code() == grpc.StatusCode.NOT_FOUND, error


def faulty_field_is_invalid_argument_with_details():
    error = error_of(lambda: call("BudgetService/ReserveTokens", **dict(reserve, request_id="")))
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error
    details = dict(error.trailing_metadata())["grpc-status-details-bin"]
    assert b"request_id" in details or b"requestId" in details, details


def deadline_ends_a_stream():
    error = error_of(lambda: list(watch(timeout=0.3)))
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error


CHECKS = [
    reserve_is_allowed_and_priced,
    repeated_reserve_has_the_same_answer,
    reused_request_id_is_already_exists,
    commit_settles_with_the_sessions_token_as_bearer,
    balance_shows_it_on_five_grains,
    denial_is_an_answer,
    watch_gives_events_in_order_and_resumes,
    report_equals_what_was_settled,
    call_without_a_bearer_is_unauthenticated,
    absent_reservation_is_not_found,
    faulty_field_is_invalid_argument_with_details,
    deadline_ends_a_stream,
]

run = f"python-{os.getpid()}"
found = {}
opened = open_session("wide", "open")
reserve = {
    "request_id": f"{run}-reserve",
    "session_token": opened.session_token,
    "model": "model",
    "estimate": {"input_tokens": 1000, "max_output_tokens": 1000},
}
failed = 0
for check in CHECKS:
    name = check.__name__.replace("_", " ")
    try:
        check()
        print(f"ok      grpcio: {name}")
    except Exception:  # A failed check is told and the next one runs.
        failed += 1
        print(f"FAILED  grpcio: {name}: {traceback.format_exc()}")
channel.close()
print(f"{len(CHECKS) - failed} passed, {failed} failed")
sys.exit(1 if failed else 0)
