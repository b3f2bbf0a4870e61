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
    /// A catalog becomes one ledger event, which has to fit a group of the smallest store with its message.
    /// </summary>
    public const int DocumentBytesMax = 240 * 1024;

    private const int BusinessUnitsMax = 1_000;
    private const int UseCasesMax = 2_000;
    private const int AgentsMax = 5_000;
    private const int ToolsMax = 2_000;
    private const int PricesMax = CatalogRules.PricesMax;
    private const int SkusMax = 1_000;
    private const int TagsMax = FieldRules.MapEntriesMax;
    private const int TagValuesMax = 256;
    private const int ScopeItemsMax = 5_000; // Tools, models or use cases of one agent.
    private const int AliasesMax = 16;
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
        if (Encoding.UTF8.GetByteCount(document) > DocumentBytesMax)
            findings.Fault(1, "", $"the document is larger than {DocumentBytesMax} bytes.");
        else if (DocumentParser.Parse(document, format == CatalogFormat.Json, findings.Faults) is { } root)
        {
            catalog = walk.ReadCatalog(new DocumentCursor(findings, root, "", root.Line));
            AddRuleFaults(catalog, findings);
        }

        return new CatalogReading(catalog, walk.Notices.Build(), findings.Faults, findings.Lines);
    }

    // Parts that do not agree with each other, unless the reading has named that place already.
    private static void AddRuleFaults(Catalog catalog, DocumentFindings findings)
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
                findings.Fault(CatalogReading.LineOf(findings.Lines, fault.Field), fault.Field, fault.Description);
        }
    }

    /// <summary>One reading: what is known while going through the document.</summary>
    private sealed partial class Walk
    {
        private string _currency = "";

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
            ReadTags(map.Find("tags"), catalog);
            foreach (DocumentCursor item in Items(map.Find("businessUnits"), BusinessUnitsMax))
                catalog.BusinessUnits.Add(ReadBusinessUnit(item));
            foreach (DocumentCursor item in Items(map.Find("useCases"), UseCasesMax))
                catalog.UseCases.Add(ReadUseCase(item));
            foreach (DocumentCursor item in Items(map.Find("agents"), AgentsMax))
                catalog.Agents.Add(ReadAgent(item));
            foreach (DocumentCursor item in Items(map.Find("tools"), ToolsMax))
                catalog.Tools.Add(ReadTool(item));
            foreach (DocumentCursor item in Items(map.Find("prices"), PricesMax))
                catalog.Prices.Add(ReadPrice(item));
            foreach (DocumentCursor item in Items(map.Find("regionalMultipliers"), CatalogRules.RegionsMax))
                catalog.RegionalMultipliers.Add(ReadRegion(item));
            foreach (DocumentCursor item in Items(map.Find("skus"), SkusMax))
                catalog.Skus.Add(ReadSku(item));
            NoticeFamiliesOfNothing(catalog);
            return catalog;
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
            if (map.Count > TagsMax)
                cursor.Value.Fault($"has {map.Count} tags; at most {TagsMax} are accepted.");
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
