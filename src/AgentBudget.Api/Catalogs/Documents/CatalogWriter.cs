using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Api.Catalogs.Documents;

/// <summary>
/// Writes a catalog as a document that <see cref="CatalogReader"/> reads back as the same catalog: for one that was
/// patched, of which nobody wrote the whole. In YAML each entry of a list is a line, of JSON.
/// </summary>
public static partial class CatalogWriter
{
    private const decimal NanosPerUnit = 1_000_000_000m;
    private const decimal PpmPerUnit = 1_000_000m;
    private const decimal UnitsPerRate = 1_000_000m;
    private const int MinutesPerHour = 60;

    private static readonly JsonSerializerOptions Plain =
        new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly JsonSerializerOptions Indented = new(Plain) { WriteIndented = true };

    /// <summary>The document.</summary>
    public static string Write(Catalog catalog, CatalogFormat format)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        JsonObject document = DocumentOf(catalog);
        if (format == CatalogFormat.Json)
            return document.ToJsonString(Indented) + "\n";
        StringBuilder text = new();
        foreach ((string key, JsonNode? value) in document)
        {
            text.Append(key).Append(':');
            if (value is not JsonArray list)
            {
                text.Append(' ').Append(value!.ToJsonString(Plain)).Append('\n');
                continue;
            }

            text.Append('\n');
            foreach (JsonNode? item in list)
                text.Append("  - ").Append(item!.ToJsonString(Plain)).Append('\n');
        }

        return text.ToString();
    }

    private static JsonObject DocumentOf(Catalog catalog)
    {
        JsonObject node = new()
        {
            ["tenant"] = catalog.Tenant,
            ["currency"] = catalog.Currency,
            ["timeZone"] = catalog.TimeZone,
        };
        PutBudgets(node, catalog.Budget, catalog.FurtherBudgets, catalog.ModelBudgets, catalog.UserBudgets);
        if (catalog.RefuseUnpricedItems)
            node["unpricedItems"] = "refuse";
        if (catalog.RequireProvenUsers)
            node["requireProvenUsers"] = true;
        if (catalog.Tags.Count > 0)
            node["tags"] = new JsonObject(catalog.Tags.Select(tag => new KeyValuePair<string, JsonNode?>(
                tag.Key, NodeOf(tag.Value))));
        PutList(node, "businessUnits", catalog.BusinessUnits, NodeOf);
        PutList(node, "useCases", catalog.UseCases, NodeOf);
        PutList(node, "agents", catalog.Agents, NodeOf);
        PutList(node, "tools", catalog.Tools, NodeOf);
        PutList(node, "prices", catalog.Prices, NodeOf);
        PutList(node, "regionalMultipliers", catalog.RegionalMultipliers, NodeOf);
        PutList(node, "skus", catalog.Skus, NodeOf);
        return node;
    }

    private static JsonObject NodeOf(TagRule rule)
    {
        JsonObject node = new() { ["required"] = rule.Required };
        PutTexts(node, "values", rule.Values);
        return node;
    }

    private static JsonObject NodeOf(BusinessUnit unit)
    {
        JsonObject node = new() { ["id"] = unit.Id };
        Put(node, "owner", unit.Owner, NodeOf);
        Put(node, "finance", unit.Finance, NodeOf);
        PutBudgets(node, unit.Budget, unit.FurtherBudgets, unit.ModelBudgets, unit.UserBudgets);
        return node;
    }

    private static JsonObject NodeOf(Contact contact)
    {
        JsonObject node = [];
        PutText(node, "name", contact.Name);
        PutText(node, "notify", contact.Notify);
        return node;
    }

    private static JsonObject NodeOf(UseCase useCase)
    {
        JsonObject node = new() { ["id"] = useCase.Id, ["businessUnit"] = useCase.BusinessUnit };
        PutText(node, "class", useCase.Class);
        PutBudgets(node, useCase.Budget, useCase.FurtherBudgets, useCase.ModelBudgets, useCase.UserBudgets);
        if (useCase.Downgrade.Count > 0)
            node["downgrade"] = new JsonObject(useCase.Downgrade.Select(
                pair => new KeyValuePair<string, JsonNode?>(pair.Key, pair.Value)));
        if (useCase.AllowWithoutCheaperModel)
            node["withoutCheaperModel"] = "allow";
        if (useCase.Outcomes.Count > 0)
            node["outcomes"] = new JsonObject(useCase.Outcomes.Select(
                pair => new KeyValuePair<string, JsonNode?>(pair.Key, NodeOf(pair.Value))));
        return node;
    }

    private static JsonObject NodeOf(OutcomeRule rule)
    {
        JsonObject node = [];
        PutText(node, "unit", rule.Unit);
        node["baseline"] = rule.Baseline;
        Put(node, "value", rule.Value, AmountOf);
        return node;
    }

    private static JsonObject NodeOf(Tool tool)
    {
        JsonObject node = new() { ["id"] = tool.Id };
        if (tool.CostPerCall is { } cost)
            node["cost"] = new JsonObject { ["perCall"] = AmountOf(cost) };
        return node;
    }

    private static JsonObject NodeOf(Sku sku)
    {
        JsonObject node = new() { ["id"] = sku.Id };
        PutText(node, "unit", sku.Unit);
        node["cost"] = AmountOf(sku.Cost);
        return node;
    }

    private static JsonObject NodeOf(RegionalMultiplier rule)
    {
        JsonObject node = new() { ["region"] = rule.Region, ["models"] = rule.Models };
        PutText(node, "provider", rule.Provider);
        node["multiplier"] = rule.MultiplierPpm / PpmPerUnit;
        return node;
    }

    private static void Put<T>(JsonObject node, string key, T? value, Func<T, JsonNode> nodeOf)
        where T : class
    {
        if (value is not null)
            node[key] = nodeOf(value);
    }

    private static void PutText(JsonObject node, string key, string text)
    {
        if (text.Length > 0)
            node[key] = text;
    }

    private static void PutCount(JsonObject node, string key, bool isGiven, long count)
    {
        if (isGiven)
            node[key] = count;
    }

    private static void PutTexts(JsonObject node, string key, IEnumerable<string> texts) =>
        PutList(node, key, texts, static text => JsonValue.Create(text));

    private static void PutList<T>(JsonObject node, string key, IEnumerable<T> items, Func<T, JsonNode?> nodeOf)
    {
        JsonNode?[] nodes = [.. items.Select(nodeOf)];
        if (nodes.Length > 0)
            node[key] = new JsonArray(nodes);
    }

    private static JsonValue AmountOf(Money money) => JsonValue.Create(money.Units + (money.Nanos / NanosPerUnit));

    private static string SecondsOf(Duration duration) =>
        string.Create(CultureInfo.InvariantCulture, $"{duration.Seconds}s");

    private static string TimeOfDay(int minute) => string.Create(
        CultureInfo.InvariantCulture, $"{minute / MinutesPerHour:00}:{minute % MinutesPerHour:00}");
}
