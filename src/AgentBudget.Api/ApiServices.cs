using AgentBudget.Api.Access;
using AgentBudget.Api.Budgets;
using AgentBudget.Api.Catalogs;
using AgentBudget.Api.Catalogs.Documents;
using AgentBudget.Api.Identities;
using AgentBudget.Api.Reports;
using AgentBudget.Api.Sessions;
using AgentBudget.Api.Spend;
using AgentBudget.Identity;
using AgentBudget.Protocol.V1;
using AgentBudget.Reporting;
using AgentBudget.Rpc;
using AgentBudget.Runtime;
using AgentBudget.Storage;
using Google.Protobuf.Reflection;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Api;

/// <summary>The services of <c>agentbudget.v1</c> over the tenants of a silo.</summary>
public sealed class ApiServices
{
    private readonly ApiContext _context;
    private readonly KeyRing _keys;
    private readonly ILedgerStore _store;
    private readonly CheckpointKey _checkpointKey;
    private readonly ApplyCatalog _applyCatalog;
    private readonly Aggregator _aggregator;
    private readonly ReportFeed _feed;
    private readonly TimeProvider _time;
    private readonly ILoggerFactory _loggers;

    /// <summary>Everything the services work with stays the caller's to dispose.</summary>
    public ApiServices(
        ITenantHost host,
        SessionTokens tokens,
        DpopProofs proofs,
        CredentialFeed credentials,
        KeyRing keys,
        ILedgerStore store,
        CheckpointKey checkpointKey,
        Aggregator aggregator,
        ReportFeed feed,
        TimeProvider time,
        ILoggerFactory loggers)
    {
        _context = new ApiContext(host, tokens, proofs, credentials);
        _keys = keys;
        _store = store;
        _checkpointKey = checkpointKey;
        _applyCatalog = new ApplyCatalog(_context, feed);
        _aggregator = aggregator;
        _feed = feed;
        _time = time;
        _loggers = loggers;
    }

    /// <summary>The descriptors of the services, in the order in which they are added.</summary>
    public static IReadOnlyList<ServiceDescriptor> Descriptors { get; } =
    [
        BudgetServiceReflection.Descriptor.Services[0],
        SessionServiceReflection.Descriptor.Services[0],
        CatalogServiceReflection.Descriptor.Services[0],
        SpendServiceReflection.Descriptor.Services[0],
        ReportServiceReflection.Descriptor.Services[0],
        IdentityServiceReflection.Descriptor.Services[0],
    ];

    internal ApiContext Context => _context;

