using AgentBudget.Protocol.V1;
using State = AgentBudget.Protocol.V1.Session.Types.State;
using Unit = AgentBudget.Protocol.V1.ReservationRefused.Types.Unit;

namespace AgentBudget.Audit;

/// <summary>Refusals: the reason must hold, and the numbers must be those of the account that refused.</summary>
internal static class RefusalAudit
{
    // How long a refusal can stay untold.
    private static readonly Int128 CoalescedMax = (Int128)10 * AuditNumbers.NanosPerUnit;

    public static void Refuse(AuditState state, AuditSession session, ReservationRefused refused)
    {
        state.CheckDeadlines(session);
        if (FaultOf(state, session, refused) is { } fault) state.Find(AuditRule.Refusal, $"{refused.Reason}: {fault}");
        session.Refused++;
        BreakerAudit.CountRefusals(state, session, 1);
        state.CheckLeft(refused.Left, session, model: "");
    }

    /// <summary>Refusals that are told together. A breaker may trip by them, or by the event after them.</summary>
    public static void Coalesce(AuditState state, AuditSession session, RefusalsCoalesced coalesced)
    {
        if (coalesced.Count < 1 || coalesced.Reason == Reason.Unspecified)
            state.Find(AuditRule.Refusal, $"it tells {coalesced.Count} refusals for {coalesced.Reason}");
        Int128? first = AuditNumbers.OptionalNanosOf(coalesced.FirstTime);
        if (first is null || first > state.Now || first + CoalescedMax < state.Now)
            state.Find(AuditRule.Refusal, $"the first of them was at {AuditNumbers.Show(first)}, not just before");
        session.Refused += coalesced.Count;
        BreakerAudit.CountRefusals(state, session, coalesced.Count);
    }

    // Answers what is wrong, or null. Rates leave no trace in the facts of this release.
    private static string? FaultOf(AuditState state, AuditSession session, ReservationRefused refused) =>
        refused.Reason switch
        {
            Reason.Unspecified => "no reason is given",
            Reason.SessionClosed => session.State == State.Ended ? null : $"the session is {session.State}",
            Reason.SessionExpired => session.State == State.Expired ? null : $"the session is {session.State}",
            Reason.SessionRevoked => session.State == State.Revoked ? null : $"the session is {session.State}",
            Reason.AgentSuspended =>
                IdentityAudit.IsSuspended(state, session.Spender) ? null : "the agent is not suspended",
            Reason.AgentDecommissioned =>
                session.AgentAccount.IsInCatalog && !state.Decommissioned.Contains(session.Spender.Agent)
                    ? "the agent is in the catalog"
                    : null,
            Reason.ToolOutOfScope => session.AllowsTool(refused.Subject) ? $"'{refused.Subject}' is in scope" : null,
            Reason.ModelOutOfScope => session.AllowsModel(refused.Subject) ? $"'{refused.Subject}' is in scope" : null,
            Reason.UnknownPrice => HasPrice(state, refused.Subject) ? "it has a price" : null,
            Reason.MissingTag => FaultOfTag(state, session, refused.Subject),
            Reason.RequestCeiling => FaultOfCount(refused, session.Ceilings.TokensPerRequest, 0, 0),
            Reason.StepCeiling => refused.Unit == Unit.Steps
                ? FaultOfCount(refused, session.Ceilings.Steps, session.Steps, 0)
                : FaultOfCount(refused, session.Ceilings.ToolCalls, session.ToolCalls, 0),
            Reason.SessionCeiling => refused.Unit == Unit.OpenHolds
                ? FaultOfCount(refused, session.Ceilings.OpenHolds, 0, session.OpenHolds.Count)
                : FaultOfLineage(session, refused, isOfRun: false),
            Reason.RunCeiling => FaultOfLineage(session, refused, isOfRun: true),
            Reason.AgentBudget => FaultOfBudget(session.AgentAccount, refused),
            Reason.UseCaseBudget => FaultOfBudget(session.UseCaseAccount, refused),
            Reason.BusinessUnitBudget => FaultOfBudget(session.BusinessUnitAccount, refused),
            Reason.TenantBudget => FaultOfBudget(session.TenantAccount, refused),
            Reason.UserBudget => FaultOfPart(session.UserAccounts, refused),
            Reason.ModelBudget => FaultOfPart(session.Families, refused),
            Reason.SessionSuspended => FaultOfSuspension(session, refused.Grain),
            Reason.Rate => null,
        };

