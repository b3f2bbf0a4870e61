using System.Globalization;
using System.Net;
using AgentBudget.Protocol.V1;
using AgentBudget.Rpc;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace AgentBudget.Silo.Demo;

/// <summary>The demo's view of the silo: the public API over its own gRPC port, as any gateway would use it.</summary>
internal sealed class DemoClient : IDisposable
{
    internal const string Tenant = "acme";

    private static readonly TimeSpan CallMax = TimeSpan.FromSeconds(10);

    private readonly RpcChannel _channel;
    private readonly RpcCallOptions _options;
    private readonly long _run;
    private long _requests;

    internal DemoClient(IPEndPoint grpc, string adminKey, TimeProvider time)
    {
        // A silo that listens everywhere listens at loopback too.
        bool isAny = grpc.Address.Equals(IPAddress.Any) || grpc.Address.Equals(IPAddress.IPv6Any);
        IPEndPoint reachable = isAny ? new IPEndPoint(IPAddress.Loopback, grpc.Port) : grpc;
        _channel = new RpcChannel(new Uri($"http://{reachable}"), time);
        _options = new RpcCallOptions
        {
            BearerToken = adminKey,
            Timeout = CallMax,
            Metadata = new Dictionary<string, string> { ["agentbudget-tenant"] = Tenant },
        };
        _run = time.GetUtcNow().ToUnixTimeMilliseconds();
    }

    public void Dispose() => _channel.Dispose();

    /// <summary>An id that no other request of this tenant has.</summary>
    internal string NextRequestId() =>
        string.Create(CultureInfo.InvariantCulture, $"demo-{_run}-{Interlocked.Increment(ref _requests)}");

    internal Task<GetCatalogResponse> GetCatalogAsync(CancellationToken stopping) =>
        CallAsync<GetCatalogRequest, GetCatalogResponse>(
            CatalogServiceReflection.Descriptor, "GetCatalog", new GetCatalogRequest(), stopping);

    internal Task<ApplyCatalogResponse> ApplyCatalogAsync(string document, CancellationToken stopping) =>
        CallAsync<ApplyCatalogRequest, ApplyCatalogResponse>(
            CatalogServiceReflection.Descriptor,
            "ApplyCatalog",
            new ApplyCatalogRequest { RequestId = NextRequestId(), Document = document },
            stopping);

    internal Task<OpenSessionResponse> OpenAsync(OpenSessionRequest request, CancellationToken stopping) =>
        CallAsync<OpenSessionRequest, OpenSessionResponse>(
            SessionServiceReflection.Descriptor, "OpenSession", request, stopping);

    internal Task<EndSessionResponse> EndAsync(EndSessionRequest request, CancellationToken stopping) =>
        CallAsync<EndSessionRequest, EndSessionResponse>(
            SessionServiceReflection.Descriptor, "EndSession", request, stopping);

    internal Task<GetSessionResponse> GetSessionAsync(string session, CancellationToken stopping) =>
        CallAsync<GetSessionRequest, GetSessionResponse>(
            SessionServiceReflection.Descriptor, "GetSession", new GetSessionRequest { Session = session }, stopping);

    /// <summary>What the ledger says that breakers did to a session.</summary>
    internal Task<ListEntriesResponse> ListTripsAsync(string session, CancellationToken stopping) =>
        CallAsync<ListEntriesRequest, ListEntriesResponse>(
            SpendServiceReflection.Descriptor,
            "ListEntries",
            new ListEntriesRequest
            {
                Filter = new SpendFilter { Session = session, Kinds = { EventKind.BreakerTripped } },
            },
            stopping);

    internal Task<ReserveTokensResponse> ReserveAsync(ReserveTokensRequest request, CancellationToken stopping) =>
        CallAsync<ReserveTokensRequest, ReserveTokensResponse>(
            BudgetServiceReflection.Descriptor, "ReserveTokens", request, stopping);

    internal Task<CommitTokensResponse> CommitAsync(CommitTokensRequest request, CancellationToken stopping) =>
        CallAsync<CommitTokensRequest, CommitTokensResponse>(
            BudgetServiceReflection.Descriptor, "CommitTokens", request, stopping);

    private Task<TResponse> CallAsync<TRequest, TResponse>(
        FileDescriptor file, string method, TRequest request, CancellationToken stopping)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse> =>
        _channel.UnaryAsync<TRequest, TResponse>(
            file.Services[0].FindMethodByName(method), request, _options, stopping);
}
