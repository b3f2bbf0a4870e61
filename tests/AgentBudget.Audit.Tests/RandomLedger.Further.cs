using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Audit.Tests;

// Disputes, which are decided about now and then, and who may delegate to whom.
internal sealed partial class RandomLedger
{
    private readonly List<long> _disputes = [];

    private static void DelegateToAll(Catalog catalog)
    {
        var delegates = new Delegates();
        delegates.Agents.Add(catalog.Agents.Select(agent => agent.Id));
        delegates.UseCases.Add(catalog.UseCases.Select(useCase => useCase.Id));
        foreach (Agent agent in catalog.Agents) agent.Delegates = delegates;
    }

    private void Follow(Answer committed)
    {
        if (committed is { DuplicateOf: 0, Event.ReservationSettled: { Disputed: true } })
            _disputes.Add(committed.Event.Sequence);
        if (_disputes.Count == 0 || _bindings.Next(2) > 0) return;
        long dispute = Any([.. _disputes]);
        Send(new DecideDisputeCommand(
            new DecideDisputeRequest
            {
                RequestId = NextId(),
                Dispute = $"disputes/d{dispute}",
                Decision = _bindings.Next(2) == 0 ? DisputeDecision.Confirmed : DisputeDecision.Dismissed,
                Reason = "asked",
            },
            "admin"));
        _disputes.Remove(dispute);
    }

    // Of a session or of nobody; answered, or left to expire.
    private void AskForMore()
    {
        long session = _sessions.Count > 0 && _random.Next(2) == 0 ? AnySession() : 0;
        Answer asked = Send(new RequestExtensionCommand(
            new RequestExtensionRequest
            {
                RequestId = NextId(),
                Grain = Any(Extended),
                Amount = AuditedLedger.Dollars(_random.Next(1, 30) / 1000m),
                Reason = "due",
            },
            session,
            session > 0 ? "agents/writer" : "admin"));
        if (asked.Event is not { } requested || _random.Next(3) == 0) return;
        Send(new DecideExtensionCommand(
            new DecideExtensionRequest
            {
                RequestId = NextId(),
                ExtensionRequest = Names.ExtensionRequest(requested.Sequence),
                Decision = _random.Next(2) == 0 ? ExtensionState.Approved : ExtensionState.Refused,
                Reason = "seen",
            },
            "admin"));
    }
}