    /// <summary>Registers every method.</summary>
    public void AddTo(RpcServices services)
    {
        ArgumentNullException.ThrowIfNull(services);
        ChangeSession changeSession = new(_context);
        ReadSessions readSessions = new(_context);
        ChangeAgent changeAgent = new(_context);
        SpendReports spendReports = new(_context, _aggregator, _feed, _time);
        AccessReports accessReports = new(_context, _time);
        ReserveTokens reserve = new(_context);
        CommitTokens commit = new(_context);
        ReleaseTokens release = new(_context);
        AmendReservation amend = new(_context);
        RecordCost recordCost = new(_context);
        SpendItems spend = new(
            _context, reserve, commit, release, amend, recordCost, _loggers.CreateLogger<SpendItems>());
        services
            .Add(Descriptors[0], service => service
                .Unary<ReserveTokensRequest, ReserveTokensResponse>("ReserveTokens", reserve.HandleAsync)
                .Unary<CommitTokensRequest, CommitTokensResponse>("CommitTokens", commit.HandleAsync)
                .Unary<ReleaseTokensRequest, ReleaseTokensResponse>("ReleaseTokens", release.HandleAsync)
                .DuplexStreaming<SpendRequest, SpendResponse>("Spend", spend.HandleAsync)
                .Unary<AmendReservationRequest, AmendReservationResponse>("AmendReservation", amend.HandleAsync)
                .Unary<RecordCostRequest, RecordCostResponse>("RecordCost", recordCost.HandleAsync)
                .Unary<GetBalanceRequest, GetBalanceResponse>("GetBalance", new GetBalance(_context).HandleAsync)
                .Unary<AuthorizeToolRequest, AuthorizeToolResponse>(
                    "AuthorizeTool", new AuthorizeTool(_context).HandleAsync))
            .Add(Descriptors[1], service => service
                .Unary<OpenSessionRequest, OpenSessionResponse>("OpenSession", new OpenSession(_context).HandleAsync)
                .Unary<RenewSessionRequest, RenewSessionResponse>("RenewSession", changeSession.RenewAsync)
                .Unary<EndSessionRequest, EndSessionResponse>("EndSession", changeSession.EndAsync)
                .Unary<RevokeSessionRequest, RevokeSessionResponse>("RevokeSession", changeSession.RevokeAsync)
                .Unary<SuspendSessionRequest, SuspendSessionResponse>("SuspendSession", changeSession.SuspendAsync)
                .Unary<ResumeSessionRequest, ResumeSessionResponse>("ResumeSession", changeSession.ResumeAsync)
                .Unary<GetSessionRequest, GetSessionResponse>("GetSession", readSessions.GetAsync)
                .Unary<ListSessionsRequest, ListSessionsResponse>("ListSessions", readSessions.ListAsync))
            .Add(Descriptors[2], service => service
                .Unary<ApplyCatalogRequest, ApplyCatalogResponse>("ApplyCatalog", _applyCatalog.HandleAsync)
                .Unary<GetCatalogRequest, GetCatalogResponse>("GetCatalog", new GetCatalog(_context).HandleAsync)
                .Unary<ExtendBudgetRequest, ExtendBudgetResponse>(
                    "ExtendBudget", new ExtendBudget(_context).HandleAsync)
                .Unary<ResetBreakerRequest, ResetBreakerResponse>(
                    "ResetBreaker", new ResetBreaker(_context).HandleAsync)
                .Unary<SuspendAgentRequest, SuspendAgentResponse>("SuspendAgent", changeAgent.SuspendAsync)
                .Unary<ResumeAgentRequest, ResumeAgentResponse>("ResumeAgent", changeAgent.ResumeAsync)
                .Unary<DecommissionAgentRequest, DecommissionAgentResponse>(
                    "DecommissionAgent", changeAgent.DecommissionAsync))
            .Add(Descriptors[3], service => service
                .ServerStreaming<WatchSpendRequest, WatchSpendResponse>(
                    "WatchSpend", new WatchSpend(_context, _time).HandleAsync)
                .Unary<ListEntriesRequest, ListEntriesResponse>("ListEntries", new ListEntries(_context).HandleAsync)
                .Unary<GetCheckpointRequest, GetCheckpointResponse>(
                    "GetCheckpoint", new GetCheckpoint(_context, _store, _checkpointKey, _time).HandleAsync)
                .Unary<VerifyLedgerRequest, VerifyLedgerResponse>(
                    "VerifyLedger", new VerifyLedger(_context, _store, _checkpointKey).HandleAsync))
            .Add(Descriptors[4], service => service
                .Unary<GetChargebackRequest, GetChargebackResponse>("GetChargeback", spendReports.ChargebackAsync)
                .Unary<GetUnitCostsRequest, GetUnitCostsResponse>("GetUnitCosts", spendReports.UnitCostsAsync)
                .Unary<GetAttributionCoverageRequest, GetAttributionCoverageResponse>(
                    "GetAttributionCoverage", accessReports.CoverageAsync)
                .Unary<GetAccessReviewRequest, GetAccessReviewResponse>("GetAccessReview", accessReports.ReviewAsync))
            .Add(Descriptors[5], service => service
                .Unary<CreateCredentialRequest, CreateCredentialResponse>(
                    "CreateCredential", new CreateCredential(_context).HandleAsync)
                .Unary<RevokeCredentialRequest, RevokeCredentialResponse>(
                    "RevokeCredential", new RevokeCredential(_context).HandleAsync)
                .Unary<ListCredentialsRequest, ListCredentialsResponse>(
                    "ListCredentials", new ListCredentials(_context).HandleAsync)
                .Unary<RotateSigningKeyRequest, RotateSigningKeyResponse>(
                    "RotateSigningKey", new RotateSigningKey(_context, _keys, _time).HandleAsync))
            .ShareText("session_token");
    }

    /// <summary>
    /// Applies a catalog on the silo's own behalf, at its start. Throws <see cref="RpcException"/> as ApplyCatalog
    /// does.
    /// </summary>
    /// <param name="document">The document, in YAML or JSON.</param>
    /// <param name="reading">The document as read, without faults.</param>
    public async Task<ApplyCatalogResponse> ApplyAtStartAsync(string document, CatalogReading reading)
    {
        ArgumentNullException.ThrowIfNull(reading);
        // Applying is declarative, so every start is a request of its own and a repetition changes nothing.
        ApplyCatalogRequest request = new()
        {
            RequestId = $"start-{_time.GetUtcNow().ToUnixTimeMilliseconds()}",
            Format = CatalogFormat.Yaml,
            Document = document,
        };
        return await _applyCatalog.ApplyAsync(request, reading, actor: "start");
    }
}
