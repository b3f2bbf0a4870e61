using System.Text;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Catalogs.Documents;

/// <summary>
/// Reads a catalog document into the message, with a line for every path. Every fault that the document shows by itself
/// is found in one reading; whether its parts agree with each other and with the tenant is the ledger's to say.
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
    private const int PricesMax = 2_000;
    private const int SkusMax = 1_000;
    private const int TagsMax = FieldRules.MapEntriesMax;
    private const int TagValuesMax = 256;
    private const int ScopeItemsMax = FieldRules.ScopeItemsMax;
    private const int AliasesMax = 16;
    private const int CurrencyChars = 3;

    /// <summary>Reads a document.</summary>
    /// <param name="document">The text.</param>
    /// <param name="format">How it is written; unspecified means YAML.</param>
    public static CatalogReading Read(string document, CatalogFormat format)
    {
        ArgumentNullException.ThrowIfNull(document);
        DocumentFindings findings = new();
        Walk walk = new(findings);
        Catalog catalog = new();
        if (Encoding.UTF8.GetByteCount(document) > DocumentBytesMax)
            findings.Fault(1, "", $"the document is larger than {DocumentBytesMax} bytes.");
        else if (DocumentParser.Parse(document, format == CatalogFormat.Json, findings.Faults) is { } root)
            catalog = walk.ReadCatalog(new DocumentCursor(findings, root, "", root.Line));
        return new CatalogReading(catalog, walk.Notices.Build(), findings.Faults, findings.Lines);
    }

    /// <summary>One reading: what is known while going through the document.</summary>
    private sealed partial class Walk(DocumentFindings findings)
    {
        private string _currency = "";

        internal CatalogNotices Notices { get; } = new();

        internal Catalog ReadCatalog(DocumentCursor root)
        {
            DocumentMap map = root.Map(
                "tenant", "currency", "timeZone", "budget", "tags", "businessUnits", "useCases", "agents",
                "tools", "prices", "skus");
            Catalog catalog = new() { Tenant = map.Require("tenant")?.Id() ?? "" };
            catalog.Currency = _currency = ReadCurrency(map.Require("currency"));
            catalog.TimeZone = ReadTimeZone(map.Find("timeZone"));
            catalog.Budget = ReadBudget(map.Find("budget"));
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
            foreach (DocumentCursor item in Items(map.Find("skus"), SkusMax))
                catalog.Skus.Add(ReadSku(item));
            FaultRepeatedIds(catalog);
            return catalog;
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

        private void FaultRepeatedIds(Catalog catalog)
        {
            FaultRepeated("businessUnits", catalog.BusinessUnits, item => item.Id, "id");
            FaultRepeated("useCases", catalog.UseCases, item => item.Id, "id");
            FaultRepeated("agents", catalog.Agents, item => item.Id, "id");
            FaultRepeated("tools", catalog.Tools, item => item.Id, "id");
            FaultRepeated("skus", catalog.Skus, item => item.Id, "id");
        }

        private void FaultRepeated<T>(string list, IReadOnlyList<T> items, Func<T, string> idOf, string key)
        {
            Dictionary<string, int> seen = new(StringComparer.Ordinal);
            for (int index = 0; index < items.Count; index++)
            {
                string id = idOf(items[index]);
                if (id.Length == 0 || seen.TryAdd(id, index))
                    continue;
                string path = $"{list}[{index}].{key}";
                int first = findings.Lines.GetValueOrDefault($"{list}[{seen[id]}].{key}");
                int line = findings.Lines.GetValueOrDefault(path);
                findings.Fault(line, path, $"{id} is there twice, first on line {first}.");
            }
        }
    }
}
