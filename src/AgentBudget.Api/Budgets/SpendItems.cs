using AgentBudget.Api.Errors;
using AgentBudget.Protocol.V1;
using AgentBudget.Rpc;
using AgentBudget.Runtime;
using Microsoft.Extensions.Logging;
using Status = AgentBudget.Protocol.Rpc.Status;

namespace AgentBudget.Api.Budgets;

/// <summary>
/// Spend: the items of one gateway's stream, each read and answered as by the method it stands for. Nothing that an
/// item does ends its stream.
/// </summary>
internal sealed partial class SpendItems(
    ApiContext context,
    ReserveTokens reserve,
    CommitTokens commit,
    ReleaseTokens release,
    AmendReservation amend,
    RecordCost recordCost,
    ILogger<SpendItems> logger)
{
    internal ApiContext Context => context;

    internal Task HandleAsync(
        IRpcStreamReader<SpendRequest> requests, IRpcStreamWriter<SpendResponse> responses, RpcCall call) =>
        new SpendStream(this, requests, responses, call).RunAsync();

    /// <summary>What an item asks. Throws what is to be its status instead.</summary>
    internal TenantCommand Read(SpendRequest request, RpcCall call)
    {
        switch (request.ItemCase)
        {
            case SpendRequest.ItemOneofCase.Reserve:
                return reserve.Read(request.Reserve, call);
            case SpendRequest.ItemOneofCase.Commit:
                return commit.Read(request.Commit, call);
            case SpendRequest.ItemOneofCase.Release:
                return release.Read(request.Release, call);
            case SpendRequest.ItemOneofCase.Amend:
                return amend.Read(request.Amend, call);
            case SpendRequest.ItemOneofCase.RecordCost:
                return recordCost.Read(request.RecordCost, call);
            default:
                FieldFaults faults = default;
                faults.Add("item", "must be one of reserve, commit, release, amend and record_cost");
                throw faults.ToException();
        }
    }

    /// <summary>The response to an item whose tenant has answered.</summary>
    internal SpendResponse Answered(SpendRequest request, PendingCommand pending, string currency)
    {
        if (ErrorMap.Of(pending) is { } error)
            return Failed(request, error);
        try
        {
            SpendResponse response = new() { CorrelationId = request.CorrelationId };
            View(request.ItemCase, pending.Decided.Event!, currency, response);
            return response;
        }
        catch (Exception defect)
        {
            return Failed(request, defect);
        }
    }

    /// <summary>The response to an item that failed.</summary>
    internal SpendResponse Failed(SpendRequest request, Exception failure)
    {
        if (failure is not RpcException error)
        {
            Log.ItemFailed(logger, failure, request.ItemCase);
            error = ApiErrors.Defect();
        }

        return new SpendResponse
        {
            CorrelationId = request.CorrelationId,
            Status = new Status
            {
                Code = error.Status.Code,
                Message = error.Status.Message,
                Details = { error.Status.Details },
            },
        };
    }

    private void View(
        SpendRequest.ItemOneofCase item, LedgerEvent ledgerEvent, string currency, SpendResponse response)
    {
        switch (item)
        {
            case SpendRequest.ItemOneofCase.Reserve:
                response.Reserve = reserve.View(ledgerEvent, currency);
                break;
            case SpendRequest.ItemOneofCase.Commit:
                response.Commit = commit.View(ledgerEvent, currency);
                break;
            case SpendRequest.ItemOneofCase.Release:
                response.Release = release.View(ledgerEvent, currency);
                break;
            case SpendRequest.ItemOneofCase.Amend:
                response.Amend = amend.View(ledgerEvent, currency);
                break;
            case SpendRequest.ItemOneofCase.RecordCost:
                response.RecordCost = recordCost.View(ledgerEvent, currency);
                break;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(70, LogLevel.Error, "A {Item} of a Spend stream failed; its caller sees INTERNAL")]
        internal static partial void ItemFailed(ILogger logger, Exception failure, SpendRequest.ItemOneofCase item);
    }
}
