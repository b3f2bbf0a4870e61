using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Fact = AgentBudget.Protocol.V1.LedgerEvent.FactOneofCase;

namespace AgentBudget.Simulation.Checks;

/// <summary>What a request id is unique within.</summary>
/// <param name="Tenant">Tenant.</param>
/// <param name="Operation">Operation.</param>
/// <param name="Session">Session's number; 0 for operations of the tenant as a whole.</param>
/// <param name="Principal">Who asks.</param>
/// <param name="RequestId">The id.</param>
internal readonly record struct RequestIdentity(
    string Tenant, string Operation, long Session, string Principal, string RequestId)
{
    /// <summary>Of a command; null for a query and for a dry run, which leave no trace.</summary>
    /// <param name="tenant">Tenant.</param>
    /// <param name="command">The command.</param>
    /// <param name="rootOf">The root of a session's run, to which a command for the whole run is one.</param>
    public static RequestIdentity? Of(string tenant, Command command, Func<long, long> rootOf) => command switch
    {
        SuspendSessionCommand { Request.WholeRun: true } suspend =>
            new(tenant, "suspend", rootOf(suspend.Session), Of(suspend.Actor), suspend.Request.RequestId),
        ResumeSessionCommand { Request.WholeRun: true } resume =>
            new(tenant, "resume", rootOf(resume.Session), Of(resume.Actor), resume.Request.RequestId),
        ReserveCommand { Request.DryRun: true } or ApplyCatalogCommand { Request.DryRun: true }
            or PatchCatalogCommand { Request.DryRun: true } => null,
        ReserveCommand reserve => new(tenant, "reserve", reserve.Session, reserve.Principal, reserve.Request.RequestId),
        CommitCommand commit => new(tenant, "commit", commit.Session, commit.Principal, commit.Request.RequestId),
        ReleaseCommand release => new(tenant, "release", release.Session, release.Principal, release.Request.RequestId),
        OpenSessionCommand open => new(tenant, "open", 0, Of(open.Actor), open.Request.RequestId),
        RenewSessionCommand renew => new(tenant, "renew", renew.Session, Of(renew.Actor), renew.Request.RequestId),
        EndSessionCommand end => new(tenant, "end", end.Session, Of(end.Actor), end.Request.RequestId),
        RevokeSessionCommand revoke =>
            new(tenant, "revoke", revoke.Session, Of(revoke.Actor), revoke.Request.RequestId),
        ApplyCatalogCommand apply => new(tenant, "apply", 0, Of(apply.Actor), apply.Request.RequestId),
        RequestExtensionCommand ask =>
            new(tenant, "ask for more", ask.Session, Of(ask.Asker), ask.Request.RequestId),
        DecideExtensionCommand answer =>
            new(tenant, "answer for more", 0, Of(answer.Actor), answer.Request.RequestId),
        PatchCatalogCommand patch => new(tenant, "patch", 0, Of(patch.Actor), patch.Request.RequestId),
        DecideDisputeCommand decide => new(tenant, "decide", 0, Of(decide.Actor), decide.Request.RequestId),
        ExtendBudgetCommand extend => new(tenant, "extend", 0, Of(extend.Actor), extend.Request.RequestId),
        AdjustSpendCommand adjust => new(tenant, "adjust", 0, Of(adjust.Actor), adjust.Request.RequestId),
        ResetBudgetCommand reset => new(tenant, "reset", 0, Of(reset.Actor), reset.Request.RequestId),
        RerateSpendCommand rerate => new(tenant, "rerate", 0, Of(rerate.Actor), rerate.Request.RequestId),
        AmendCommand amend => new(tenant, "amend", amend.Session, amend.Principal, amend.Request.RequestId),
        SuspendSessionCommand suspend =>
            new(tenant, "suspend", suspend.Session, Of(suspend.Actor), suspend.Request.RequestId),
        ResumeSessionCommand resume =>
            new(tenant, "resume", resume.Session, Of(resume.Actor), resume.Request.RequestId),
        ResetBreakerCommand reset =>
            new(tenant, "reset breaker", SessionOf(reset.Request.Grain), Of(reset.Actor), reset.Request.RequestId),
        RecordCostCommand cost => new(tenant, "record cost", cost.Session, cost.Principal, cost.Request.RequestId),
        AuthorizeToolCommand tool => new(tenant, "authorize", tool.Session, tool.Principal, tool.Request.RequestId),
        CreateCredentialCommand create =>
            new(tenant, "create credential", 0, Of(create.Actor), create.Request.RequestId),
        RevokeCredentialCommand revoke =>
            new(tenant, "revoke credential", 0, Of(revoke.Actor), revoke.Request.RequestId),
        RevokeAccessTokenCommand revoke => new(tenant, "revoke token", 0, Of(revoke.Actor), revoke.RequestId),
        RecordCredentialUsesCommand uses => new(tenant, "record uses", 0, "", uses.RequestId),
        RecordNotificationsCommand notices => new(tenant, "notices", 0, Of(notices.Actor), notices.RequestId),
        RecordKeyRotationCommand rotate => new(tenant, "rotate key", 0, Of(rotate.Actor), rotate.RequestId),
        SuspendAgentCommand suspend => new(tenant, "suspend agent", 0, Of(suspend.Actor), suspend.Request.RequestId),
        ResumeAgentCommand resume => new(tenant, "resume agent", 0, Of(resume.Actor), resume.Request.RequestId),
        DecommissionAgentCommand end => new(tenant, "decommission agent", 0, Of(end.Actor), end.Request.RequestId),
        RevokeSessionsCommand revoke =>
            new(tenant, "revoke sessions", 0, Of(revoke.Actor), revoke.Request.RequestId),
        _ => null,
    };

    /// <summary>Of an event that was asked for; null for what the ledger does by itself.</summary>
    public static RequestIdentity? Of(string tenant, LedgerEvent ledgerEvent)
    {
        if (ledgerEvent.RequestId.Length == 0) return null;
        string operation = ledgerEvent.FactCase switch
        {
            Fact.ReservationHeld => "reserve",
            Fact.ReservationRefused => OfRefusal(ledgerEvent.ReservationRefused),
            Fact.ReservationAmended => "amend",
            Fact.ReservationSettled => "commit",
            Fact.ReservationReleased => "release",
            Fact.ToolAuthorized => "authorize",
            Fact.SessionOpened => "open",
            Fact.SessionRenewed => "renew",
            Fact.SessionEnded => OfEnd(ledgerEvent.SessionEnded),
            Fact.SessionSuspended => "suspend",
            Fact.SessionResumed => "resume",
            Fact.BreakerReset => "reset breaker",
            Fact.CostRecorded => "record cost",
            Fact.CatalogApplied => "apply",
            Fact.CatalogPatched => "patch",
            Fact.BudgetExtended => "extend",
            Fact.BudgetReset => "reset",
            Fact.SpendAdjusted => ledgerEvent.SpendAdjusted.Rerating is null ? "adjust" : "rerate",
            Fact.DisputeDecided => "decide",
            Fact.ExtensionRequested => "ask for more",
            Fact.ExtensionDecided => "answer for more",
            Fact.CredentialCreated => "create credential",
            Fact.CredentialRevoked => "revoke credential",
            Fact.AccessTokenRevoked => "revoke token",
            Fact.SigningKeyRotated => "rotate key",
            Fact.NotificationsChanged => "notices",
            Fact.CredentialsUsed => "record uses",
            Fact.AgentSuspended => "suspend agent",
            Fact.AgentResumed => "resume agent",
            Fact.AgentDecommissioned => "decommission agent",
            Fact.SessionsRevoked => "revoke sessions",
            _ => ledgerEvent.FactCase.ToString(),
        };
        bool isTenants = ledgerEvent.Spender is null || operation is "open" or "decide" or "answer for more";
        long session = isTenants ? 0 : SessionOf(ledgerEvent.Spender!.Session);
        string principal = ledgerEvent.Actor.Length > 0 ? Of(ledgerEvent.Actor) : ledgerEvent.Principal;
        return new RequestIdentity(tenant, operation, session, principal, ledgerEvent.RequestId);
    }

    public static long SessionOf(string name) =>
        long.Parse(name.AsSpan("sessions/s".Length), System.Globalization.CultureInfo.InvariantCulture);

    // Without the credential that it used.
    private static string Of(string actor) => actor.Split(" credentials/c")[0];

    private static string OfEnd(SessionEnded ended) =>
        ended.State == Protocol.V1.Session.Types.State.Revoked ? "revoke" : "end";

    private static string OfRefusal(ReservationRefused refused)
    {
        if (refused.Sku.Length > 0) return "record cost";
        if (refused.ToolOnly) return "authorize";
        return refused.Reservation > 0 ? "amend" : "reserve";
    }
}
