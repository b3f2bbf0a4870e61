using AgentBudget.Protocol.V1;

namespace AgentBudget.Audit;

/// <summary>Requests for more than a budget has, and their answers.</summary>
internal static class ExtensionAudit
{
    // What a request waits for an answer at most (7 days).
    private static readonly Int128 AnswerTime = 7 * AuditState.Retention;

    // A month of 31 days, and the hour that a clock change adds.
    private static readonly Int128 MonthMax = (31 * AuditState.Retention) + AuditNumbers.Hour;

    // What one principal asks within the retention, and what it asks of that for one agent and user.
    private const int AskedOfPrincipalMax = 1_000;
    private const int AskedOfOneMax = 100;

    /// <summary>A request.</summary>
    /// <param name="state">The state.</param>
    /// <param name="session">The session that needs it; null where none does.</param>
    /// <param name="ledgerEvent">Its event.</param>
    public static void Ask(AuditState state, AuditSession? session, LedgerEvent ledgerEvent)
    {
        ExtensionRequested asked = ledgerEvent.ExtensionRequested;
        AuditAccount window = state.WindowOf(asked.Grain, asked.Window);
        if (!window.IsInCatalog || !window.HasLimit)
            state.Find(AuditRule.Approval, $"{asked.Grain} has no budget in the catalog that could be extended");
        if (session is not null && !IsOnPath(session, asked.Grain))
            state.Find(AuditRule.Approval, $"{asked.Grain} is not on the path of {session.Spender.Session}");
        if (session is { IsOpen: false })
            state.Find(AuditRule.Approval, $"{session.Spender.Session} is over and asks for more");
        bool isOneKind = asked.Nanos > 0 ? asked.Tokens == 0 : asked is { Nanos: 0, Tokens: > 0 };
        if (!isOneKind) state.Find(AuditRule.Approval, "it asks for neither money nor tokens, or for both");
        Int128? until = AuditNumbers.OptionalNanosOf(asked.ExpireTime);
        Int128 answerBy = state.Now + AnswerTime;
        if (until < answerBy) answerBy = until.Value;
        if (until <= state.Now) state.Find(AuditRule.Approval, "it is over before it begins");
        if (AuditNumbers.OptionalNanosOf(asked.AnswerByTime) != answerBy)
            state.Find(AuditRule.Approval, $"it is to be answered by {AuditNumbers.Show(answerBy)}");
        Remember(state, new AuditExtension(ledgerEvent, session, AuditPrincipals.Of(ledgerEvent), answerBy));
    }

    /// <summary>An answer.</summary>
    public static void Decide(AuditState state, LedgerEvent ledgerEvent)
    {
        ExtensionDecided decided = ledgerEvent.ExtensionDecided;
        if (!state.Extensions.TryGetValue(decided.ExtensionRequest, out AuditExtension? extension)
            || extension.DecidedAt is not null)
        {
            state.Find(AuditRule.Approval, $"x{decided.ExtensionRequest} is no request that waits");
            return;
        }

        extension.DecidedAt = state.Now;
        if (!Equals(extension.Spender, ledgerEvent.Spender))
            state.Find(AuditRule.Approval, $"x{decided.ExtensionRequest} is of another spender");
        bool isExpired = decided.Decision == ExtensionState.Expired;
        if (isExpired ? extension.AnswerBy != state.Now : extension.AnswerBy < state.Now)
        {
            string answerBy = AuditNumbers.Show(extension.AnswerBy);
            state.Find(AuditRule.Approval, $"x{decided.ExtensionRequest} expires at {answerBy}, and that alone then");
        }

        bool isApproved = decided.Decision == ExtensionState.Approved;
        if (!isApproved && !isExpired && decided.Decision != ExtensionState.Refused)
            state.Find(AuditRule.Approval, $"{decided.Decision} is no answer");
        var granted = new AuditAmount(decided.Nanos, decided.Tokens);
        if (isApproved != (decided.Extended is not null) || isApproved == (granted == default))
            state.Find(AuditRule.Approval, "an approval, and nothing else, extends the budget");
        if (decided.MonthEndTime is not null) CheckRule(state, extension, decided);
        if (decided.Extended is not null) Extend(state, extension.Asked, granted, decided.Extended);
        if (decided.MonthEndTime is not null) CountMonth(state, extension, decided, granted);
    }

    /// <summary>Requests that should have expired by now.</summary>
    public static void CheckOverdue(AuditState state)
    {
        foreach ((long number, AuditExtension extension) in state.Extensions)
        {
            if (extension.DecidedAt is null && extension.AnswerBy < state.Now)
                state.Find(
                    AuditRule.Approval, $"x{number} should have expired at {AuditNumbers.Show(extension.AnswerBy)}");
        }
    }

