using AgentBudget.Ledger.Budgets;
using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Requests;
using AgentBudget.Ledger.Sessions;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Approvals;

/// <summary>
/// Whoever is refused at a cap asks for more: a session for an account on its path, others for any that is theirs.
/// Nothing changes until somebody decides.
/// </summary>
internal static class RequestExtension
{
    /// <summary>A request waits for an answer for this long (7 days), and no longer than it asks for.</summary>
    internal const long AnswerNanos = 7 * 24 * 60 * 60 * LogTime.NanosPerSecond;

    /// <summary>Requests that a tenant remembers, about 1 KiB each.</summary>
    internal const int RequestsMax = 10_000;

    /// <summary>
    /// Of these, what one principal asks at most: whoever asks without end leaves room for others, and for whoever
    /// reads them.
    /// </summary>
    internal const int RequestsOfPrincipalMax = 1_000;

    /// <summary>
    /// Of these, what it asks at most for one agent and user: what a gateway is asked by one of its callers takes
    /// nothing from the others.
    /// </summary>
    internal const int RequestsOfOneMax = 100;

    public static Answer Handle(TenantLedger ledger, RequestExtensionCommand command)
    {
        RequestExtensionRequest request = command.Request;
        AskedRequest asked = AskedBy(command);
        SessionAccount? session = null;
        if (command.Session > 0)
        {
            session = ledger.FindSession(command.Session);
            if (session is null) return new Answer(Outcome.SessionNotFound);
            if (session.TryAnswer(asked, out Answer before)) return before;
            if (!session.IsOpen) return new Answer(Outcome.SessionNotOpen);
        }
        else if (ledger.TryAnswer(asked, out Answer again)) return again;

        if (session is not null && !IsOnPath(session, request.Grain)) return new Answer(Outcome.GrainNotFound);
        if (ledger.Catalog.CurrencyFault(request.Amount, "amount") is { } fault)
            return new Answer(Outcome.CurrencyInvalid, Faults: [fault]);
        bool concernsMoney = request.Amount is not null;
        Outcome found = Extend.FindWindow(ledger, request.Grain, request.Window, concernsMoney, out Window window);
        if (found != Outcome.Done) return new Answer(found);
        if (!Extend.IsTimely(ledger, request.ExpireTime)) return new Answer(Outcome.TimeInvalid);
        var amount = new Spend(concernsMoney ? MoneyMath.ToNanos(request.Amount!) : 0, request.AmountTokens);
        if (!Extend.MayAdd(window, amount)) return new Answer(Outcome.AmountOverflow);
        if (FindFullBound(ledger, asked.Principal, session, window) is { } full)
            return new Answer(Outcome.BoundReached, Faults: [full]);

        LedgerEvent ledgerEvent =
            session is null ? asked.NewEvent(command.Asker) : asked.NewEvent(session.Spender);
        ledgerEvent.ExtensionRequested = new ExtensionRequested
        {
            Grain = window.Account,
            Window = window.Name,
            Nanos = amount.CostNanos,
            Tokens = amount.Tokens,
            ExpireTime = request.ExpireTime,
            Reason = request.Reason,
            AnswerByTime = LogTime.ToTimestamp(AnswerBy(ledger, request)),
        };
        ledger.Emit(ledgerEvent, session);
        AutomaticApproval.Answer(ledger, ledger.Extensions.All[ledgerEvent.Sequence], session, window);
        return new Answer(Outcome.Done, ledgerEvent);
    }

    public static void Apply(TenantLedger ledger, LedgerEvent ledgerEvent) => ledger.Add(
        new ExtensionAsked(ledgerEvent, Principals.Of(ledgerEvent), ledger.LogTimeNanos));

    // What waits for another session is no business of this one.
    private static Fault? FindFullBound(
        TenantLedger ledger, string principal, SessionAccount? session, Window window)
    {
        ExtensionAsked[] known = [.. ledger.KnownExtensions];
        ExtensionAsked[] own = [.. known.Where(asked => asked.Principal == principal)];
        int ofOne = own.Count(asked =>
            asked.Spender?.Agent == session?.Spender.Agent
            && asked.Spender?.OnBehalfOf == session?.Spender.OnBehalfOf);
        ExtensionAsked? same = own.FirstOrDefault(asked =>
            asked.IsPending && asked.Spender?.Session == session?.Name
            && asked.Asked.Grain == window.Account && asked.Asked.Window == window.Name);
        string? full = same is not null ? $"{Names.ExtensionRequest(same.Number)} of yours waits for this window"
            : ofOne >= RequestsOfOneMax ? $"{principal} has asked {RequestsOfOneMax} times within 24 hours"
            : own.Length >= RequestsOfPrincipalMax
                ? $"{principal} has asked {RequestsOfPrincipalMax} times within 24 hours for all of its callers"
            : known.Length >= RequestsMax ? $"the tenant has {RequestsMax} that wait or were answered within 24 hours"
            : null;
        return full is null ? null : new Fault("extension_requests", full);
    }

    private static long AnswerBy(TenantLedger ledger, RequestExtensionRequest request)
    {
        long answerBy = ledger.Now + AnswerNanos;
        return request.ExpireTime is null ? answerBy : Math.Min(answerBy, LogTime.FromTimestamp(request.ExpireTime));
    }

    // The session itself has no budget in the catalog, and what is not on its path is not there for it.
    private static bool IsOnPath(SessionAccount session, string grain)
    {
        foreach (Account account in session.Path)
        {
            if (account.Name == grain) return true;
        }

        return Array.Exists(session.Families, family => family.Name == grain);
    }

    private static AskedRequest AskedBy(RequestExtensionCommand command)
    {
        RequestExtensionRequest request = command.Request;
        return new ContentHash(Operation.RequestExtension)
            .Add(command.Session)
            .Add(request.Grain)
            .Add(request.Window)
            .Add(request.Amount)
            .Add(request.AmountTokens)
            .Add(request.ExpireTime)
            .Add(request.Reason)
            .Of(command.Session > 0 ? command.Asker : Principals.OfActor(command.Asker), request.RequestId);
    }
}
