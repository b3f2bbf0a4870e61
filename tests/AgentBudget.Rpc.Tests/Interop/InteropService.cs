using AgentBudget.Rpc.Server;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Testing;

namespace AgentBudget.Rpc.Tests.Interop;

/// <summary>The server's half of the standard interoperability cases.</summary>
internal static class InteropService
{
    private const string EchoHeader = "x-grpc-test-echo-initial";
    private const string EchoTrailer = "x-grpc-test-echo-trailing-bin";

    private static readonly ServiceDescriptor Descriptor =
        TestReflection.Descriptor.Services.Single(service => service.Name == "TestService");

    internal static void AddTo(RpcServices services) => services.Add(Descriptor, builder => builder
        .Unary<Empty, Empty>("EmptyCall", (_, _) => new(new Empty()))
        .Unary<SimpleRequest, SimpleResponse>("UnaryCall", AnswerOne)
        .Unary<SimpleRequest, SimpleResponse>("CacheableUnaryCall", AnswerOne)
        .ServerStreaming<StreamingOutputCallRequest, StreamingOutputCallResponse>("StreamingOutputCall", SendAsync)
        .ClientStreaming<StreamingInputCallRequest, StreamingInputCallResponse>("StreamingInputCall", AddUpAsync)
        .DuplexStreaming<StreamingOutputCallRequest, StreamingOutputCallResponse>("FullDuplexCall", TalkAsync)
        .DuplexStreaming<StreamingOutputCallRequest, StreamingOutputCallResponse>("HalfDuplexCall", ListenThenTalkAsync)
        .Unary<Empty, Empty>("UnimplementedCall", (_, call) => throw new RpcException(
            RpcStatusCode.Unimplemented, $"{call.Method.Name} has no implementation.")));

    private static ValueTask<SimpleResponse> AnswerOne(SimpleRequest request, RpcCall call)
    {
        EchoMetadata(call);
        CheckCompression(call, request.ExpectCompressed);
        ThrowIfAsked(request.ResponseStatus);
        call.CompressesResponse = request.ResponseCompressed?.Value ?? true;
        return new(new SimpleResponse { Payload = PayloadOf(request.ResponseSize) });
    }

    private static async Task SendAsync(
        StreamingOutputCallRequest request, IRpcStreamWriter<StreamingOutputCallResponse> responses, RpcCall call)
    {
        ThrowIfAsked(request.ResponseStatus);
        foreach (ResponseParameters parameters in request.ResponseParameters)
        {
            if (parameters.IntervalUs > 0)
                await Task.Delay(TimeSpan.FromMicroseconds(parameters.IntervalUs), call.Cancellation);
            call.CompressesResponse = parameters.Compressed?.Value ?? true;
            await responses.WriteAsync(new StreamingOutputCallResponse { Payload = PayloadOf(parameters.Size) });
        }
    }

    private static async Task<StreamingInputCallResponse> AddUpAsync(
        IRpcStreamReader<StreamingInputCallRequest> requests, RpcCall call)
    {
        StreamingInputCallResponse response = new();
        while (await requests.ReadAsync() is StreamingInputCallRequest request)
        {
            CheckCompression(call, request.ExpectCompressed);
            response.AggregatedPayloadSize += request.Payload?.Body.Length ?? 0;
        }

        return response;
    }

    private static async Task TalkAsync(
        IRpcStreamReader<StreamingOutputCallRequest> requests,
        IRpcStreamWriter<StreamingOutputCallResponse> responses,
        RpcCall call)
    {
        EchoMetadata(call);
        while (await requests.ReadAsync() is StreamingOutputCallRequest request)
            await SendAsync(request, responses, call);
    }

    private static async Task ListenThenTalkAsync(
        IRpcStreamReader<StreamingOutputCallRequest> requests,
        IRpcStreamWriter<StreamingOutputCallResponse> responses,
        RpcCall call)
    {
        List<StreamingOutputCallRequest> heard = [];
        while (await requests.ReadAsync() is StreamingOutputCallRequest request)
            heard.Add(request);
        foreach (StreamingOutputCallRequest request in heard)
            await SendAsync(request, responses, call);
    }

    private static void EchoMetadata(RpcCall call)
    {
        if (call.GetMetadata(EchoHeader) is string header)
            call.AddResponseHeader(EchoHeader, header);
        if (call.GetBinaryMetadata(EchoTrailer) is byte[] trailer)
            call.AddResponseTrailer(EchoTrailer, Convert.ToBase64String(trailer));
    }

    private static void CheckCompression(RpcCall call, BoolValue? expected)
    {
        if (expected is not null && expected.Value != ((HttpCall)call).IsMessageCompressed)
            throw new RpcException(RpcStatusCode.InvalidArgument, "The message is not compressed as it says it is.");
    }

    private static void ThrowIfAsked(EchoStatus? status)
    {
        if (status is { Code: not 0 })
            throw new RpcException((RpcStatusCode)status.Code, status.Message);
    }

    private static Payload PayloadOf(int size) => new() { Body = ByteString.CopyFrom(new byte[size]) };
}
