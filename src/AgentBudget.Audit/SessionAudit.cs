using AgentBudget.Protocol.V1;
using State = AgentBudget.Protocol.V1.Session.Types.State;

namespace AgentBudget.Audit;

/// <summary>The life of a session: open, over, closed.</summary>
internal static class SessionAudit
{
    // After its end, calls in flight can still commit their holds for this long (30 s).
    private static readonly Int128 Grace = (Int128)30 * AuditNumbers.NanosPerUnit;

    public static void Open(AuditState state, LedgerEvent ledgerEvent)
    {
        Spender spender = ledgerEvent.Spender ?? new Spender();
        SessionOpened opened = ledgerEvent.SessionOpened;
        string name = $"sessions/s{ledgerEvent.Sequence}";
        if (spender.Session != name)
            state.Find(AuditRule.SessionPath, $"its session is called '{spender.Session}' and should be {name}");
        UseCase? useCase = state.UseCases.GetValueOrDefault(spender.UseCase);
        AuditAgent? agent = state.Agents.GetValueOrDefault(spender.Agent);
        AuditAccount[] above =
        [
            state.GetOrAddAccount(spender.Agent), state.GetOrAddAccount(spender.UseCase),
            state.GetOrAddAccount(spender.BusinessUnit), state.Tenant,
        ];
        CheckPath(state, spender, above, agent, useCase);
        IdentityAudit.CheckActive(state, spender);
        agent ??= new AuditAgent(new Agent());
        AuditSession? parent = RunAudit.ParentOf(state, spender, opened);
        CheckScope(state, opened, agent);
        IdentityAudit.CheckBinding(state, opened, parent);
        IdentityAudit.CheckUser(state, spender, opened);
        CheckTimes(state, opened, agent);
        if (parent is null) TagAudit.CheckDeclared(state, opened.Tags);
        var session = new AuditSession(spender, opened, parent, agent, useCase ?? new UseCase(), above);
        if (parent is not null) RunAudit.Open(state, parent, spender, opened);
        // In journals of former releases every agent may delegate to all others, and none has a share.
        if (ledgerEvent.RequestHash is not null)
        {
            if (parent is not null) RunAudit.CheckDelegates(state, parent, spender);
            IdentityAudit.CheckOrigin(state, spender, opened, parent);
            ShareAudit.Open(state, session);
        }

        RunAudit.Count(session);
        PartAudit.Open(state, session);
        state.Add(session);
    }

    public static void Renew(AuditState state, AuditSession session, SessionRenewed renewed)
    {
        CheckOpen(state, session);
        Int128 expire = renewed.ExpireTime is null ? 0 : AuditNumbers.NanosOf(renewed.ExpireTime);
        bool isWithin = expire > state.Now && expire <= session.LifetimeEndNanos
            && expire <= state.Now + session.Agent.TtlNanos;
        if (!isWithin)
        {
            state.Find(
                AuditRule.SessionTime,
                $"it moves the expiry to {AuditNumbers.Show(expire)}, beyond the agent's time or the lifetime, which "
                + $"ends at {AuditNumbers.Show(session.LifetimeEndNanos)}");
        }

        RunAudit.CheckExpiry(state, session.Parent, expire);
        CheckView(state, session, renewed.Session);
        session.ExpireNanos = expire;
    }