    // A session's ceiling or its run's: of the session that spends or of one above it.
    private static string? FaultOfLineage(AuditSession session, ReservationRefused refused, bool isOfRun)
    {
        if (session.Lineage.FirstOrDefault(owner => owner.Spender.Session == refused.Grain) is not { } owner)
            return $"{refused.Grain} is not above it";
        Int128? limit = owner.Ceilings.Budget.Nanos;
        if (isOfRun) limit = owner.Ceilings.RunCost;
        else if (refused.Unit == Unit.Tokens) limit = owner.Ceilings.Budget.Tokens;
        if (refused.Limit != limit) return $"{owner.Spender.Session} is limited to {limit}: {Said(refused)}";
        return refused.Unit == Unit.Tokens
            ? FaultOfCount(refused, limit, owner.Own.Settled.Tokens, owner.Own.Held.Tokens)
            : FaultOfCount(refused, limit, owner.Own.Settled.Nanos, owner.Own.Held.Nanos);
    }

    private static bool HasPrice(AuditState state, string subject) =>
        state.Prices.UnitOf(subject) is not null
        || state.Prices.Find(subject, region: "", ServiceTier.Standard, state.Now) is not null;

    private static string? FaultOfSuspension(AuditSession session, string account) =>
        session.Lineage.Any(owner => owner.Spender.Session == account && owner.State == State.Suspended)
            ? null
            : $"{account} is not suspended or not above it";

    private static string? FaultOfTag(AuditState state, AuditSession session, string tag) =>
        state.RequiredTags.Contains(tag) && !session.Opened.Tags.ContainsKey(tag)
            ? null
            : $"tag '{tag}' is not missing";

    private static string? FaultOfCount(ReservationRefused refused, Int128? limit, Int128 settled, Int128 held)
    {
        bool isSaid = refused.Limit == limit
            && AuditNumbers.Sum(refused.Settled, refused.SettledHigh) == settled
            && AuditNumbers.Sum(refused.Held, refused.HeldHigh) == held;
        if (!isSaid)
            return $"the limit is {limit} with {settled} settled and {held} held, and it says {Said(refused)}";
        return refused.Requested > limit - settled - held ? null : $"it would fit: {Said(refused)}";
    }

    private static string? FaultOfPart(IEnumerable<AuditAccount> parts, ReservationRefused refused) =>
        parts.FirstOrDefault(part => part.Name == refused.Grain) is { } part
            ? FaultOfBudget(part, refused)
            : $"{refused.Grain} is not on its path";

    private static string? FaultOfBudget(AuditAccount any, ReservationRefused refused)
    {
        if (refused.Grain != any.Name) return $"{refused.Grain} is not {any.Name}";
        if (any.Windows.FirstOrDefault(window => window.Window == refused.Window) is not { } account)
            return $"{any.Name} has no window '{refused.Window}'";
        bool isMoney = refused.Unit == Unit.Nanos;
        if (!isMoney && refused.Unit != Unit.Tokens) return $"a budget does not count {refused.Unit}";
        if (AuditNumbers.OptionalNanosOf(refused.ResetTime) != account.PeriodEnd)
            return $"its period ends at {AuditNumbers.Show(account.PeriodEnd)}";
        Int128? soft = isMoney ? account.SoftCap.Nanos : account.SoftCap.Tokens;
        Int128? hard = isMoney ? account.HardCap.Nanos : account.HardCap.Tokens;
        Int128? cap = refused.Limit == soft ? soft : hard;
        return isMoney
            ? FaultOfCount(refused, cap, account.Settled.Nanos, account.Held.Nanos)
            : FaultOfCount(refused, cap, account.Settled.Tokens, account.Held.Tokens);
    }

    private static string Said(ReservationRefused refused) =>
        $"limit {refused.Limit}, settled {refused.Settled}, held {refused.Held}, requested {refused.Requested}";
}
