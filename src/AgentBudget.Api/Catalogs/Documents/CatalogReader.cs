using System.Text;
using AgentBudget.Ledger;
using AgentBudget.Ledger.Catalogs;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Catalogs.Documents;

/// <summary>
/// Reads a catalog document into the message, with a line for every path. Every fault that the document shows by itself
/// is found in one reading, those of its parts with each other too; whether it may replace the tenant's catalog is the
/// ledger's to say.
/// </summary>
public static partial class CatalogReader
{
    /// <summary>
    /// Room for 100,000 agents that each say little, or for 20,000 prices. A catalog becomes one ledger event, with its
    /// message beside the document: three times this at most, which every store and message between silos takes.
    /// </summary>
    public const int DocumentBytesMax = 16 * 1024 * 1024;

    private const int TagValuesMax = 256;
    private const int ScopeItemsMax = 5_000; // Tools, models or use cases of one agent.
    private const int AliasesMax = 16;
    private const int ItemCharsMax = 512; // The longest name of an item: model, region, tier and time of a price.
    private const int CurrencyChars = 3;

    /// <summary>Reads a document.</summary>
    /// <param name="document">The text.</param>
    /// <param name="format">How it is written; unspecified means YAML.</param>
    public static CatalogReading Read(string document, CatalogFormat format)
    {
        ArgumentNullException.ThrowIfNull(document);
        DocumentFindings findings = new();
        Walk walk = new();
        Catalog catalog = new();
        DocumentNode? root = Parse(document, format, findings);
        if (root is not null)
        {
            catalog = walk.ReadCatalog(new DocumentCursor(findings, root, "", root.Line));
            AddRuleFaults(catalog, findings, root);
        }

        return new CatalogReading(
            catalog, walk.Notices.Build(), findings.Faults, path => DocumentLines.LineOf(root, path));
    }

    /// <summary>
    /// Reads a patch: entries of a catalog's lists, and items to remove. Whether they agree with the catalog in force,
    /// the ledger says.
    /// </summary>
    /// <param name="document">The text.</param>
    /// <param name="format">How it is written; unspecified means YAML.</param>
    /// <param name="currency">The tenant's currency, which the document does not name.</param>
    public static CatalogReading ReadPatch(string document, CatalogFormat format, string currency)
    {
        ArgumentNullException.ThrowIfNull(document);
        DocumentFindings findings = new();
        Walk walk = new(currency);
        Catalog put = new();
        List<string> remove = [];
        DocumentNode? root = Parse(document, format, findings);
        if (root is not null)
            put = walk.ReadPatch(new DocumentCursor(findings, root, "", root.Line), remove);
        return new CatalogReading(
            put, walk.Notices.Build(), findings.Faults, path => DocumentLines.LineOf(root, path))
        { Remove = remove };
    }

    private static DocumentNode? Parse(string document, CatalogFormat format, DocumentFindings findings)
    {
        if (Encoding.UTF8.GetByteCount(document) <= DocumentBytesMax)
            return DocumentParser.Parse(document, format == CatalogFormat.Json, findings.Faults);
        findings.Fault(1, "", $"the document is larger than {DocumentBytesMax} bytes.");
        return null;
    }

    // Parts that do not agree with each other, unless the reading has named that place already.
    private static void AddRuleFaults(Catalog catalog, DocumentFindings findings, DocumentNode root)
    {
        HashSet<string> named = new(StringComparer.Ordinal);
        foreach (DocumentFault fault in findings.Faults)
        {
            // And what is around it: a limit that is not readable does not make a budget without one.
            for (string path = fault.Path; path.Length > 0; path = CatalogReading.Around(path))
                named.Add(path);
        }

        foreach (Fault fault in CatalogRules.Check(catalog))
        {
            if (named.Add(fault.Field))
                findings.Fault(DocumentLines.LineOf(root, fault.Field), fault.Field, fault.Description);
        }
    }

    /// <summary>One reading: what is known while going through the document.</summary>
    private sealed partial class Walk(string currency = "")
    {
        private string _currency = currency;

        internal CatalogNotices Notices { get; } = new();

        internal Catalog ReadCatalog(DocumentCursor root)
        {
            DocumentMap map = root.Map(
                "tenant", "currency", "timeZone", "budget", "budgets", "modelBudgets", "userBudgets", "tags",
                "businessUnits", "useCases", "agents", "tools", "prices", "regionalMultipliers", "skus",
                "unpricedItems", "requireProvenUsers");
            Catalog catalog = new() { Tenant = map.Require("tenant")?.Id() ?? "" };
            catalog.Currency = _currency = ReadCurrency(map.Require("currency"));
            catalog.TimeZone = ReadTimeZone(map.Find("timeZone"));
            catalog.Budget = ReadBudgets(map, catalog.FurtherBudgets);
            ReadModelBudgets(map.Find("modelBudgets"), catalog.ModelBudgets);
            catalog.UserBudgets = ReadUserBudgets(map.Find("userBudgets"));
            catalog.RefuseUnpricedItems = ReadUnpricedItems(map.Find("unpricedItems"));
            catalog.RequireProvenUsers = map.Find("requireProvenUsers")?.Flag() ?? false;
            ReadEntries(map, catalog);
            NoticeFamiliesOfNothing(catalog);
            return catalog;
        }

