using System.Net;
using System.Text.Json.Nodes;
using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Net.Client;

namespace AgentBudget.Silo.Tests.Authority;

/// <summary>What a caller was told, whole.</summary>
internal sealed record Told(StatusCode Code, string Sentence, string Rest)
{
    public override string ToString() => $"{Code} {Sentence}";
}

/// <summary>A way to ask a silo. The rules are the same on each.</summary>
internal abstract class Transport : IDisposable
{
    /// <summary>Every way there is.</summary>
    public static Transport[] All() => [new Grpc(), new Json(), new Item()];

    public abstract string Name { get; }

    public virtual bool Serves(MethodDescriptor method) => true;

    /// <summary>Whether such a caller can ask so at all.</summary>
    public virtual bool Takes(string caller) => true;

    public abstract Task<Told> AskAsync(
        TestSilo silo, GrpcChannel channel, MethodDescriptor method, JsonObject request, string bearer);

    public virtual void Dispose()
    {
    }

    private static Told Of(RpcException refused) => new(
        refused.StatusCode,
        refused.Status.Detail,
        Convert.ToBase64String(refused.Trailers.GetValueBytes("grpc-status-details-bin") ?? []));

    /// <summary>gRPC. Of a stream the first message counts.</summary>
    private sealed class Grpc : Transport
    {
        private static readonly Marshaller<byte[]> Bytes =
            Marshallers.Create(static value => value, static value => value);

        public override string Name => "gRPC";

        public override async Task<Told> AskAsync(
            TestSilo silo, GrpcChannel channel, MethodDescriptor method, JsonObject request, string bearer)
        {
            byte[] message = JsonParser.Default.Parse(request.ToJsonString(), method.InputType).ToByteArray();
            CallOptions options = new(new Metadata { { "authorization", $"Bearer {bearer}" } });
            MethodType kind = method.IsServerStreaming ? MethodType.ServerStreaming : MethodType.Unary;
            Method<byte[], byte[]> called = new(kind, method.Service.FullName, method.Name, Bytes, Bytes);
            CallInvoker invoker = channel.CreateCallInvoker();
            try
            {
                if (!method.IsServerStreaming)
                {
                    using AsyncUnaryCall<byte[]> call = invoker.AsyncUnaryCall(called, host: null, options, message);
                    return Good(await call.ResponseAsync.WaitAsync(TestSilo.Patience));
                }

                using AsyncServerStreamingCall<byte[]> stream =
                    invoker.AsyncServerStreamingCall(called, host: null, options, message);
                return await stream.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(TestSilo.Patience)
                    ? Good(stream.ResponseStream.Current)
                    : Good([]);
            }
            catch (RpcException refused)
            {
                return Of(refused);
            }
        }

        private static Told Good(byte[] answer) => new(StatusCode.OK, "", Convert.ToBase64String(answer));
    }

    /// <summary>JSON over HTTP/1.1, by the method's route.</summary>
    private sealed class Json : Transport
    {
        public override string Name => "JSON";

        // Streams have no route.
        public override bool Serves(MethodDescriptor method) => !method.IsServerStreaming;

        public override async Task<Told> AskAsync(
            TestSilo silo, GrpcChannel channel, MethodDescriptor method, JsonObject request, string bearer)
        {
            (HttpStatusCode status, JsonNode body) = await silo.PostAsync(method.Name, request, bearer);
            return status == HttpStatusCode.OK
                ? new Told(StatusCode.OK, "", body.ToJsonString())
                : new Told(
                    (StatusCode)(int)body["code"]!, (string)body["message"]!, $"{status} {body.ToJsonString()}");
        }
    }

    /// <summary>An item of a gateway's stream, of which each caller has one.</summary>
    private sealed class Item : Transport
    {
        private static readonly Dictionary<MessageDescriptor, FieldDescriptor> Arms =
            SpendItem.Descriptor.Oneofs[0].Fields.ToDictionary(field => field.MessageType);

        private readonly Dictionary<string, AsyncDuplexStreamingCall<SpendRequest, SpendResponse>> _streams = [];
        private readonly Dictionary<string, Told> _refused = [];
        private readonly SemaphoreSlim _turn = new(1);

        public override string Name => "Spend";

        public override bool Serves(MethodDescriptor method) => Arms.ContainsKey(method.InputType);

        // No stream is opened by what is past, whatever its items would be.
        public override bool Takes(string caller) => caller != "stale";

        public override async Task<Told> AskAsync(
            TestSilo silo, GrpcChannel channel, MethodDescriptor method, JsonObject request, string bearer)
        {
            SpendItem item = new();
            Arms[method.InputType].Accessor
                .SetValue(item, JsonParser.Default.Parse(request.ToJsonString(), method.InputType));
            await _turn.WaitAsync();
            try
            {
                return await AskAsync(silo, item, bearer);
            }
            finally
            {
                _turn.Release();
            }
        }

        public override void Dispose()
        {
            foreach (AsyncDuplexStreamingCall<SpendRequest, SpendResponse> stream in _streams.Values)
                stream.Dispose();
            _turn.Dispose();
            base.Dispose();
        }

        private async Task<Told> AskAsync(TestSilo silo, SpendItem item, string bearer)
        {
            if (_refused.TryGetValue(bearer, out Told? before))
                return before;
            if (!_streams.TryGetValue(bearer, out AsyncDuplexStreamingCall<SpendRequest, SpendResponse>? stream))
                _streams[bearer] = stream = silo.OpenSpend(bearer);
            try
            {
                // A caller who may not open it is told before an item is read, and cannot write then.
                await stream.ResponseHeadersAsync.WaitAsync(TestSilo.Patience);
                Task sent = stream.RequestStream.WriteAsync(new SpendRequest { Items = { item } });
                await sent.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                SpendAnswer answer = (await stream.NextAsync())!.Answers.Single();
                return answer.Status is { } status
                    ? new Told((StatusCode)status.Code, status.Message, status.ToByteString().ToBase64())
                    : new Told(StatusCode.OK, "", answer.ToByteString().ToBase64());
            }
            catch (RpcException refused)
            {
                return _refused[bearer] = Of(refused);
            }
        }
    }
}
