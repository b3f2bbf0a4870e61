using System.Runtime.CompilerServices;
using AgentBudget.Api.Errors;
using AgentBudget.Protocol.V1;
using AgentBudget.Rpc;
using Microsoft.Extensions.Logging;
using Status = AgentBudget.Protocol.Rpc.Status;

namespace AgentBudget.Api.Budgets;

/// <summary>
/// Spend: the items of one gateway's stream, each handled by the handler of the method it stands for.
/// </summary>
internal sealed partial class SpendItems(
    ReserveTokens reserve,
    CommitTokens commit,
    ReleaseTokens release,
    AmendReservation amend,
    RecordCost recordCost,
    ILogger<SpendItems> logger)
{
    internal Task HandleAsync(
        IRpcStreamReader<SpendRequest> requests, IRpcStreamWriter<SpendResponse> responses, RpcCall call) =>
        new SpendStream(this, requests, responses, call).RunAsync();

    /// <summary>Answers one item, with a status when it fails: nothing that an item does ends its stream.</summary>
    /// <param name="request">The item; its messages are the ledger's from here on.</param>
    /// <param name="call">The stream. Looked at before the first await only.</param>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    internal async ValueTask<SpendResponse> AnswerAsync(SpendRequest request, RpcCall call)
    {
        SpendResponse response = new() { CorrelationId = request.CorrelationId };
        try
        {
            switch (request.ItemCase)
            {
                case SpendRequest.ItemOneofCase.Reserve:
                    response.Reserve = await reserve.HandleAsync(request.Reserve, call);
                    break;
                case SpendRequest.ItemOneofCase.Commit:
                    response.Commit = await commit.HandleAsync(request.Commit, call);
                    break;
                case SpendRequest.ItemOneofCase.Release:
                    response.Release = await release.HandleAsync(request.Release, call);
                    break;
                case SpendRequest.ItemOneofCase.Amend:
                    response.Amend = await amend.HandleAsync(request.Amend, call);
                    break;
                case SpendRequest.ItemOneofCase.RecordCost:
                    response.RecordCost = await recordCost.HandleAsync(request.RecordCost, call);
                    break;
                case SpendRequest.ItemOneofCase.None:
                    FieldFaults faults = default;
                    faults.Add("item", "must be one of reserve, commit, release, amend and record_cost");
                    throw faults.ToException();
            }
        }
        catch (RpcException failure)
        {
            response.Status = StatusOf(failure);
        }
        catch (Exception defect)
        {
            Log.ItemFailed(logger, defect, request.ItemCase);
            response.Status = StatusOf(ApiErrors.Defect());
        }

        return response;
    }

    private static Status StatusOf(RpcException failure) => new()
    {
        Code = failure.Status.Code,
        Message = failure.Status.Message,
        Details = { failure.Status.Details },
    };

    private static partial class Log
    {
        [LoggerMessage(70, LogLevel.Error, "A {Item} of a Spend stream failed; its caller sees INTERNAL")]
        internal static partial void ItemFailed(ILogger logger, Exception failure, SpendRequest.ItemOneofCase item);
    }
}
