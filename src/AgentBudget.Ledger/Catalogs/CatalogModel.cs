using AgentBudget.Ledger.Prices;
using AgentBudget.Protocol.V1;
using Google.Protobuf.Collections;

namespace AgentBudget.Ledger.Catalogs;

/// <summary>What turns ask of the catalog, derived from it once. Immutable, replaced whole.</summary>
internal sealed class CatalogModel
{
    /// <summary>Before the first catalog.</summary>
    public static readonly CatalogModel None =
        new(new CatalogApplied { Catalog = new Catalog() }, new PriceBook(0, new Catalog()));

    private readonly string[] _requiredTags;
    private TimeZoneInfo? _zone;

    public CatalogModel(CatalogApplied applied, PriceBook book)
    {
        Applied = applied;
        Book = book;
        _requiredTags =
        [
            .. applied.Catalog.Tags
                .Where(tag => tag.Value.Required)
                .Select(tag => tag.Key)
                .Order(StringComparer.Ordinal),
        ];
    }

    public CatalogApplied Applied { get; }

    public PriceBook Book { get; }

    public Catalog Source => Applied.Catalog;

    public string Currency => Source.Currency;

    public bool IsApplied => Source.Tenant.Length > 0;

    /// <summary>Looked up on first use: replay needs no time zone rules.</summary>
    public TimeZoneInfo Zone => _zone ??= TimeZoneInfo.FindSystemTimeZoneById(Source.TimeZone);

    /// <summary>
    /// The first required tag, by name, that neither the session nor the call carries; null if all are there.
    /// </summary>
    public string? MissingTag(MapField<string, string> sessionTags, MapField<string, string> callTags)
    {
        foreach (string tag in _requiredTags)
        {
            if (!sessionTags.ContainsKey(tag) && !callTags.ContainsKey(tag)) return tag;
        }

        return null;
    }

    /// <summary>
    /// Tags that the catalog does not declare or values that it does not allow; null if there are none.
    /// </summary>
    public List<Fault>? TagFaults(MapField<string, string> tags)
    {
        if (tags.Count == 0) return null;
        List<Fault>? faults = null;
        foreach (KeyValuePair<string, string> tag in tags)
        {
            if (!Source.Tags.TryGetValue(tag.Key, out TagRule? rule))
                (faults ??= []).Add(new Fault($"tags.{tag.Key}", "is not declared in the catalog"));
            else if (rule.Values.Count > 0 && !rule.Values.Contains(tag.Value))
                (faults ??= []).Add(new Fault($"tags.{tag.Key}", $"must be one of: {string.Join(", ", rule.Values)}"));
        }

        return faults;
    }

    /// <summary>
    /// The fault of an amount in another currency than the tenant's; null for the tenant's own or an empty code.
    /// </summary>
    public Fault? CurrencyFault(Money? money, string field) =>
        money is null || money.CurrencyCode.Length == 0 || money.CurrencyCode == Currency
            ? null
            : new Fault($"{field}.currencyCode", $"must be {Currency}, the tenant's currency");
}
