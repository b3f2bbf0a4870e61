using AgentBudget.Api.Catalogs.Documents;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Tests.Catalogs;

public sealed class PatchReaderTests
{
    [Fact]
    public void A_patch_is_lists_of_a_catalog_and_items_to_remove()
    {
        CatalogReading reading = CatalogReader.ReadPatch(
            """
            tenant: acme
            agents:
              - { id: editor, businessUnit: marketing, budget: { limit: 2.5 } }
            remove: [agents/writer, "prices/haiku@2026-01-01T00:00:00Z"]
            """,
            CatalogFormat.Yaml,
            "EUR");

        Assert.Empty(reading.Faults);
        Assert.Equal("acme", reading.Catalog.Tenant);
        Money limit = Assert.Single(reading.Catalog.Agents).Budget.Limit;
        Assert.Equal(("EUR", 2, 500_000_000), (limit.CurrencyCode, limit.Units, limit.Nanos));
        Assert.Equal(["agents/writer", "prices/haiku@2026-01-01T00:00:00Z"], reading.Remove);
        Assert.Equal(4, reading.LineOf("remove[1]"));
    }

    [Theory]
    [InlineData("currency: USD", "currency")]
    [InlineData("timeZone: UTC", "timeZone")]
    [InlineData("budget: { limit: 1 }", "budget")]
    [InlineData("unpricedItems: refuse", "unpricedItems")]
    [InlineData("agents: [{ id: Editor }]", "agents[0].id")]
    [InlineData("remove: agents/writer", "remove")]
    public void What_the_tenant_itself_has_is_no_part_of_a_patch(string document, string path) =>
        Assert.Contains(
            CatalogReader.ReadPatch(document, CatalogFormat.Yaml, "USD").Faults, fault => fault.Path == path);

    [Fact]
    public void A_byte_order_mark_is_passed_over() => Assert.Empty(
        CatalogReader.ReadPatch("\uFEFFremove: [agents/a]", CatalogFormat.Yaml, "USD").Faults);

    public static TheoryData<string, string[]> NamesOutsideAscii => new()
    {
        {
            "businessUnits: [{ id: märz }, { id: müll }]",
            ["businessUnits[0].id", "businessUnits[1].id"]
        },
        {
            "businessUnits: [{ id: m }]\nuseCases: [{ id: ä, businessUnit: m }, { id: ö, businessUnit: m }]",
            ["useCases[0].id", "useCases[1].id"]
        },
        {
            "businessUnits: [{ id: m }]\nagents: [{ id: ä, businessUnit: m }, { id: ö, businessUnit: m }]",
            ["agents[0].id", "agents[1].id"]
        },
        {
            "prices: [{ model: ä, rates: { input: 1 } }, { model: ö, rates: { input: 1 } }]",
            ["prices[0].model", "prices[1].model"]
        },
        {
            "prices:\n- { model: a, aliases: [ä], rates: {input: 1} }\n- { model: b, aliases: [ö], rates: {input: 1} }",
            ["prices[0].aliases[0]", "prices[1].aliases[0]"]
        },
        { "tools: [{ id: ä }, { id: ö }]", ["tools[0].id", "tools[1].id"] },
        { "skus: [{ id: ä, cost: 1 }, { id: ö, cost: 1 }]", ["skus[0].id", "skus[1].id"] },
        {
            "modelBudgets: [{ models: ä, budget: { limit: 1 } }, { models: ö, budget: { limit: 1 } }]",
            ["modelBudgets[0].models", "modelBudgets[1].models"]
        },
        {
            "regionalMultipliers:\n- {region: eu, models: ä, multiplier: 1}\n- {region: eu, models: ö, multiplier: 1}",
            ["regionalMultipliers[0].models", "regionalMultipliers[1].models"]
        },
    };

    [Theory]
    [MemberData(nameof(NamesOutsideAscii))]
    public void Two_names_outside_ascii_draw_one_fault_each(string lists, string[] paths)
    {
        CatalogReading reading = CatalogReader.Read(
            $"tenant: acme\ncurrency: USD\n{lists}", CatalogFormat.Yaml);

        Assert.Equal(paths, reading.Faults.Select(fault => fault.Path).Order(StringComparer.Ordinal));
    }
}
