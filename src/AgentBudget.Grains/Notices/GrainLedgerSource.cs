using AgentBudget.Grains.Abstractions;
using AgentBudget.Grains.Feeds;
using AgentBudget.Ledger;
using AgentBudget.Notifications;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Grains.Notices;

/// <summary>One tenant's ledger, read by position, and what its activation knows now.</summary>
internal sealed class GrainLedgerSource(string tenant, LedgerPages pages, ITenantHost host) : ILedgerSource
{
    private const int PageSize = 1000;

    private Dictionary<string, string> _units = [];
    private string _currency = "";
    private bool _isCatalogKnown;

    /// <inheritdoc/>
    public string Tenant => tenant;

    /// <inheritdoc/>
    public Task<long> HeadAsync() => pages.HeadAsync(tenant);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<LedgerEvent>> ReadAsync(
        long fromSequence, long durableSequence, CancellationToken cancellationToken)
    {
        EventPage page = await pages.ReadAsync(tenant, fromSequence, durableSequence, cancellationToken);
        if (Array.Exists(page.Events, told => told.CatalogApplied is not null || told.CatalogPatched is not null))
            _isCatalogKnown = false;
        return page.Events;
    }

    /// <inheritdoc/>
    public async Task<string> CurrencyAsync()
    {
        if (_currency.Length == 0) await ReadCatalogAsync();
        return _currency;
    }

    /// <inheritdoc/>
    public async Task<string> UnitOfAsync(string grain)
    {
        if (!_isCatalogKnown) await ReadCatalogAsync();
        string whole = Names.TryParsePart(grain, out string account, out _, out _) ? account : grain;
        return _units.GetValueOrDefault(whole, "");
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<Credential>> ExpiringCredentialsAsync()
    {
        List<Credential> found = [];
        ListCredentialsRequest request = new() { PageSize = PageSize, State = Credential.Types.State.Live };
        do
        {
            Answer answer = await host.SubmitAsync(tenant, new CredentialsQuery(request.Clone()));
            var page = (ListCredentialsResponse)answer.View!;
            found.AddRange(page.Credentials.Where(credential => credential.ExpireTime is not null));
            request.PageToken = page.NextPageToken;
        }
        while (request.PageToken.Length > 0);
        return found;
    }

    private async Task ReadCatalogAsync()
    {
        Answer answer = await host.SubmitAsync(tenant, new CatalogQuery());
        Catalog catalog = ((GetCatalogResponse)answer.View!).Catalog;
        Dictionary<string, string> units = new(StringComparer.Ordinal);
        foreach (UseCase useCase in catalog.UseCases)
            units[Names.UseCasePrefix + useCase.Id] = Names.BusinessUnitPrefix + useCase.BusinessUnit;
        foreach (Agent agent in catalog.Agents)
            units[Names.AgentPrefix + agent.Id] = Names.BusinessUnitPrefix + agent.BusinessUnit;
        (_units, _currency, _isCatalogKnown) = (units, catalog.Currency, true);
    }
}
