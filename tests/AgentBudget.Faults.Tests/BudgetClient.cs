using AgentBudget.Protocol.V1;
using Grpc.Core;
using Grpc.Net.Client;

namespace AgentBudget.Faults.Tests;

/// <summary>The public API of one silo, with the operator's key.</summary>
internal sealed class BudgetClient : IDisposable
{
    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(20);

    private readonly GrpcChannel[] _channels;
    private readonly Metadata _headers;
    private uint _calls;

    public BudgetClient(SiloProcess silo) : this(silo.AdminKey, silo.GrpcAddress)
    {
    }

    /// <summary>Calls go to one silo after the other.</summary>
    public BudgetClient(string key, params Uri[] silos)
    {
        _channels = [.. silos.Select(silo => GrpcChannel.ForAddress(silo, new GrpcChannelOptions
        {
            HttpHandler = new SocketsHttpHandler { UseProxy = false, EnableMultipleHttp2Connections = true },
            DisposeHttpClient = true,
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

    public async Task<ReserveTokensResponse> ReserveAsync(ReserveTokensRequest request) =>
        await Budgets.ReserveTokensAsync(request, Options());

    public async Task<CommitTokensResponse> CommitAsync(CommitTokensRequest request) =>
        await Budgets.CommitTokensAsync(request, Options());

    public async Task<ReleaseTokensResponse> ReleaseAsync(ReleaseTokensRequest request) =>
        await Budgets.ReleaseTokensAsync(request, Options());

    public async Task<GetBalanceResponse> GetBalanceAsync(GetBalanceRequest request) =>
        await Budgets.GetBalanceAsync(request, Options());

    public async Task<ApplyCatalogResponse> ApplyCatalogAsync(string document) =>
        await new CatalogService.CatalogServiceClient(Channel).ApplyCatalogAsync(
            new ApplyCatalogRequest { RequestId = "catalog", Document = document }, Options());

    public async Task<OpenSessionResponse> OpenSessionAsync(OpenSessionRequest request) =>
        await new SessionService.SessionServiceClient(Channel).OpenSessionAsync(request, Options());

    public async Task<GetChargebackResponse> GetChargebackAsync(GetChargebackRequest request) =>
        await new ReportService.ReportServiceClient(Channel).GetChargebackAsync(request, Options());

    /// <summary>The whole ledger, page by page.</summary>
    public async Task<List<LedgerEvent>> ListEntriesAsync()
    {
        var entries = new List<LedgerEvent>();
        var request = new ListEntriesRequest { PageSize = 1000 };
        do
        {
            var page = await Spend.ListEntriesAsync(request, Options());
            entries.AddRange(page.Entries);
            request.PageToken = page.NextPageToken;
        }
        while (request.PageToken.Length > 0);
        return entries;
    }

    private CallOptions Options() => new(_headers, TimeProvider.System.GetUtcNow().UtcDateTime + CallTimeout);
}
