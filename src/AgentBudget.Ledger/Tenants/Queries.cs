using System.Globalization;
using AgentBudget.Ledger.Approvals;
using AgentBudget.Ledger.Budgets;
using AgentBudget.Ledger.Credentials;
using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Sessions;
using AgentBudget.Protocol.V1;
using Dispute = AgentBudget.Ledger.Disputes.Dispute;

namespace AgentBudget.Ledger.Tenants;

/// <summary>What is read in a turn. Changes nothing; reads never expire anything.</summary>
internal static class Queries
{
    /// <summary>Sessions in one page where the request says nothing.</summary>
    internal const int PageSizeDefault = 100;

    /// <summary>Sessions in one page at most.</summary>
    internal const int PageSizeMax = 1000;

    public static Answer Balance(TenantLedger ledger, BalanceQuery query)
    {
        var response = new GetBalanceResponse();
        if (query.Session > 0)
        {
            if (ledger.FindSession(query.Session) is not { } session) return new Answer(Outcome.SessionNotFound);
            foreach (Account account in session.Path) response.Grains.Add(ToMessage(account, ledger.Catalog.Currency));
            foreach (ModelAccount family in session.Families)
                response.Grains.Add(ToMessage(family, ledger.Catalog.Currency));
            return new Answer(Outcome.Done, View: response);
        }

        Account? asked = Find(ledger, query.Account);
        if (asked is null) return new Answer(Outcome.GrainNotFound);
        response.Grains.Add(ToMessage(asked, ledger.Catalog.Currency));
        if (asked is not SessionAccount)
        {
            foreach (ModelAccount family in asked.Families)
                response.Grains.Add(ToMessage(family, ledger.Catalog.Currency));
        }

        return new Answer(Outcome.Done, View: response);
    }

    public static Answer Session(TenantLedger ledger, SessionQuery query) =>
        ledger.FindSession(query.Session) is { } session
            ? new Answer(
                Outcome.Done, View: new GetSessionResponse { Session = session.ToMessage(ledger.Catalog.Currency) })
            : new Answer(Outcome.SessionNotFound);

    public static Answer Sessions(TenantLedger ledger, SessionsQuery query)
    {
        ListSessionsRequest request = query.Request;
        int pageSize = request.PageSize == 0 ? PageSizeDefault : Math.Min(request.PageSize, PageSizeMax);
        long below = request.PageToken.Length == 0 ? long.MaxValue : long.Parse(request.PageToken);
        bool isCredential = Names.TryParseCredential(request.Credential, out long credential);
        SessionAccount[] page = ledger.Sessions.Values
            .Where(session => session.Number < below && ledger.IsKnown(session))
            .Where(session => request.Agent.Length == 0 || session.Agent.Name == request.Agent)
            .Where(session => request.UseCase.Length == 0 || session.UseCase.Name == request.UseCase)
            .Where(session => request.State == default || session.State == request.State)
            .Where(session => query.Owned is not { } owned
                || owned.Contains(session.Agent.Name)
                || owned.Contains(session.UseCase.Name)
                || owned.Contains(session.BusinessUnit.Name))
            .Where(session => query.User.Length == 0 || session.Spender.OnBehalfOf == query.User)
            .Where(session => request.OnBehalfOf.Length == 0 || session.Spender.OnBehalfOf == request.OnBehalfOf)
            .Where(session => request.Credential.Length == 0
                || (isCredential && session.Opened.Credentials.Contains(credential)))
            .OrderByDescending(session => session.Number)
            .Take(pageSize + 1)
            .ToArray();
        var response = new ListSessionsResponse();
        foreach (SessionAccount session in page.Take(pageSize))
            response.Sessions.Add(session.ToMessage(ledger.Catalog.Currency));
        if (page.Length > pageSize) response.NextPageToken = $"{page[pageSize - 1].Number}";
        return new Answer(Outcome.Done, View: response);
    }

    public static Answer Credential(TenantLedger ledger, CredentialQuery query) =>
        ledger.Credentials.Find(query.Credential, ledger.Now) is { } credential
            ? new Answer(Outcome.Done, View: credential.ToMessage(ledger.TenantId, ledger.Now))
            : new Answer(Outcome.CredentialNotFound);

    public static Answer Credentials(TenantLedger ledger, CredentialsQuery query)
    {
        ListCredentialsRequest request = query.Request;
        int pageSize = request.PageSize == 0 ? PageSizeDefault : Math.Min(request.PageSize, PageSizeMax);
        long above = request.PageToken.Length == 0 ? 0 : long.Parse(request.PageToken);
        CredentialRecord[] page = ledger.Credentials.All
            .Where(credential => credential.Number > above)
            .Where(credential => ledger.Credentials.Find(credential.Number, ledger.Now) is not null)
            .Where(credential => request.Principal.Length == 0 || credential.Principal == request.Principal)
            .Where(credential => request.State == default || credential.StateAt(ledger.Now) == request.State)
            .Take(pageSize + 1)
            .ToArray();
        var response = new ListCredentialsResponse();
        foreach (CredentialRecord credential in page.Take(pageSize))
            response.Credentials.Add(credential.ToMessage(ledger.TenantId, ledger.Now));
        if (page.Length > pageSize) response.NextPageToken = $"{page[pageSize - 1].Number}";
        return new Answer(Outcome.Done, View: response);
    }

    public static Answer CredentialBook(TenantLedger ledger) => new(
        Outcome.Done,
        View: ledger.Credentials.ToState(ledger.Sequence)
            ?? new Protocol.Snapshot.V1.CredentialBookState { Sequence = ledger.Sequence });

