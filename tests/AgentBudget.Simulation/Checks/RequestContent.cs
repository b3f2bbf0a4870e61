using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Simulation.Checks;

/// <summary>Whether an event is the effect of a request: what was asked for is what is recorded.</summary>
internal static class RequestContent
{
    private static readonly Duration TtlDefault = new() { Seconds = 600 };

    public static bool IsOf(LedgerEvent effect, Command command) => command switch
    {
        ReserveCommand reserve => IsOf(effect, reserve.Request),
        CommitCommand commit => IsOf(effect.ReservationSettled, commit),
        ReleaseCommand release => effect.ReservationReleased is { } released
            && released.Reservation == release.Reservation
            && released.Reason == release.Request.Reason,
        OpenSessionCommand open => effect.SessionOpened is { } opened
            && opened.Task == open.Request.Task
            && opened.Unattended == open.Request.Unattended
            && (open.Request.Agent.Length == 0 || effect.Spender.Agent == open.Request.Agent)
            && (open.Request.UseCase.Length == 0 || effect.Spender.UseCase == open.Request.UseCase)
            && effect.Spender.Parent == (open.Parent == 0 ? "" : $"sessions/s{open.Parent}"),
        AmendCommand amend => IsOf(effect, amend),
        AuthorizeToolCommand tool =>
            tool.Request.Tool == (effect.ToolAuthorized?.Tool ?? effect.ReservationRefused?.Tool)
            && (effect.ToolAuthorized is not { } authorized
                || authorized.ToolArgumentsDigest == tool.Request.ToolArgumentsDigest),
        SuspendSessionCommand suspend => effect.SessionSuspended?.Reason == suspend.Request.Reason,
        ResumeSessionCommand resume => effect.SessionResumed?.Reason == resume.Request.Reason,
        ResetBreakerCommand reset => effect.BreakerReset?.Reason == reset.Request.Reason,
        RecordCostCommand cost => cost.Request.Sku == (effect.CostRecorded?.Sku ?? effect.ReservationRefused?.Sku),
        CreateCredentialCommand create => effect.CredentialCreated is { } created
            && created.Principal == create.Request.Principal
            && created.SecretSha256 == create.SecretSha256,
        RevokeCredentialCommand revoke => effect.CredentialRevoked is { } ended
            && ended.Credential == revoke.Credential && ended.KeptSessions == revoke.Request.KeepSessions,
        RevokeAccessTokenCommand revoke => effect.AccessTokenRevoked is { } token
            && token.TokenId == revoke.Revoked.TokenId && token.ExpireTime.Equals(revoke.Revoked.ExpireTime),
        RevokeSessionsCommand revoke => effect.SessionsRevoked is { } sessions
            && sessions.Credential == revoke.Request.Credential && sessions.OnBehalfOf == revoke.Request.OnBehalfOf
            && sessions.Reason == revoke.Request.Reason,
        RecordCredentialUsesCommand uses => effect.CredentialsUsed is { } used
            && used.Uses.All(use => uses.Used.Uses.Any(asked => asked.Credential == use.Credential)),
        RecordNotificationsCommand notices => notices.Changed.Equals(effect.NotificationsChanged),
        RecordKeyRotationCommand rotate => rotate.Rotated.Equals(effect.SigningKeyRotated),
        SuspendAgentCommand suspend => effect.AgentSuspended?.Agent == suspend.Request.Agent,
        ResumeAgentCommand resume => effect.AgentResumed?.Agent == resume.Request.Agent,
        DecommissionAgentCommand decommission => effect.AgentDecommissioned?.Agent == decommission.Request.Agent,
        RenewSessionCommand => effect.SessionRenewed is not null,
        EndSessionCommand end => effect.SessionEnded is { } ended && Equals(ended.Outcome, end.Request.Outcome),
        RevokeSessionCommand revoke => effect.SessionEnded is { } revoked && revoked.Reason == revoke.Request.Reason,
        ApplyCatalogCommand apply => effect.CatalogApplied is { } applied && applied.Catalog.Equals(apply.Catalog),
        PatchCatalogCommand patch => effect.CatalogPatched is { } patched
            && patched.Document == patch.Request.Document
            && patched.Changes.All(change => IsOf(change.Item, patch)),
        AdjustSpendCommand adjust => effect.SpendAdjusted is { Rerating: null } adjusted
            && adjusted.Lines.Single().Grains[0] == adjust.Request.Grain
            && adjusted.Lines[0].Tokens == adjust.Request.Tokens
            && adjusted.Reason == adjust.Request.Reason,
        ResetBudgetCommand reset => effect.BudgetReset is { } done
            && done.Grain == reset.Request.Grain
            && done.Reason == reset.Request.Reason,
        RerateSpendCommand rerate => effect.SpendAdjusted?.Rerating is { } rerated
            && rerated.PriceVersion == rerate.Request.PriceVersion
            && rerated.EndTime.Equals(rerate.Request.EndTime),
        RequestExtensionCommand ask => effect.ExtensionRequested is { } asked
            && asked.Grain == ask.Request.Grain
            && asked.Tokens == ask.Request.AmountTokens
            && asked.Nanos > 0 == ask.Request.Amount is not null
            && asked.Reason == ask.Request.Reason,
        DecideExtensionCommand answer => effect.ExtensionDecided is { } answered
            && $"extension-requests/x{answered.ExtensionRequest}" == answer.Request.ExtensionRequest
            && answered.Decision == answer.Request.Decision,
        DecideDisputeCommand decide => effect.DisputeDecided is { } decided
            && $"disputes/d{decided.Dispute}" == decide.Request.Dispute
            && decided.Decision == decide.Request.Decision,
        ExtendBudgetCommand extend => effect.BudgetExtended is { } extended
            && extended.Grain == extend.Request.Grain
            && (extend.Request.Window.Length == 0 || extended.Window == extend.Request.Window)
            && extended.Reason == extend.Request.Reason,
        _ => false,
    };

