using AgentBudget.Protocol.V1;
using Grpc.Core;
using Grpc.Net.Client;

namespace AgentBudget.Faults.Tests;

/// <summary>The public API of one silo, with the operator's key.</summary>
internal sealed class BudgetClient : IDisposable
{
    private const int AttemptsMax = 1_000;
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(20);

    private readonly GrpcChannel[] _channels;
    private readonly Metadata _headers;
    private uint _calls;

    public BudgetClient(SiloProcess silo) : this(silo.AdminKey, silo.GrpcAddress)
    {
    }

    /// <summary>Calls go to one silo after the other.</summary>
    public BudgetClient(string key, params Uri[] silos)
        : this(key, [.. silos.Select(silo => (
            silo, new SocketsHttpHandler { UseProxy = false, EnableMultipleHttp2Connections = true }))])
    {
    }

    /// <summary>The same, over ways of their own, which end with the client.</summary>
    public BudgetClient(string key, IReadOnlyList<(Uri Silo, SocketsHttpHandler Way)> silos)
    {
        _channels = [.. silos.Select(silo => GrpcChannel.ForAddress(silo.Silo, new GrpcChannelOptions
        {
            HttpHandler = silo.Way,
            DisposeHttpClient = true,
            MaxReconnectBackoff = CallTimeout / 20,
        }))];
        _headers = new() { { "authorization", $"Bearer {key}" } };
    }

    private GrpcChannel Channel => _channels[Interlocked.Increment(ref _calls) % _channels.Length];

    private BudgetService.BudgetServiceClient Budgets => new(Channel);

    private SpendService.SpendServiceClient Spend => new(Channel);

    public void Dispose()
    {
        foreach (GrpcChannel channel in _channels) channel.Dispose();
    }

    public Task<ReserveTokensResponse> ReserveAsync(ReserveTokensRequest request) =>
        AskAsync(async () => await Budgets.ReserveTokensAsync(request, Options()));

    public Task<CommitTokensResponse> CommitAsync(CommitTokensRequest request) =>
        AskAsync(async () => await Budgets.CommitTokensAsync(request, Options()));

    public Task<ReleaseTokensResponse> ReleaseAsync(ReleaseTokensRequest request) =>
        AskAsync(async () => await Budgets.ReleaseTokensAsync(request, Options()));

    public Task<GetBalanceResponse> GetBalanceAsync(GetBalanceRequest request) =>
        AskAsync(async () => await Budgets.GetBalanceAsync(request, Options()));

    public async Task<ApplyCatalogResponse> ApplyCatalogAsync(string document) =>
        await new CatalogService.CatalogServiceClient(Channel).ApplyCatalogAsync(
            new ApplyCatalogRequest { RequestId = "catalog", Document = document }, Options());

    public async Task<OpenSessionResponse> OpenSessionAsync(OpenSessionRequest request) =>
        await new SessionService.SessionServiceClient(Channel).OpenSessionAsync(request, Options());

    public Task<GetChargebackResponse> GetChargebackAsync(GetChargebackRequest request) => AskAsync(
        async () => await new ReportService.ReportServiceClient(Channel).GetChargebackAsync(request, Options()));

    /// <summary>The whole ledger, page by page.</summary>
    public async Task<List<LedgerEvent>> ListEntriesAsync()
    {
        var entries = new List<LedgerEvent>();
        var request = new ListEntriesRequest { PageSize = 1000 };
        do
        {
            var page = await AskAsync(async () => await Spend.ListEntriesAsync(request, Options()));
            entries.AddRange(page.Entries);
            request.PageToken = page.NextPageToken;
        }
        while (request.PageToken.Length > 0);
        return entries;
    }

    /// <summary>
    /// Whether nobody knows what became of a call, so that it is repeated. A connection that a silo closes while it
    /// stops is told by the library as a defect of the call.
    /// </summary>
    internal static bool IsOutcomeOpen(RpcException exception) =>
        exception.StatusCode is StatusCode.Unavailable or StatusCode.DeadlineExceeded
        || exception is { StatusCode: StatusCode.Internal, Status.DebugException: HttpRequestException };

    // Of several silos one may be away, or have come back just now: another is asked.
    private async Task<TResponse> AskAsync<TResponse>(Func<Task<TResponse>> ask)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return await ask();
            }
            catch (RpcException open) when (IsOutcomeOpen(open) && _channels.Length > 1 && attempt < AttemptsMax)
            {
                await Task.Delay(RetryPause);
            }
        }
    }

    private CallOptions Options() => new(_headers, TimeProvider.System.GetUtcNow().UtcDateTime + CallTimeout);
}
