using AgentBudget.Protocol.V1;
using Item = AgentBudget.Protocol.V1.SpendRequest.ItemOneofCase;
using Kind = AgentBudget.Protocol.V1.SpendAnswer.AnswerOneofCase;

namespace AgentBudget.Api.Budgets;

/// <summary>The messages of a Spend stream that hold one item themselves, as those that hold many have it.</summary>
internal static class SpendMessages
{
    /// <summary>The item that a message holds itself; one that asks nothing where there is none.</summary>
    internal static SpendItem ItemOf(SpendRequest request)
    {
        SpendItem item = new() { CorrelationId = request.CorrelationId };
        switch (request.ItemCase)
        {
            case Item.Reserve:
                item.Reserve = request.Reserve;
                break;
            case Item.Commit:
                item.Commit = request.Commit;
                break;
            case Item.Release:
                item.Release = request.Release;
                break;
            case Item.Amend:
                item.Amend = request.Amend;
                break;
            case Item.RecordCost:
                item.RecordCost = request.RecordCost;
                break;
            case Item.AuthorizeTool:
                item.AuthorizeTool = request.AuthorizeTool;
                break;
            case Item.None:
                break;
        }

        return item;
    }

    /// <summary>A message with one answer.</summary>
    internal static SpendResponse ResponseOf(SpendAnswer answer)
    {
        SpendResponse response = new() { CorrelationId = answer.CorrelationId };
        switch (answer.AnswerCase)
        {
            case Kind.Reserve:
                response.Reserve = answer.Reserve;
                break;
            case Kind.Commit:
                response.Commit = answer.Commit;
                break;
            case Kind.Release:
                response.Release = answer.Release;
                break;
            case Kind.Amend:
                response.Amend = answer.Amend;
                break;
            case Kind.RecordCost:
                response.RecordCost = answer.RecordCost;
                break;
            case Kind.AuthorizeTool:
                response.AuthorizeTool = answer.AuthorizeTool;
                break;
            case Kind.Status:
                response.Status = answer.Status;
                break;
            case Kind.None:
                break;
        }

        return response;
    }
}