    // Nothing but what was named changed.
    private static bool IsOf(string item, PatchCatalogCommand patch) =>
        patch.Remove.Contains(item)
        || patch.Put.Agents.Any(agent => item == $"agents/{agent.Id}")
        || patch.Put.UseCases.Any(useCase => item == $"useCases/{useCase.Id}")
        || patch.Put.Prices.Any(price => item.StartsWith($"prices/{price.Model}@", StringComparison.Ordinal));

    private static bool IsOf(LedgerEvent effect, ReserveTokensRequest request)
    {
        if (effect.ReservationRefused is { } refused)
            return refused.Model == request.Model && refused.Tool == request.Tool;
        if (effect.ReservationHeld is not { } held) return false;
        Timestamp expires = effect.Time + (request.Ttl ?? TtlDefault);
        TokenEstimate asked = request.Estimate.Clone();
        // A hold that does not say how much output there can be counts the model's.
        if (!asked.HasMaxOutputTokens && held.Estimate.HasMaxOutputTokens)
            asked.MaxOutputTokens = held.Estimate.MaxOutputTokens;
        return held.Estimate.Equals(asked)
            && held.Tool == request.Tool
            && held.ToolArgumentsDigest == request.ToolArgumentsDigest
            && held.ExpireTime.Equals(expires)
            && (held.RequestedModel.Length == 0 || held.RequestedModel == request.Model)
            && (held.OnExpiry == OnExpiry.Charge) == (request.OnExpiry == OnExpiry.Charge);
    }

    private static bool IsOf(LedgerEvent effect, AmendCommand amend)
    {
        if (effect.ReservationRefused is { } refused) return refused.Reservation == amend.Reservation;
        if (effect.ReservationAmended is not { } amended || amended.Reservation != amend.Reservation) return false;
        return amend.Request.Ttl is not { } ttl || amended.ExpireTime.Equals(effect.Time + ttl);
    }

    // A count below one in dispute settles nothing.
    private static bool IsOf(ReservationSettled? settled, CommitCommand commit) =>
        settled is not null
        && settled.Reservation == commit.Reservation
        && settled.Final == (!commit.Request.HasFinal || commit.Request.Final)
        && (commit.Request.Cumulative && !settled.Cumulative
            ? settled is { CostNanos: 0, Tokens: 0 }
            : IsUsageOf(settled, commit));

    private static bool IsUsageOf(ReservationSettled settled, CommitCommand commit) =>
        settled.Usage.InputTokens
            == commit.Request.Usage.InputTokens + commit.Request.Parts.Sum(part => part.Usage.InputTokens)
        && settled.Usage.Items.Equals(commit.Request.Usage.Items)
        && (commit.Request.BilledCost is not { } billed
            || settled.CostNanos == (billed.Units * 1_000_000_000) + billed.Nanos);
}