    public static void End(AuditState state, AuditSession session, SessionEnded ended)
    {
        CheckOpen(state, session);
        bool isDue = state.Now >= session.ExpireNanos;
        if (ended.State is State.Unspecified or State.Open or State.Suspended)
            state.Find(AuditRule.SessionOver, $"{ended.State} is no end of a session");
        else if (!RunAudit.EndsFromAbove(state, session, ended) && isDue != (ended.State == State.Expired))
        {
            state.Find(
                AuditRule.SessionTime,
                $"{session.Spender.Session} expires at {AuditNumbers.Show(session.ExpireNanos)}, and here it is "
                + ended.State);
        }

        bool isWithAgent = session.EndsWithName.StartsWith("agents/", StringComparison.Ordinal);
        Int128? graceEnd = AuditNumbers.OptionalNanosOf(ended.GraceEndTime);
        if (graceEnd != state.Now + (isWithAgent ? 0 : Grace))
        {
            state.Find(
                AuditRule.SessionTime,
                $"its grace ends at {AuditNumbers.Show(graceEnd)} and should end "
                + (isWithAgent ? "at once" : "after 30 s"));
        }

        CheckView(state, session, ended.Session);
        RunAudit.End(state, session);
        state.End(session);
        session.State = ended.State is State.Open or State.Suspended ? State.Ended : ended.State;
        session.GraceEndNanos = graceEnd ?? state.Now;
        session.Outcome = ended.Outcome;
    }

    public static void Suspend(AuditState state, AuditSession session, SessionSuspended suspended)
    {
        CheckView(state, session, suspended.Session);
        BreakerAudit.Suspend(state, session);
    }

    public static void Resume(AuditState state, AuditSession session, SessionResumed resumed)
    {
        CheckView(state, session, resumed.Session);
        BreakerAudit.Resume(state, session);
    }

    public static void ResetBreaker(AuditState state, AuditSession session, BreakerReset reset)
    {
        CheckView(state, session, reset.Session);
        BreakerAudit.Reset(state, session, reset);
    }

    public static void Close(AuditState state, AuditSession session, SessionClosed closed)
    {
        if (session.IsOpen || session.IsClosed)
        {
            string was = session.IsClosed ? "is closed already" : "has not ended";
            state.Find(AuditRule.SessionOver, $"{session.Spender.Session} {was}");
        }
        else if (state.Now < session.GraceEndNanos)
        {
            state.Find(AuditRule.SessionTime, $"its grace lasts until {AuditNumbers.Show(session.GraceEndNanos)}");
        }

        CheckReleased(state, session, closed);
        if (state.IsEventClean) CheckTotals(state, session, closed);
        foreach (long number in session.OpenHolds.ToArray()) state.GiveBack(number, state.Holds[number]);
        session.IsClosed = true;
        state.Retain(session);
    }

    private static void CheckTotals(AuditState state, AuditSession session, SessionClosed closed)
    {
        (string Name, Int128 Is, Int128 Says)[] totals =
        [
            (
                "settled money",
                session.Own.Lifetime.Nanos,
                AuditNumbers.Sum(closed.SettledNanos, closed.SettledNanosHigh)),
            (
                "settled tokens",
                session.Own.Lifetime.Tokens,
                AuditNumbers.Sum(closed.SettledTokens, closed.SettledTokensHigh)),
            ("steps", session.Steps, closed.Steps),
            ("refused calls", session.Refused, closed.Refused),
            ("subagents", session.Subagents, closed.Subagents),
        ];
        CheckNumbers(state, session, totals);
        if (!Equals(closed.Outcome, session.Outcome))
            state.Find(
                AuditRule.SessionTotals, $"its outcome is not the one that {session.Spender.Session} ended with");
    }

    private static void CheckPath(
        AuditState state, Spender spender, AuditAccount[] above, AuditAgent? agent, UseCase? useCase)
    {
        if (Array.Find(above, account => !account.IsInCatalog) is { } absent)
            state.Find(AuditRule.SessionPath, $"'{absent.Name}' is not in the catalog");
        else if (agent is null || useCase is null || !agent.WorksFor(useCase.Id))
            state.Find(AuditRule.SessionPath, $"{spender.Agent} may not work for {spender.UseCase}");
        else if (spender.BusinessUnit != "businessUnits/" + useCase.BusinessUnit)
            state.Find(AuditRule.SessionPath, $"{spender.UseCase} is not paid by {spender.BusinessUnit}");
    }

