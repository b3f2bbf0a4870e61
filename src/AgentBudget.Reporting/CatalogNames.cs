using AgentBudget.Protocol.V1;
using Google.Protobuf;

namespace AgentBudget.Reporting;

/// <summary>
/// What of a catalog reports need: who bills a model, what one of a SKU is, who pays for a use case and of which class
/// it is, and what outcomes are compared with. Kept with the sums, because a catalog is told once and charges come
/// after it.
/// </summary>
internal sealed class CatalogNames
{
    private const string UseCasePrefix = "useCases/";

    private readonly Dictionary<string, string> _providers = new(StringComparer.Ordinal);
    private readonly Dictionary<string, UseCase> _useCases = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _units = new(StringComparer.Ordinal);

    private CatalogNames(Catalog kept)
    {
        Kept = kept;
        Baselines = Baselines.Of(kept);
        foreach (Price price in kept.Prices)
        {
            _providers[price.Model] = price.Provider;
            foreach (string alias in price.Aliases) _providers[alias] = price.Provider;
        }

        foreach (UseCase useCase in kept.UseCases) _useCases[UseCasePrefix + useCase.Id] = useCase;
        foreach (Sku sku in kept.Skus) _units[sku.Id] = sku.Unit;
    }

    /// <summary>Of no catalog.</summary>
    public static CatalogNames None { get; } = new(new Catalog());

    /// <summary>The part of the catalog that it was made of.</summary>
    public Catalog Kept { get; }

    /// <summary>What outcomes are compared with.</summary>
    public Baselines Baselines { get; }

    /// <summary>Of a whole catalog.</summary>
    public static CatalogNames Of(Catalog catalog)
    {
        var kept = new Catalog { Currency = catalog.Currency, TimeZone = catalog.TimeZone };
        foreach (IGrouping<string, Price> model in catalog.Prices.GroupBy(price => price.Model, StringComparer.Ordinal))
        {
            var price = new Price { Model = model.Key, Provider = model.First().Provider };
            price.Aliases.Add(model.SelectMany(entry => entry.Aliases).Distinct(StringComparer.Ordinal));
            kept.Prices.Add(price);
        }

        kept.Skus.Add(catalog.Skus.Select(sku => new Sku { Id = sku.Id, Unit = sku.Unit }));
        foreach (UseCase useCase in catalog.UseCases)
        {
            kept.UseCases.Add(new UseCase
            {
                Id = useCase.Id,
                BusinessUnit = useCase.BusinessUnit,
                Class = useCase.Class,
                Outcomes = { useCase.Outcomes },
            });
        }

        return new CatalogNames(kept);
    }

    /// <summary>
    /// After a patch. What it removes keeps its name, because charges of it stay; baselines go with their use case.
    /// </summary>
    public CatalogNames After(CatalogPatched patched)
    {
        Catalog put = Of(patched.Put).Kept;
        var kept = new Catalog { Currency = Kept.Currency, TimeZone = Kept.TimeZone };
        kept.Prices.Add(After(Kept.Prices, put.Prices, price => price.Model));
        kept.Skus.Add(After(Kept.Skus, put.Skus, sku => sku.Id));
        HashSet<string> gone =
            [.. patched.Removed, .. patched.Put.UseCases.Select(useCase => UseCasePrefix + useCase.Id)];
        kept.UseCases.Add(Kept.UseCases.Where(useCase => !gone.Contains(UseCasePrefix + useCase.Id)));
        kept.UseCases.Add(put.UseCases);
        return new CatalogNames(kept);
    }

    private static IEnumerable<T> After<T>(IEnumerable<T> before, IReadOnlyCollection<T> put, Func<T, string> idOf)
    {
        HashSet<string> changed = put.Select(idOf).ToHashSet(StringComparer.Ordinal);
        return before.Where(entry => !changed.Contains(idOf(entry))).Concat(put);
    }

    /// <summary>As it was written.</summary>
    public static CatalogNames Read(byte[] bytes) => new(Catalog.Parser.ParseFrom(bytes));

    /// <summary>To be read again.</summary>
    public byte[] ToBytes() => Kept.ToByteArray();

    /// <summary>Who bills a model; empty where the catalog does not say.</summary>
    public string ProviderOf(string model) => _providers.GetValueOrDefault(model, "");

    /// <summary>A use case by its name, "useCases/trade-promo"; null where the catalog has none.</summary>
    public UseCase? UseCaseOf(string useCase) => _useCases.GetValueOrDefault(useCase);

    /// <summary>What one of a SKU is; empty for a tool's call.</summary>
    public string UnitOf(string sku) => _units.GetValueOrDefault(sku, "");
}
