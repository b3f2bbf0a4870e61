using AgentBudget.Ledger.Credentials;
using AgentBudget.Ledger.Requests;
using AgentBudget.Ledger.Sessions;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Agents;

/// <summary>Where an agent stands.</summary>
internal enum Standing
{
    /// <summary>Spends.</summary>
    Active,

    /// <summary>Stopped, to go on later.</summary>
    Suspended,

    /// <summary>Ended for ever.</summary>
    Decommissioned,
}

/// <summary>
/// Suspends, resumes and decommissions an agent. With the end of an agent everything that acts for it ends in the same
/// turn: its credentials with the event, then each open session with its holds. Asked again, nothing changes.
/// <code>
/// Active ◄── resume ── suspend ──► Suspended
///    └────────┬───────────────────────┘
///       decommission ──► Decommissioned
/// </code>
/// </summary>
internal static class ChangeAgent
{
    private const string DecommissionedReason = "its agent was decommissioned";

    public static Answer Handle(TenantLedger ledger, SuspendAgentCommand command)
    {
        SuspendAgentRequest request = command.Request;
        AskedRequest asked = AskedBy(
            Operation.SuspendAgent, command.Actor, request.RequestId, request.Agent, request.Reason);
        if (ledger.TryAnswer(asked, out Answer again)) return again;
        if (ledger.FindInCatalog<AgentAccount>(request.Agent) is not { } agent)
            return new Answer(Outcome.AgentNotFound);
        if (agent.Standing == Standing.Decommissioned) return new Answer(Outcome.AgentNotActive);
        if (agent.Standing == Standing.Suspended) return new Answer(Outcome.Done);
        LedgerEvent ledgerEvent = asked.NewEvent(command.Actor);
        ledgerEvent.AgentSuspended = new AgentSuspended { Agent = agent.Name, Reason = request.Reason };
        ledger.Emit(ledgerEvent);
        return new Answer(Outcome.Done, ledgerEvent);
    }

    public static Answer Handle(TenantLedger ledger, ResumeAgentCommand command)
    {
        ResumeAgentRequest request = command.Request;
        AskedRequest asked = AskedBy(
            Operation.ResumeAgent, command.Actor, request.RequestId, request.Agent, request.Reason);
        if (ledger.TryAnswer(asked, out Answer again)) return again;
        (string name, string user) = Names.WholeAndUser(request.Agent);
        if (ledger.FindInCatalog<AgentAccount>(name) is not { } agent) return new Answer(Outcome.AgentNotFound);
        if (agent.Standing == Standing.Decommissioned) return new Answer(Outcome.AgentNotActive);
        bool isStopped = user.Length > 0 ? agent.IsSuspendedFor(user) : agent.Standing == Standing.Suspended;
        if (!isStopped) return new Answer(Outcome.Done);
        LedgerEvent ledgerEvent = asked.NewEvent(command.Actor);
        ledgerEvent.AgentResumed = new AgentResumed { Agent = request.Agent, Reason = request.Reason };
        ledger.Emit(ledgerEvent);
        return new Answer(Outcome.Done, ledgerEvent);
    }

    public static Answer Handle(TenantLedger ledger, DecommissionAgentCommand command)
    {
        DecommissionAgentRequest request = command.Request;
        AskedRequest asked = AskedBy(
            Operation.DecommissionAgent, command.Actor, request.RequestId, request.Agent, request.Reason);
        if (ledger.TryAnswer(asked, out Answer again)) return again;
        if (ledger.FindInCatalog<AgentAccount>(request.Agent) is not { } agent)
            return new Answer(Outcome.AgentNotFound);
        if (agent.Standing == Standing.Decommissioned) return new Answer(Outcome.AgentNotActive);

        var decommissioned = new AgentDecommissioned { Agent = agent.Name, Reason = request.Reason };
        foreach (CredentialRecord credential in ledger.Credentials.All)
        {
            if (credential.Principal == agent.Name && credential.IsLive(ledger.Now))
                decommissioned.Credentials.Add(credential.Number);
        }

        TakeAlong.Find(ledger, decommissioned.Sessions, session => ReferenceEquals(session.Agent, agent));
        LedgerEvent ledgerEvent = asked.NewEvent(command.Actor);
        ledgerEvent.AgentDecommissioned = decommissioned;
        ledger.Emit(ledgerEvent);
        return new Answer(Outcome.Done, ledgerEvent);
    }

    public static void Apply(TenantLedger ledger, AgentSuspended suspended) =>
        Of(ledger, suspended.Agent).Standing = Standing.Suspended;

    public static void Apply(TenantLedger ledger, AgentResumed resumed)
    {
        (string agent, string user) = Names.WholeAndUser(resumed.Agent);
        Of(ledger, agent).Resume(user);
    }

    public static void Apply(TenantLedger ledger, AgentDecommissioned decommissioned)
    {
        Of(ledger, decommissioned.Agent).Standing = Standing.Decommissioned;
        foreach (long credential in decommissioned.Credentials) ledger.Revoke(credential, decommissioned.Reason);
        TakeAlong.Apply(ledger, decommissioned.Sessions, DecommissionedReason, decommissioned.Agent);
    }

    private static AgentAccount Of(TenantLedger ledger, string name) => (AgentAccount)ledger.AccountOf(name);

    private static AskedRequest AskedBy(
        Operation operation, string actor, string requestId, string agent, string reason) =>
        new ContentHash(operation).Add(agent).Add(reason).Of(Principals.OfActor(actor), requestId);
}
