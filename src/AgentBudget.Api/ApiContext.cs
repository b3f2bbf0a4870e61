using System.Collections.Concurrent;
using AgentBudget.Api.Access;
using AgentBudget.Api.Errors;
using AgentBudget.Grains;
using AgentBudget.Identity;
using AgentBudget.Protocol.V1;
using AgentBudget.Runtime;
using Outcome = AgentBudget.Grains.Outcome;

namespace AgentBudget.Api;

/// <summary>What every service works with.</summary>
internal sealed class ApiContext(ITenantHost host, SessionTokens tokens)
{
    // A tenant's currency never changes, so what was read once stays true. As many entries as tenants.
    private readonly ConcurrentDictionary<string, string> _currencies = new(StringComparer.Ordinal);

    internal ITenantHost Host => host;

    internal SessionTokens Tokens => tokens;

    internal CallerScope Callers { get; } = new(host, tokens);

    /// <summary>
    /// Hands a command to its tenant and answers what it did; every other outcome is thrown as an error.
    /// </summary>
    internal async ValueTask<Answer> SubmitAsync(string tenant, Command command)
    {
        try
        {
            Answer answer = await host.SubmitAsync(tenant, command);
            return answer.Outcome == Outcome.Done ? answer : throw ErrorMap.Of(answer.Outcome, answer.Faults);
        }
        catch (TenantException fault)
        {
            throw ErrorMap.Of(fault);
        }
    }

    /// <summary>The currency of a tenant that has a catalog.</summary>
    internal ValueTask<string> CurrencyOfAsync(string tenant) =>
        _currencies.TryGetValue(tenant, out string? currency) ? new(currency) : ReadCurrencyAsync(tenant);

    private async ValueTask<string> ReadCurrencyAsync(string tenant)
    {
        Answer answer = await SubmitAsync(tenant, new CatalogQuery());
        string currency = ((GetCatalogResponse)answer.View!).Catalog.Currency;
        _currencies[tenant] = currency;
        return currency;
    }
}
