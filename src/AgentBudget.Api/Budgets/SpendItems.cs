using System.Diagnostics;
using AgentBudget.Api.Errors;
using AgentBudget.Grains;
using AgentBudget.Protocol.V1;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Api.Budgets;

/// <summary>
/// Spend: the items of one gateway's stream, each read and answered as by the method it stands for. Nothing that an
/// item does ends its stream.
/// </summary>
internal sealed partial class SpendItems(ApiContext context, ILogger<SpendItems> logger)
{
    private readonly ReserveTokens _reserve = new(context);
    private readonly CommitTokens _commit = new(context);
    private readonly ReleaseTokens _release = new(context);
    private readonly AmendReservation _amend = new(context);
    private readonly RecordCost _recordCost = new(context);

    internal ApiContext Context => context;

    internal Task HandleAsync(
        IAsyncStreamReader<SpendRequest> requests, IServerStreamWriter<SpendResponse> responses, ApiCall call) =>
        new SpendStream(this, requests, responses, call).RunAsync();

    /// <summary>What an item asks. Throws what is to be its status instead.</summary>
    internal TenantCommand Read(SpendRequest request, ApiCall call)
    {
        switch (request.ItemCase)
        {
            case SpendRequest.ItemOneofCase.Reserve:
                return _reserve.Read(request.Reserve, call);
            case SpendRequest.ItemOneofCase.Commit:
                return _commit.Read(request.Commit, call);
            case SpendRequest.ItemOneofCase.Release:
                return _release.Read(request.Release, call);
            case SpendRequest.ItemOneofCase.Amend:
                return _amend.Read(request.Amend, call);
            case SpendRequest.ItemOneofCase.RecordCost:
                return _recordCost.Read(request.RecordCost, call);
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
            SpendResponse response = View(request.ItemCase, pending.Decided.Event!, currency);
            response.CorrelationId = request.CorrelationId;
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
            Status = error.GetRpcStatus(),
        };
    }

    private SpendResponse View(SpendRequest.ItemOneofCase item, LedgerEvent ledgerEvent, string currency) =>
        item switch
        {
            SpendRequest.ItemOneofCase.Reserve => new() { Reserve = _reserve.View(ledgerEvent, currency) },
            SpendRequest.ItemOneofCase.Commit => new() { Commit = _commit.View(ledgerEvent, currency) },
            SpendRequest.ItemOneofCase.Release => new() { Release = _release.View(ledgerEvent, currency) },
            SpendRequest.ItemOneofCase.Amend => new() { Amend = _amend.View(ledgerEvent, currency) },
            SpendRequest.ItemOneofCase.RecordCost => new() { RecordCost = _recordCost.View(ledgerEvent, currency) },
            _ => throw new UnreachableException($"an item of {item} is not asked"),
        };

    private static partial class Log
    {
        [LoggerMessage(70, LogLevel.Error, "A {Item} of a Spend stream failed; its caller sees INTERNAL")]
        internal static partial void ItemFailed(ILogger logger, Exception failure, SpendRequest.ItemOneofCase item);
    }
}
