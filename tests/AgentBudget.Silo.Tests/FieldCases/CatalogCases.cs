using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using static AgentBudget.Silo.Tests.FieldCases.FieldCatalogs;

namespace AgentBudget.Silo.Tests.FieldCases;

/// <summary>Catalogs of many agents, which are made one by one at run time.</summary>
internal static class CatalogCases
{
    private const string One = "rates: { input: 1, output: 1 }"; // A million tokens are a dollar.
    private const int Many = 10_000;

    public static IReadOnlyList<FieldCase> All { get; } =
    [
        // Each agent has a budget of its own, and one more is added alone.
        new("L15", "agents/b 1 REASON_AGENT_BUDGET 1", OfMany(Many), async tenant =>
        {
            string changed = await tenant.PatchAsync(AgentOf("b", limit: 1));
            string spent = await SpendAsync(tenant, "b");
            return $"{changed} {spent} {await tenant.TryHoldAsync("1 0")} {await SpendAsync(tenant, "n9998")}";
        }),
        // One budget of many is raised, and what was spent of it stays spent.
        new("L15b", "1 agents/n7 1 REASON_AGENT_BUDGET", OfMany(100), async tenant =>
        {
            string spent = await SpendAsync(tenant, "n7");
            string changed = await tenant.PatchAsync(AgentOf("n7", limit: 2));
            string again = await SpendAsync(tenant, "n7");
            return $"{spent} {changed} {again} {await tenant.TryHoldAsync("1 0")}";
        }),
        // One of many goes, and the rest stay.
        new("L15c", "agents/n7 NotFound 1", OfMany(100), async tenant =>
        {
            string changed = await tenant.PatchAsync("remove: [agents/n7]");
            (HttpStatusCode status, _) = await tenant.TryAsync("OpenSession", new JsonObject
            {
                ["agent"] = "agents/n7",
                ["useCase"] = "useCases/u",
                ["unattended"] = true,
            });
            return $"{changed} {status} {await SpendAsync(tenant, "n8")}";
        }),
        // Agents that are made at run time, each for itself, while others spend.
        new("L15d", "30 30", OfMany(1), async tenant =>
        {
            int spent = 0;
            for (int number = 1; number <= 30; number++)
            {
                string id = string.Create(CultureInfo.InvariantCulture, $"made-{number}");
                await tenant.PatchAsync(AgentOf(id, limit: 1));
                if (await SpendAsync(tenant, id) == "1") spent++;
            }

            return $"{spent} {await tenant.SettledAsync()}";
        }),
    ];

    private static string OfMany(int agents)
    {
        string more = string.Join(", ", Enumerable.Range(0, agents - 1).Select(number =>
            Flow(string.Create(CultureInfo.InvariantCulture, $"n{number}"), limit: 1)));
        return Of(One).Replace(
            "agents: [", more.Length == 0 ? "agents: [" : $"agents: [{more}, ", StringComparison.Ordinal);
    }

    private static string AgentOf(string id, int limit) => $"agents: [{Flow(id, limit)}]";

    private static string Flow(string id, int limit) => string.Create(
        CultureInfo.InvariantCulture,
        $$"""{ id: {{id}}, businessUnit: b, useCases: [u], models: ["m*"], budget: { limit: {{limit}} } }""");

    // A dollar of an agent.
    private static async Task<string> SpendAsync(FieldTenant tenant, string agent)
    {
        await tenant.OpenAsync(agent: agent);
        return await tenant.UseAsync(1_000_000);
    }
}
