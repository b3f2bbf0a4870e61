using AgentBudget.Protocol.V1;
using AgentBudget.Rpc;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace AgentBudget.Faults.Tests;

/// <summary>The public API of one silo, with the operator's key.</summary>
internal sealed class BudgetClient : IDisposable
{
    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(20);

    private readonly RpcChannel _channel;
    private readonly RpcCallOptions _options;

    public BudgetClient(SiloProcess silo)
    {
        _channel = new RpcChannel(silo.GrpcAddress, TimeProvider.System);
        _options = new RpcCallOptions { BearerToken = silo.AdminKey, Timeout = CallTimeout };
    }

    public void Dispose() => _channel.Dispose();

    public Task<ReserveTokensResponse> ReserveAsync(ReserveTokensRequest request) =>
        CallAsync<ReserveTokensRequest, ReserveTokensResponse>(BudgetServiceReflection.Descriptor, request);

    public Task<CommitTokensResponse> CommitAsync(CommitTokensRequest request) =>
        CallAsync<CommitTokensRequest, CommitTokensResponse>(BudgetServiceReflection.Descriptor, request);

    public Task<ReleaseTokensResponse> ReleaseAsync(ReleaseTokensRequest request) =>
        CallAsync<ReleaseTokensRequest, ReleaseTokensResponse>(BudgetServiceReflection.Descriptor, request);

    public Task<GetBalanceResponse> GetBalanceAsync(GetBalanceRequest request) =>
        CallAsync<GetBalanceRequest, GetBalanceResponse>(BudgetServiceReflection.Descriptor, request);

    public Task<ApplyCatalogResponse> ApplyCatalogAsync(string document) =>
        CallAsync<ApplyCatalogRequest, ApplyCatalogResponse>(
            CatalogServiceReflection.Descriptor,
            new ApplyCatalogRequest { RequestId = "catalog", Document = document });

    public Task<OpenSessionResponse> OpenSessionAsync(OpenSessionRequest request) =>
        CallAsync<OpenSessionRequest, OpenSessionResponse>(SessionServiceReflection.Descriptor, request);

    public Task<GetChargebackResponse> GetChargebackAsync(GetChargebackRequest request) =>
        CallAsync<GetChargebackRequest, GetChargebackResponse>(ReportServiceReflection.Descriptor, request);

    /// <summary>The whole ledger, page by page.</summary>
    public async Task<List<LedgerEvent>> ListEntriesAsync()
    {
        var entries = new List<LedgerEvent>();
        var request = new ListEntriesRequest { PageSize = 1000 };
        do
        {
            var page =
                await CallAsync<ListEntriesRequest, ListEntriesResponse>(SpendServiceReflection.Descriptor, request);
            entries.AddRange(page.Entries);
            request.PageToken = page.NextPageToken;
        }
        while (request.PageToken.Length > 0);
        return entries;
    }

    private Task<TResponse> CallAsync<TRequest, TResponse>(FileDescriptor file, TRequest request)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse>
    {
        var method = file.Services[0].Methods.Single(candidate => candidate.InputType.ClrType == typeof(TRequest));
        return _channel.UnaryAsync<TRequest, TResponse>(method, request, _options, CancellationToken.None);
    }
}