        internal Catalog ReadPatch(DocumentCursor root, List<string> remove)
        {
            DocumentMap map = root.Map(
                "tenant", "tags", "businessUnits", "useCases", "agents", "tools", "prices", "regionalMultipliers",
                "skus", "remove");
            Catalog put = new() { Tenant = map.Find("tenant")?.Id() ?? "" };
            ReadEntries(map, put);
            foreach (DocumentCursor item in Items(map.Find("remove"), CatalogRules.AgentsMax))
                remove.Add(item.Text(ItemCharsMax) ?? "");
            return put;
        }

        private void ReadEntries(in DocumentMap map, Catalog catalog)
        {
            ReadTags(map.Find("tags"), catalog);
            foreach (DocumentCursor item in Items(map.Find("businessUnits"), CatalogRules.BusinessUnitsMax))
                catalog.BusinessUnits.Add(ReadBusinessUnit(item));
            foreach (DocumentCursor item in Items(map.Find("useCases"), CatalogRules.UseCasesMax))
                catalog.UseCases.Add(ReadUseCase(item));
            foreach (DocumentCursor item in Items(map.Find("agents"), CatalogRules.AgentsMax))
                catalog.Agents.Add(ReadAgent(item));
            foreach (DocumentCursor item in Items(map.Find("tools"), CatalogRules.ToolsMax))
                catalog.Tools.Add(ReadTool(item));
            foreach (DocumentCursor item in Items(map.Find("prices"), CatalogRules.PricesMax))
                catalog.Prices.Add(ReadPrice(item));
            foreach (DocumentCursor item in Items(map.Find("regionalMultipliers"), CatalogRules.RegionsMax))
                catalog.RegionalMultipliers.Add(ReadRegion(item));
            foreach (DocumentCursor item in Items(map.Find("skus"), CatalogRules.SkusMax))
                catalog.Skus.Add(ReadSku(item));
        }

        private static bool ReadUnpricedItems(DocumentCursor? cursor)
        {
            string? text = cursor?.Text(FieldRules.IdCharsMax);
            if (text is not (null or "flag" or "refuse"))
                cursor!.Value.Fault("must be flag or refuse.");
            return text == "refuse";
        }

        private static string ReadCurrency(DocumentCursor? cursor)
        {
            if (cursor?.Text(FieldRules.IdCharsMax) is not { } text)
                return "";
            if (text.Length == CurrencyChars && !text.AsSpan().ContainsAnyExceptInRange('A', 'Z'))
                return text;
            cursor.Value.Fault("must be the ISO 4217 code of a currency, such as USD.");
            return "";
        }

        private static string ReadTimeZone(DocumentCursor? cursor)
        {
            if (cursor?.Text(FieldRules.IdCharsMax) is not { } text)
                return "UTC";
            if (TimeZoneInfo.TryFindSystemTimeZoneById(text, out TimeZoneInfo? zone)
                && (zone.HasIanaId || text == "UTC"))
            {
                return text;
            }

            cursor.Value.Fault("must be the IANA name of a time zone, such as Europe/Berlin.");
            return "UTC";
        }

        private static void ReadTags(DocumentCursor? cursor, Catalog catalog)
        {
            if (cursor?.OpenMap() is not { } map)
                return;
            if (map.Count > CatalogRules.TagsMax)
                cursor.Value.Fault($"has {map.Count} tags; at most {CatalogRules.TagsMax} are accepted.");
            foreach ((string name, DocumentCursor value) in map.Entries)
            {
                if (name.Length > FieldRules.IdCharsMax || !FieldRules.IsWord(name))
                    value.Fault("is no name of a tag: printable ASCII without spaces, at most 64.");
                DocumentMap rule = value.Map("required", "values");
                TagRule tag = new() { Required = rule.Find("required")?.Flag() ?? false };
                foreach (DocumentCursor item in Items(rule.Find("values"), TagValuesMax))
                {
                    if (item.Text(FieldRules.TagValueCharsMax) is { } text)
                        tag.Values.Add(text);
                }

                catalog.Tags[name] = tag;
            }
        }

        private static IReadOnlyList<DocumentCursor> Items(DocumentCursor? cursor, int itemsMax) =>
            cursor?.List(itemsMax) ?? [];
    }
}
