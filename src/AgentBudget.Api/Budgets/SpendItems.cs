using System.Diagnostics;
using AgentBudget.Api.Edge;
using AgentBudget.Api.Errors;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Protocol.V1;
using Grpc.Core;

namespace AgentBudget.Api.Budgets;

/// <summary>
/// Spend: the items of one gateway's stream, each read and answered as by the method it stands for. Nothing that an
/// item does ends its stream.
/// </summary>
internal sealed class SpendItems(ApiContext context, DefectLog defects)
{
    private readonly ReserveTokens _reserve = new(context);
    private readonly CommitTokens _commit = new(context);
    private readonly ReleaseTokens _release = new(context);
    private readonly AmendReservation _amend = new(context);
    private readonly RecordCost _recordCost = new(context);
    private readonly AuthorizeTool _authorizeTool = new(context);

    internal ApiContext Context => context;

    internal Task HandleAsync(
        IAsyncStreamReader<SpendRequest> requests, IServerStreamWriter<SpendResponse> responses, ApiCall call) =>
        new SpendStream(this, requests, responses, call).RunAsync();

    /// <summary>What an item asks. Throws what is to be its status instead.</summary>
    internal TenantCommand Read(SpendItem item, ApiCall call)
    {
        switch (item.ItemCase)
        {
            case SpendItem.ItemOneofCase.Reserve:
                return _reserve.Read(item.Reserve, call);
            case SpendItem.ItemOneofCase.Commit:
                return _commit.Read(item.Commit, call);
            case SpendItem.ItemOneofCase.Release:
                return _release.Read(item.Release, call);
            case SpendItem.ItemOneofCase.Amend:
                return _amend.Read(item.Amend, call);
            case SpendItem.ItemOneofCase.RecordCost:
                return _recordCost.Read(item.RecordCost, call);
            case SpendItem.ItemOneofCase.AuthorizeTool:
                return _authorizeTool.Read(item.AuthorizeTool, call);
            default:
                FieldFaults faults = default;
                faults.Add("item", "must be one of reserve, commit, release, amend, record_cost and authorize_tool");
                throw faults.ToException();
        }
    }

    /// <summary>The answer to an item whose tenant has answered.</summary>
    internal SpendAnswer Answered(
        SpendItem item, PendingCommand pending, string tenant, string currency, ApiCall call)
    {
        if (ErrorMap.Of(pending) is { } error)
            return Failed(item, error, call);
        try
        {
            SpendAnswer answer = View(item.ItemCase, pending.Decided.Event!, tenant, currency);
            answer.CorrelationId = item.CorrelationId;
            return answer;
        }
        catch (Exception defect)
        {
            return Failed(item, defect, call);
        }
    }

    /// <summary>The answer to an item that failed.</summary>
    internal SpendAnswer Failed(SpendItem item, Exception failure, ApiCall call)
    {
        if (failure is not RpcException error)
        {
            call.Log(defects, $"{item.ItemCase} of a Spend stream", failure);
            error = ApiErrors.Defect();
        }

        return new SpendAnswer { CorrelationId = item.CorrelationId, Status = error.GetRpcStatus() };
    }

    private SpendAnswer View(
        SpendItem.ItemOneofCase item, LedgerEvent ledgerEvent, string tenant, string currency) => item switch
        {
            SpendItem.ItemOneofCase.Reserve => new() { Reserve = _reserve.View(ledgerEvent, tenant, currency) },
            SpendItem.ItemOneofCase.Commit => new() { Commit = _commit.View(ledgerEvent, tenant, currency) },
            SpendItem.ItemOneofCase.Release => new() { Release = _release.View(ledgerEvent, tenant, currency) },
            SpendItem.ItemOneofCase.Amend => new() { Amend = _amend.View(ledgerEvent, tenant, currency) },
            SpendItem.ItemOneofCase.RecordCost =>
                new() { RecordCost = _recordCost.View(ledgerEvent, tenant, currency) },
            SpendItem.ItemOneofCase.AuthorizeTool =>
                new() { AuthorizeTool = _authorizeTool.View(ledgerEvent, tenant, currency) },
            _ => throw new UnreachableException($"an item of {item} is not asked"),
        };
}