    private static void Extend(
        AuditState state, ExtensionRequested asked, AuditAmount granted, BudgetExtended extended)
    {
        AuditAccount window = state.WindowOf(extended.Grain, extended.Window);
        AuditAmount before = window.Extension;
        bool isAsked = extended.Grain == asked.Grain && extended.Window == asked.Window
            && (granted.Nanos > 0 == asked.Nanos > 0) && (granted.Tokens > 0 == asked.Tokens > 0);
        if (!isAsked) state.Find(AuditRule.Approval, "it extends another budget than was asked for");
        if (new AuditAmount(extended.ExtensionNanos, extended.ExtensionTokens) != before + granted)
            state.Find(AuditRule.Approval, $"{before} and {granted} are granted, and it extends by something else");
        BudgetAudit.Extend(state, extended);
    }

    // The catalog's rule grants to the end of the period, beside nothing that ends otherwise or was lowered, and to
    // nobody who is suspended.
    private static void CheckRule(AuditState state, AuditExtension extension, ExtensionDecided decided)
    {
        AuditAccount window = state.WindowOf(extension.Asked.Grain, extension.Asked.Window);
        bool isOther = extension.Asked.ExpireTime is not null || decided.Extended?.ExpireTime is not null
            || window.ExtensionEnd is not null;
        if (isOther) state.Find(AuditRule.Approval, "a rule grants what does not end with the period");
        if (window.Extension.Nanos < 0 || window.Extension.Tokens < 0)
            state.Find(AuditRule.Approval, $"a rule raises {window.Name}, which was lowered");
        if (extension.Session is not { } session) return;
        foreach (AuditSession owner in session.Lineage)
        {
            string agent = owner.Spender.Agent;
            bool isStopped = owner.State != Session.Types.State.Open || state.Suspended.Contains(agent)
                || state.Decommissioned.Contains(agent)
                || state.Suspended.Contains(BreakerAudit.UserOf(agent, owner.Spender.OnBehalfOf));
            if (isStopped)
                state.Find(AuditRule.Approval, $"a rule approves for {owner.Spender.Session}, which is stopped");
        }
    }

    // The catalog's rule approves no more of a window within a month than it says.
    private static void CountMonth(
        AuditState state, AuditExtension extension, ExtensionDecided decided, AuditAmount granted)
    {
        AuditAccount window = state.WindowOf(extension.Asked.Grain, extension.Asked.Window);
        Int128 end = AuditNumbers.NanosOf(decided.MonthEndTime);
        (AuditAmount before, Int128 endBefore) = state.AutoApproved.GetValueOrDefault((window.Name, window.Window));
        bool isSameMonth = endBefore > state.Now;
        if (!isSameMonth) before = default;
        if (isSameMonth ? end != endBefore : end <= state.Now || end > state.Now + MonthMax)
            state.Find(AuditRule.Approval, $"its month cannot end at {AuditNumbers.Show(end)}");
        AuditAmount all = before + granted;
        if (all.Nanos > window.AutoApproval.Nanos || all.Tokens > window.AutoApproval.Tokens)
        {
            state.Find(
                AuditRule.Approval,
                $"{all} of {window.Name} are approved in a month by a rule that allows {window.AutoApproval}");
        }

        state.AutoApproved[(window.Name, window.Window)] = (all, end);
    }

    private static void Remember(AuditState state, AuditExtension extension)
    {
        foreach ((long number, AuditExtension known) in state.Extensions.ToArray())
        {
            if (known.DecidedAt + AuditState.Retention <= state.Now) state.Extensions.Remove(number);
        }

        AuditExtension[] own =
            [.. state.Extensions.Values.Where(known => known.Principal == extension.Principal)];
        int ofOne = own.Count(known => known.Spender?.Agent == extension.Spender?.Agent
            && known.Spender?.OnBehalfOf == extension.Spender?.OnBehalfOf);
        if (ofOne >= AskedOfOneMax || own.Length >= AskedOfPrincipalMax)
            state.Find(AuditRule.Approval, $"{extension.Principal} asks {own.Length + 1} times in a day");
        bool waitsAlready = own.Any(known => known.DecidedAt is null
            && known.Spender?.Session == extension.Spender?.Session
            && known.Asked.Grain == extension.Asked.Grain && known.Asked.Window == extension.Asked.Window);
        if (waitsAlready) state.Find(AuditRule.Approval, $"{extension.Principal} asks again before it is answered");
        state.Extensions[state.Sequence] = extension;
    }

    private static bool IsOnPath(AuditSession session, string grain) =>
        session.Path.Concat(session.Families).Any(account => account.Name == grain);
}

/// <summary>A request for more.</summary>
internal sealed class AuditExtension(
    LedgerEvent ledgerEvent, AuditSession? session, string principal, Int128 answerBy)
{
    /// <summary>The session that asked; null where none did.</summary>
    public AuditSession? Session { get; } = session;

    public ExtensionRequested Asked { get; } = ledgerEvent.ExtensionRequested;

    public Spender? Spender { get; } = ledgerEvent.Spender;

    public string Principal { get; } = principal;

    public Int128 AnswerBy { get; } = answerBy;

    /// <summary>When it was answered; null while it waits.</summary>
    public Int128? DecidedAt { get; set; }
}
