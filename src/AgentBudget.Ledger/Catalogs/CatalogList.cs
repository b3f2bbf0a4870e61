using System.Collections;
using System.Globalization;
using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Ledger.Catalogs;

/// <summary>One list of a catalog: where its entries are, and how each is named as an item.</summary>
internal sealed record CatalogList(string Prefix, Func<Catalog, IList> EntriesOf, Func<IMessage, string> IdOf)
{
    /// <summary>Items of the catalog's tags, which are a map.</summary>
    public const string TagPrefix = "tags/";

    /// <summary>Items of prices: "prices/MODEL/REGION/TIER@TIME", without what is not said.</summary>
    public const string PricePrefix = "prices/";

    private const long LastSecond = 253_402_300_799; // Of the year 9999.

    public static readonly CatalogList BusinessUnits =
        new(Names.BusinessUnitPrefix, catalog => catalog.BusinessUnits, entry => ((BusinessUnit)entry).Id);

    public static readonly CatalogList UseCases =
        new(Names.UseCasePrefix, catalog => catalog.UseCases, entry => ((UseCase)entry).Id);

    public static readonly CatalogList Agents =
        new(Names.AgentPrefix, catalog => catalog.Agents, entry => ((Agent)entry).Id);

    public static readonly CatalogList Tools = new("tools/", catalog => catalog.Tools, entry => ((Tool)entry).Id);

    public static readonly CatalogList Prices =
        new(PricePrefix, catalog => catalog.Prices, entry => IdOfPrice((Price)entry));

    public static readonly CatalogList Regions = new(
        "regionalMultipliers/", catalog => catalog.RegionalMultipliers, entry => IdOfRegion((RegionalMultiplier)entry));

    public static readonly CatalogList Skus = new("skus/", catalog => catalog.Skus, entry => ((Sku)entry).Id);

    /// <summary>Every list, in the order in which changes are told.</summary>
    public static readonly CatalogList[] All = [BusinessUnits, UseCases, Agents, Tools, Prices, Regions, Skus];

    /// <summary>The lists that make a price book.</summary>
    public static readonly CatalogList[] OfPriceBook = [Tools, Prices, Regions, Skus];

    public string ItemOf(IMessage entry) => Prefix + IdOf(entry);

    /// <summary>The list that an item is of, by its name; null for a tag, the tenant, or what is no item.</summary>
    public static CatalogList? Of(string item)
    {
        foreach (CatalogList list in All)
        {
            if (item.StartsWith(list.Prefix, StringComparison.Ordinal)) return list;
        }

        return null;
    }

    private static string IdOfRegion(RegionalMultiplier rule) => $"{rule.Region}/{rule.Models}/{rule.Provider}";

    // Prices of one model differ by region, by service tier, and by the time from which they are in force.
    private static string IdOfPrice(Price price)
    {
        string region = price.Region.Length > 0 ? $"/{price.Region}" : "";
        string tier = price.ServiceTier is ServiceTier.Unspecified or ServiceTier.Standard
            ? ""
            : $"/{price.ServiceTier}";
        return $"{price.Model}{region}{tier}@{TextOf(price.EffectiveFrom)}";
    }

    // As protobuf's JSON writes a time. Of a whole second, which most are, without its writer: a document can have
    // 20,000 prices, and each is named more than once.
    private static string? TextOf(Timestamp? time)
    {
        bool isPlain = time is { Nanos: 0, Seconds: >= 0 and <= LastSecond };
        return isPlain
            ? DateTime.UnixEpoch.AddSeconds(time!.Seconds)
                .ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture)
            : time?.ToString().Trim('"');
    }
}
