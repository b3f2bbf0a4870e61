using AgentBudget.Api.Edge;
using AgentBudget.Identity;
using AgentBudget.Protocol.V1;
using AgentBudget.Storage;
using Grpc.Core;

namespace AgentBudget.Api.Spend;

/// <summary>SpendService: the ledger as it goes on, and its proof.</summary>
internal sealed class SpendCalls(
    ApiContext api, ILedgerStore store, CheckpointKey key, TimeProvider time, Calls calls) : SpendService.SpendServiceBase
{
    private readonly WatchSpend _watchSpend = new(api, time);
    private readonly UnaryHandler<ListEntriesRequest, ListEntriesResponse> _listEntries =
        new ListEntries(api).HandleAsync;
    private readonly UnaryHandler<GetCheckpointRequest, GetCheckpointResponse> _getCheckpoint =
        new GetCheckpoint(api, store, key, time).HandleAsync;
    private readonly UnaryHandler<VerifyLedgerRequest, VerifyLedgerResponse> _verifyLedger =
        new VerifyLedger(api, store, key).HandleAsync;

    public override Task<ListEntriesResponse> ListEntries(ListEntriesRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_listEntries, request, context);

    public override Task<GetCheckpointResponse> GetCheckpoint(
        GetCheckpointRequest request, ServerCallContext context) => calls.AnswerAsync(_getCheckpoint, request, context);

    public override Task<VerifyLedgerResponse> VerifyLedger(VerifyLedgerRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_verifyLedger, request, context);

    public override Task WatchSpend(
        WatchSpendRequest request, IServerStreamWriter<WatchSpendResponse> responses, ServerCallContext context) =>
        calls.RunAsync(call => _watchSpend.HandleAsync(request, responses, call), context);
}
