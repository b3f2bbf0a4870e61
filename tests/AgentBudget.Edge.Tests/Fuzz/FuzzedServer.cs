using System.IO.Pipelines;
using AgentBudget.Rpc.Server;
using AgentBudget.Rpc.Tests.Support;
using AgentBudget.Rpc.Wire;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using RpcTest.V1;

namespace AgentBudget.Rpc.Tests.Fuzz;

/// <summary>
/// The edge from a request's features on, without a connection: what parses, decides and answers is the real thing.
/// </summary>
internal sealed class FuzzedServer
{
    private const int MessageBytesMax = 4096;

    private readonly ServerState _state;
    private readonly RpcApplication _application;

    internal FuzzedServer()
    {
        RpcServices services = new RpcServices()
            .Add(TestServer.Service, builder => builder
                .Unary<EchoRequest, EchoResponse>("Echo", Echo)
                .ServerStreaming<EchoRequest, EchoResponse>("Repeat", async (request, responses, _) =>
                {
                    await responses.WriteAsync(new EchoResponse { Text = request.Text });
                    await responses.WriteAsync(new EchoResponse { Payload = request.Payload });
                }))
            .Add(TestServer.TalkService, builder => builder
                .Unary<EchoRequest, EchoResponse>("Look", Echo)
                .ClientStreaming<EchoRequest, EchoResponse>("Collect", async (requests, _) =>
                {
                    EchoResponse response = new();
                    while (await requests.ReadAsync() is not null)
                        response.Number++;
                    return response;
                })
                .DuplexStreaming<EchoRequest, EchoResponse>("Talk", async (requests, responses, _) =>
                {
                    while (await requests.ReadAsync() is EchoRequest request)
                        await responses.WriteAsync(new EchoResponse { Text = request.Text });
                }));
        RpcServerOptions options = new() { MessageBytesMax = MessageBytesMax };
        JsonMessages json = new([EchoReflection.Descriptor]);
        _state = new ServerState(options, json, guard: null, TimeProvider.System, Log);
        _application = new RpcApplication(_state, services, fallback: null, scopes: null!);
    }

    internal CollectedLog Log { get; } = new();

    /// <summary>Handles a request to its end and returns what would leave.</summary>
    internal async Task<(int HttpStatus, string? GrpcStatus, byte[] Body)> HandleAsync(
        FuzzedRequest request, Random random)
    {
        using Exchange exchange = new(request);
        FeatureCollection features = exchange.ToFeatures();
        HttpCall call = _application.CreateContext(features);
        Task handling = _application.ProcessRequestAsync(call);
        for (int at = 0; at < request.Body.Length;)
        {
            int part = Math.Min(random.Next(1, 64), request.Body.Length - at);
            await exchange.Requests.Writer.WriteAsync(request.Body.AsMemory(at, part));
            at += part;
        }

        await exchange.Requests.Writer.CompleteAsync();
        await handling.Within("the end of a call");
        _application.DisposeContext(call, exception: null);
        return exchange.Answer();
    }

    private static ValueTask<EchoResponse> Echo(EchoRequest request, RpcCall call) =>
        new(new EchoResponse { Text = request.Text, Payload = request.Payload });

    /// <summary>One request and its answer, as the features that a server offers.</summary>
    private sealed class Exchange :
        IRequestBodyPipeFeature, IHttpResponseTrailersFeature, IHttpRequestLifetimeFeature, IDisposable
    {
        private readonly MemoryStream _body = new();
        private readonly HttpResponseFeature _response = new();
        private readonly HttpRequestFeature _request;

        internal Exchange(FuzzedRequest request)
        {
            _request = new HttpRequestFeature
            {
                Method = request.Verb,
                Path = request.Path,
                QueryString = request.Query,
                RawTarget = request.Path + request.Query,
                Protocol = request.Http,
            };
            foreach (KeyValuePair<string, string> header in request.Headers)
                _request.Headers[header.Key] = header.Value;
        }

        // Without bounds of its own: nothing here waits for anybody.
        internal Pipe Requests { get; } = new(new PipeOptions(pauseWriterThreshold: 0, minimumSegmentSize: 16));

        public PipeReader Reader => Requests.Reader;

        public IHeaderDictionary Trailers { get; set; } = new HeaderDictionary();

        public CancellationToken RequestAborted { get; set; }

        public void Abort() => Requests.Reader.CancelPendingRead();

        public void Dispose() => _body.Dispose();

        internal FeatureCollection ToFeatures()
        {
            FeatureCollection features = new();
            features.Set<IHttpRequestFeature>(_request);
            features.Set<IHttpResponseFeature>(_response);
            features.Set<IRequestBodyPipeFeature>(this);
            features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(_body));
            features.Set<IHttpResponseTrailersFeature>(this);
            features.Set<IHttpRequestLifetimeFeature>(this);
            return features;
        }

        internal (int HttpStatus, string? GrpcStatus, byte[] Body) Answer()
        {
            string? status = Trailers.TryGetValue("grpc-status", out var trailer) ? trailer.ToString()
                : _response.Headers.TryGetValue("grpc-status", out var header) ? header.ToString()
                : null;
            return (_response.StatusCode, status, _body.ToArray());
        }
    }
}