    public static Answer Disputes(TenantLedger ledger, DisputesQuery query)
    {
        ListDisputesRequest request = query.Request;
        int pageSize = request.PageSize == 0 ? PageSizeDefault : Math.Min(request.PageSize, PageSizeMax);
        bool isPage = long.TryParse(request.PageToken, NumberStyles.None, CultureInfo.InvariantCulture, out long above);
        if (!isPage) above = 0;
        Dispute[] page = [.. ledger.Disputes.Values.Where(dispute => dispute.Number > above).Take(pageSize + 1)];
        var response = new ListDisputesResponse();
        foreach (Dispute dispute in page.Take(pageSize))
            response.Disputes.Add(dispute.ToMessage(ledger.Catalog.Currency));
        if (page.Length > pageSize)
            response.NextPageToken = page[pageSize - 1].Number.ToString(CultureInfo.InvariantCulture);
        return new Answer(Outcome.Done, View: response);
    }

    public static Answer ExtensionRequest(TenantLedger ledger, ExtensionRequestQuery query) =>
        ledger.FindExtension(query.Name) is { } asked && ExtensionBook.IsSeen(asked, query.Sight)
            ? new Answer(Outcome.Done, View: asked.ToMessage(ledger.Catalog.Currency))
            : new Answer(Outcome.ExtensionRequestNotFound);

    public static Answer ExtensionRequests(TenantLedger ledger, ExtensionRequestsQuery query)
    {
        ListExtensionRequestsRequest request = query.Request;
        int pageSize = request.PageSize == 0 ? PageSizeDefault : Math.Min(request.PageSize, PageSizeMax);
        bool isPage = long.TryParse(request.PageToken, NumberStyles.None, CultureInfo.InvariantCulture, out long below);
        if (!isPage) below = long.MaxValue;
        ExtensionAsked[] page = ledger.KnownExtensions
            .Where(asked => asked.Number < below && ExtensionBook.IsSeen(asked, query.Sight))
            .Where(asked => request.Grain.Length == 0 || asked.Asked.Grain == request.Grain)
            .Where(asked => request.State == default || asked.State == request.State)
            .Reverse()
            .Take(pageSize + 1)
            .ToArray();
        var response = new ListExtensionRequestsResponse();
        foreach (ExtensionAsked asked in page.Take(pageSize))
            response.ExtensionRequests.Add(asked.ToMessage(ledger.Catalog.Currency));
        if (page.Length > pageSize)
            response.NextPageToken = page[pageSize - 1].Number.ToString(CultureInfo.InvariantCulture);
        return new Answer(Outcome.Done, View: response);
    }

    public static Answer Catalog(TenantLedger ledger)
    {
        CatalogApplied applied = ledger.Catalog.Applied;
        return new Answer(Outcome.Done, View: new GetCatalogResponse
        {
            Catalog = applied.Catalog,
            Document = applied.Document,
            Format = applied.Format,
            Version = ledger.Catalog.Version,
        });
    }

    public static Answer SpendSnapshot(TenantLedger ledger, SpendSnapshotQuery query)
    {
        SpendFilter filter = query.Filter;
        var snapshot = new SpendSnapshot { Sequence = ledger.Sequence };
        string[] names = [filter.Session, filter.Agent, filter.UseCase, filter.BusinessUnit];
        foreach (string name in names.Where(name => name.Length > 0))
        {
            if (Find(ledger, name) is { } account) snapshot.Grains.Add(ToMessage(account, ledger.Catalog.Currency));
        }

        if (names.All(name => name.Length == 0)) snapshot.Grains.Add(ToMessage(ledger.Tenant, ledger.Catalog.Currency));
        return new Answer(Outcome.Done, View: snapshot);
    }

    /// <summary>The first window of an account, the others with it.</summary>
    public static GrainBalance ToMessage(Account account, string currency)
    {
        GrainBalance balance = ToMessage(account.Window, currency);
        foreach (Window window in account.Windows[1..]) balance.Windows.Add(ToMessage(window, currency));
        return balance;
    }

    public static GrainBalance ToMessage(Window window, string currency)
    {
        var balance = new GrainBalance
        {
            Grain = window.Account,
            Window = window.Name,
            Settled = MoneyMath.ToMoney(window.SettledNanos, currency),
            Held = MoneyMath.ToMoney(window.HeldNanos, currency),
            Overrun = MoneyMath.ToMoney(window.OverrunNanos, currency),
            SettledTokens = WideSum.Capped(window.SettledTokens),
            HeldTokens = WideSum.Capped(window.HeldTokens),
            Tier = window.ReachedTier(),
            ResetTime = LogTime.ToOptionalTimestamp(window.PeriodEndNanos),
            Carried = window.CarriedNanos == 0 ? null : MoneyMath.ToMoney(window.CarriedNanos, currency),
            CarriedTokens = window.CarriedTokens,
        };
        if (window.DisputedNanos > 0) balance.Disputed = MoneyMath.ToMoney(window.DisputedNanos, currency);
        balance.DisputedTokens = WideSum.Capped(window.DisputedTokens);
        if (window.LimitNanos != Window.Unlimited)
        {
            balance.Limit = MoneyMath.ToMoney(window.LimitNanos, currency);
            balance.HardCap = MoneyMath.ToMoney(window.HardCapNanos, currency);
            balance.Available = MoneyMath.ToMoney(window.AvailableNanos, currency);
        }

        if (window.LimitTokens != Window.Unlimited)
        {
            balance.LimitTokens = window.LimitTokens;
            balance.AvailableTokens = window.AvailableTokens;
        }

        return balance;
    }

    private static Account? Find(TenantLedger ledger, string name)
    {
        if (Names.TryParseSession(name, out long number)) return ledger.FindSession(number);
        return ledger.Accounts.TryGetValue(name, out Account? account) ? account : null;
    }
}
