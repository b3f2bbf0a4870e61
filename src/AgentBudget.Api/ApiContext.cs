using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using AgentBudget.Api.Access;
using AgentBudget.Api.Budgets.Providers;
using AgentBudget.Api.Errors;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Grains.Abstractions.Peers;
using AgentBudget.Identity;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Api;

/// <summary>What every service works with.</summary>
internal sealed class ApiContext(
    ITenantHost host,
    SessionTokens tokens,
    CredentialFeed credentials,
    ReservationIds reservations,
    ISiloPeers peers,
    ReportMeter reports)
{
    /// <summary>Reports that are read from whole ledgers at once: each takes a core in part, and the disk.</summary>
    internal const int WholeReadsMax = 16;

    /// <summary>Those of one tenant: it leaves the others half.</summary>
    internal const int WholeReadsOfOneMax = 8;

    // A tenant's currency never changes, so what was read once stays true. As many entries as tenants.
    private readonly ConcurrentDictionary<string, string> _currencies = new(StringComparer.Ordinal);

    internal ITenantHost Host => host;

    internal SessionTokens Tokens => tokens;

    internal CredentialFeed Credentials => credentials;

    internal ReservationIds Reservations => reservations;

    /// <summary>Reports that are read from whole ledgers now.</summary>
    internal SharedRoom WholeReads { get; } = new(WholeReadsMax, WholeReadsOfOneMax);

    internal ReportMeter Reports => reports;

    internal CallerScope Callers { get; } = new(host, tokens);

    /// <summary>
    /// Hands a command to its tenant and answers what it did; every other outcome is thrown as an error.
    /// </summary>
    /// <param name="tenant">The tenant's id.</param>
    /// <param name="command">The command.</param>
    /// <param name="hide">
    /// For a caller who may not learn of an outcome: the one that it is told instead.
    /// </param>
    internal async ValueTask<Answer> SubmitAsync(string tenant, Command command, Func<Outcome, Outcome>? hide = null)
    {
        try
        {
            Answer answer = await host.SubmitAsync(tenant, command);
            if (answer.Outcome == Outcome.Done)
                return answer;
            throw ErrorMap.Of(hide is null ? answer.Outcome : hide(answer.Outcome), answer.Faults);
        }
        catch (TenantException fault)
        {
            throw ErrorMap.Of(fault);
        }
    }

    /// <summary>
    /// Hands a command about a session to its tenant, if the session is within its caller's reach; otherwise it is one
    /// that does not exist.
    /// </summary>
    internal async ValueTask<Answer> SubmitAsync(SessionPlace place, Command command)
    {
        await RequireAsync(place);
        return await SubmitAsync(place.Tenant, command);
    }

    /// <summary>
    /// Refuses a session that is not within its caller's reach as one that does not exist. Whose a session is never
    /// changes, so looking before acting is exact.
    /// </summary>
    internal async ValueTask RequireAsync(SessionPlace place)
    {
        if (place.Owner is not { } owner)
            return;
        Answer found = await SubmitAsync(place.Tenant, new SessionQuery(place.Number));
        Session session = ((GetSessionResponse)found.View!).Session;
        if (!owner.MaySpeakFor(session.PathOf()))
            throw ApiErrors.SessionNotFound();
    }

    /// <summary>
    /// Hands over a command that changes who may call, and completes once the next call sees the change, on whichever
    /// silo of the cluster it comes in.
    /// </summary>
    internal async ValueTask<Answer> SubmitIdentityAsync(string tenant, Command command)
    {
        Answer answer = await SubmitAsync(tenant, command);
        credentials.Directory.NotePresent(tenant);
        if (answer.Event is not { } ledgerEvent)
            return answer;
        await credentials.CatchUpAsync(tenant, ledgerEvent.Sequence);
        try
        {
            await peers.CredentialsAsync(tenant, ledgerEvent.Sequence);
        }
        catch (TenantException fault)
        {
            throw ErrorMap.Of(fault);
        }

        return answer;
    }

    /// <summary>The catalog of a tenant, as it is now.</summary>
    internal async ValueTask<Catalog> CatalogOfAsync(string tenant) =>
        ((GetCatalogResponse)(await SubmitAsync(tenant, new CatalogQuery())).View!).Catalog;

    /// <summary>The currency of a tenant that has a catalog.</summary>
    internal ValueTask<string> CurrencyOfAsync(string tenant) =>
        TryGetCurrency(tenant, out string? currency) ? new(currency) : ReadCurrencyAsync(tenant);

    /// <summary>The same where it is known already.</summary>
    internal bool TryGetCurrency(string tenant, [NotNullWhen(true)] out string? currency) =>
        _currencies.TryGetValue(tenant, out currency);

    private async ValueTask<string> ReadCurrencyAsync(string tenant)
    {
        string currency = (await CatalogOfAsync(tenant)).Currency;
        _currencies[tenant] = currency;
        return currency;
    }
}