    private static void CheckScope(AuditState state, SessionOpened opened, AuditAgent agent)
    {
        if (opened.Tools.FirstOrDefault(tool => !agent.Tools.Covers(tool)) is { } tool)
            state.Find(AuditRule.SessionScope, $"tool '{tool}' is outside the agent's scope");
        if (opened.Models.FirstOrDefault(model => !agent.Models.Covers(model)) is { } model)
            state.Find(AuditRule.SessionScope, $"model '{model}' is outside the agent's scope");
        AuditCeilings own = AuditCeilings.From(opened.Ceilings);
        if (own != AuditCeilings.Min(own, agent.Ceilings))
            state.Find(AuditRule.SessionScope, "its ceilings are above the agent's");
    }

    private static void CheckTimes(AuditState state, SessionOpened opened, AuditAgent agent)
    {
        Int128? expire = AuditNumbers.OptionalNanosOf(opened.ExpireTime);
        Int128? lifetimeEnd = AuditNumbers.OptionalNanosOf(opened.LifetimeEndTime);
        bool isWithin = expire > state.Now && expire <= lifetimeEnd && expire <= state.Now + agent.TtlNanos
            && lifetimeEnd <= state.Now + agent.LifetimeNanos;
        if (isWithin) return;
        state.Find(
            AuditRule.SessionTime,
            $"it expires at {AuditNumbers.Show(expire)} and lives to {AuditNumbers.Show(lifetimeEnd)}, beyond the "
            + "agent's times");
    }

    private static void CheckOpen(AuditState state, AuditSession session)
    {
        if (!session.IsOpen) state.Find(AuditRule.SessionOver, $"{session.Spender.Session} is {session.State} already");
    }

    private static void CheckReleased(AuditState state, AuditSession session, SessionClosed closed)
    {
        AuditAmount held = default;
        foreach (long number in session.OpenHolds) held += state.Holds[number].Held;
        var released = new AuditAmount(
            AuditNumbers.Sum(closed.ReleasedNanos, closed.ReleasedNanosHigh),
            AuditNumbers.Sum(closed.ReleasedTokens, closed.ReleasedTokensHigh));
        bool areAll = closed.Released.Count == session.OpenHolds.Count && session.OpenHolds.SetEquals(closed.Released);
        if (!areAll)
            state.Find(
                AuditRule.SessionReleased,
                $"{session.OpenHolds.Count} holds are open, and it releases {closed.Released.Count} or others");
        else if (released != held)
            state.Find(AuditRule.SessionReleased, $"{held} are held, and it releases {released}");
    }

    // The session as it is shown in the record of a change.
    private static void CheckView(AuditState state, AuditSession session, Session? view)
    {
        if (!state.IsEventClean) return;
        view ??= new Session();
        if (!Equals(view.Confirmation, session.Opened.Confirmation))
            state.Find(AuditRule.SessionTotals, "its token is bound to something else than it was opened with");
        if (view.UserProof != session.Opened.UserProof)
            state.Find(AuditRule.SessionTotals, "it knows its user otherwise than it was opened with");
        AuditAmount settled = AuditNumbers.Of(view.Settled);
        AuditAmount held = AuditNumbers.Of(view.Held);
        CheckNumbers(
            state,
            session,
            [
                ("settled money", session.Own.Lifetime.Nanos, settled.Nanos),
                ("settled tokens", AuditNumbers.Shown(session.Own.Lifetime.Tokens), settled.Tokens),
                ("held money", session.Own.Held.Nanos, held.Nanos),
                ("held tokens", AuditNumbers.Shown(session.Own.Held.Tokens), held.Tokens),
                ("steps", session.Steps, view.Steps),
            ]);
    }

    private static void CheckNumbers(
        AuditState state, AuditSession session, ReadOnlySpan<(string Name, Int128 Is, Int128 Says)> numbers)
    {
        foreach ((string name, Int128 value, Int128 said) in numbers)
        {
            if (value == said) continue;
            state.Find(AuditRule.SessionTotals, $"{name} of {session.Spender.Session} is {value}, and it says {said}");
            return;
        }
    }
}
