using AgentBudget.Protocol.V1;
using Grpc.Core;
using Grpc.Net.Client;

namespace AgentBudget.Faults.Tests;

/// <summary>The public API of one silo, with the operator's key.</summary>
internal sealed class BudgetClient : IDisposable
{
    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(20);

    private readonly GrpcChannel _channel;
    private readonly BudgetService.BudgetServiceClient _budgets;
    private readonly CatalogService.CatalogServiceClient _catalogs;
    private readonly ReportService.ReportServiceClient _reports;
    private readonly SessionService.SessionServiceClient _sessions;
    private readonly SpendService.SpendServiceClient _spend;
    private readonly Metadata _headers;

    public BudgetClient(SiloProcess silo)
    {
        _channel = GrpcChannel.ForAddress(silo.GrpcAddress, new GrpcChannelOptions
        {
            HttpHandler = new SocketsHttpHandler { UseProxy = false, EnableMultipleHttp2Connections = true },
            DisposeHttpClient = true,
        });
        _budgets = new(_channel);
        _catalogs = new(_channel);
        _reports = new(_channel);
        _sessions = new(_channel);
        _spend = new(_channel);
        _headers = new() { { "authorization", $"Bearer {silo.AdminKey}" } };
    }

    public void Dispose() => _channel.Dispose();

    public async Task<ReserveTokensResponse> ReserveAsync(ReserveTokensRequest request) =>
        await _budgets.ReserveTokensAsync(request, Options());

    public async Task<CommitTokensResponse> CommitAsync(CommitTokensRequest request) =>
        await _budgets.CommitTokensAsync(request, Options());

    public async Task<ReleaseTokensResponse> ReleaseAsync(ReleaseTokensRequest request) =>
        await _budgets.ReleaseTokensAsync(request, Options());

    public async Task<GetBalanceResponse> GetBalanceAsync(GetBalanceRequest request) =>
        await _budgets.GetBalanceAsync(request, Options());

    public async Task<ApplyCatalogResponse> ApplyCatalogAsync(string document) =>
        await _catalogs.ApplyCatalogAsync(
            new ApplyCatalogRequest { RequestId = "catalog", Document = document }, Options());

    public async Task<OpenSessionResponse> OpenSessionAsync(OpenSessionRequest request) =>
        await _sessions.OpenSessionAsync(request, Options());

    public async Task<GetChargebackResponse> GetChargebackAsync(GetChargebackRequest request) =>
        await _reports.GetChargebackAsync(request, Options());

    /// <summary>The whole ledger, page by page.</summary>
    public async Task<List<LedgerEvent>> ListEntriesAsync()
    {
        var entries = new List<LedgerEvent>();
        var request = new ListEntriesRequest { PageSize = 1000 };
        do
        {
            var page = await _spend.ListEntriesAsync(request, Options());
            entries.AddRange(page.Entries);
            request.PageToken = page.NextPageToken;
        }
        while (request.PageToken.Length > 0);
        return entries;
    }

    private CallOptions Options() => new(_headers, TimeProvider.System.GetUtcNow().UtcDateTime + CallTimeout);
}
