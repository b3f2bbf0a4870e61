using System.Globalization;
using System.Net;
using AgentBudget.Protocol.V1;
using Grpc.Core;
using Grpc.Net.Client;

namespace AgentBudget.Silo.Demo;

/// <summary>The demo's view of the silo: the public API over its own gRPC port, as any gateway would use it.</summary>
internal sealed class DemoClient : IDisposable
{
    internal const string Tenant = "acme";

    private static readonly TimeSpan CallMax = TimeSpan.FromSeconds(10);

    private readonly GrpcChannel _channel;
    private readonly BudgetService.BudgetServiceClient _budgets;
    private readonly CatalogService.CatalogServiceClient _catalogs;
    private readonly SessionService.SessionServiceClient _sessions;
    private readonly SpendService.SpendServiceClient _spend;
    private readonly TimeProvider _time;
    private readonly Metadata _headers;
    private readonly long _run;
    private long _requests;

    internal DemoClient(IPEndPoint grpc, string adminKey, TimeProvider time)
    {
        _channel = GrpcChannel.ForAddress($"http://{grpc}", new GrpcChannelOptions
        {
            // The silo is in this process: a proxy of the environment is not on the way to it.
            HttpHandler = new SocketsHttpHandler { UseProxy = false },
            DisposeHttpClient = true,
        });
        _budgets = new(_channel);
        _catalogs = new(_channel);
        _sessions = new(_channel);
        _spend = new(_channel);
        _time = time;
        _headers = new() { { "authorization", $"Bearer {adminKey}" }, { "agentbudget-tenant", Tenant } };
        _run = time.GetUtcNow().ToUnixTimeMilliseconds();
    }

    public void Dispose() => _channel.Dispose();

    /// <summary>An id that no other request of this tenant has.</summary>
    internal string NextRequestId() =>
        string.Create(CultureInfo.InvariantCulture, $"demo-{_run}-{Interlocked.Increment(ref _requests)}");

    internal async Task<GetCatalogResponse> GetCatalogAsync(CancellationToken stopping) =>
        await _catalogs.GetCatalogAsync(new GetCatalogRequest(), Options(stopping));

    internal async Task<ApplyCatalogResponse> ApplyCatalogAsync(string document, CancellationToken stopping) =>
        await _catalogs.ApplyCatalogAsync(
            new ApplyCatalogRequest { RequestId = NextRequestId(), Document = document }, Options(stopping));

    internal async Task<OpenSessionResponse> OpenAsync(OpenSessionRequest request, CancellationToken stopping) =>
        await _sessions.OpenSessionAsync(request, Options(stopping));

    internal async Task<EndSessionResponse> EndAsync(EndSessionRequest request, CancellationToken stopping) =>
        await _sessions.EndSessionAsync(request, Options(stopping));

    internal async Task<GetSessionResponse> GetSessionAsync(string session, CancellationToken stopping) =>
        await _sessions.GetSessionAsync(new GetSessionRequest { Session = session }, Options(stopping));

    /// <summary>What the ledger says that breakers did to a session.</summary>
    internal async Task<ListEntriesResponse> ListTripsAsync(string session, CancellationToken stopping) =>
        await _spend.ListEntriesAsync(
            new ListEntriesRequest
            {
                Filter = new SpendFilter { Session = session, Kinds = { EventKind.BreakerTripped } },
            },
            Options(stopping));

    internal async Task<ReserveTokensResponse> ReserveAsync(
        ReserveTokensRequest request, CancellationToken stopping) =>
        await _budgets.ReserveTokensAsync(request, Options(stopping));

    internal async Task<CommitTokensResponse> CommitAsync(CommitTokensRequest request, CancellationToken stopping) =>
        await _budgets.CommitTokensAsync(request, Options(stopping));

    private CallOptions Options(CancellationToken stopping) =>
        new(_headers, _time.GetUtcNow().UtcDateTime + CallMax, stopping);
}
