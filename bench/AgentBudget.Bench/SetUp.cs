using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace AgentBudget.Bench;

/// <summary>Applies catalogs and opens sessions, as JSON over HTTP/1.1.</summary>
internal sealed class SetUp : IDisposable
{
    /// <summary>The agent that spends, where there is no other.</summary>
    public const string Agent = "bench-agent";

    private readonly HttpClient _client;
    private readonly string _run;

    /// <param name="silo">Where.</param>
    /// <param name="run">Part of every request id, so that a silo that was measured before sees new ones.</param>
    public SetUp(Silo silo, string run)
    {
        _client = new HttpClient { BaseAddress = silo.Http };
        _client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", silo.AdminKey);
        _run = run;
    }

    public void Dispose() => _client.Dispose();

    /// <summary>Sessions of one tenant, all of one agent and one use case.</summary>
    public async Task<BudgetSession[]> OpenAsync(string tenant, int count, CancellationToken cancellationToken)
    {
        await ApplyAsync(tenant, [Agent], cancellationToken);
        return await OpenAsync(tenant, Agent, count, cancellationToken);
    }

    /// <summary>Gives a tenant its catalog, with these agents, which all work for its one use case.</summary>
    public async Task ApplyAsync(string tenant, IEnumerable<string> agents, CancellationToken cancellationToken)
    {
        var catalog = new JsonObject { ["requestId"] = $"{_run}-catalog", ["document"] = Catalog(tenant, agents) };
        await CallAsync(tenant, HttpMethod.Put, "/v1/catalog", catalog, cancellationToken);
    }

    /// <summary>Sessions of one agent.</summary>
    public async Task<BudgetSession[]> OpenAsync(
        string tenant, string agent, int count, CancellationToken cancellationToken)
    {
        var sessions = new BudgetSession[count];
        for (int i = 0; i < count; i++)
        {
            var answer = await CallAsync(
                tenant, HttpMethod.Post, "/v1/sessions", OpenRequest(agent, i), cancellationToken);
            sessions[i] = new BudgetSession((string)answer["sessionToken"]!);
        }
        return sessions;
    }

    /// <summary>Ends an agent.</summary>
    public async Task DecommissionAsync(string tenant, string agent, CancellationToken cancellationToken)
    {
        var request = new JsonObject
        {
            ["requestId"] = $"{_run}-end-{agent}",
            ["reason"] = "measured",
        };
        await CallAsync(tenant, HttpMethod.Post, $"/v1/agents/{agent}:decommission", request, cancellationToken);
    }

    // Limits that a bench never reaches, on every grain, so that every grain of the path has a budget to look at.
    private static string Catalog(string tenant, IEnumerable<string> agents) => $$"""
        tenant: {{tenant}}
        currency: USD
        timeZone: UTC
        businessUnits:
          - { id: bench-unit, budget: { limit: 900000000.00, period: month } }
        useCases:
          - { id: bench-case, businessUnit: bench-unit, budget: { limit: 900000000.00, period: month } }
        agents:
        {{string.Join('\n', agents.Select(CatalogAgent))}}
        prices:
          - model: {{RequestTemplates.Model}}
            provider: bench
            effectiveFrom: 2026-01-01
            rates: { input: 1.00, output: 5.00 }
        """;

    private static string CatalogAgent(string id) => $$"""
          - id: {{id}}
            businessUnit: bench-unit
            useCases: [bench-case]
            models: [{{RequestTemplates.Model}}]
            budget: { limit: 900000000.00, period: month }
            ceilings:
              tokensPerRequest: 1000000
              costPerSession: 100000000.00
              tokensPerSession: 1000000000000
              stepsPerSession: 1000000000
              openHolds: 10000
              sessionTtl: 12h
              sessionLifetime: 24h
            bounds: { openHolds: 1000000, openSessions: 1000000, sessionsPerMinute: 1000000 }
        """;

    private JsonObject OpenRequest(string agent, int number) => new()
    {
        ["requestId"] = string.Create(CultureInfo.InvariantCulture, $"{_run}-session-{agent}-{number}"),
        ["agent"] = $"agents/{agent}",
        ["useCase"] = "useCases/bench-case",
        ["task"] = "bench",
        ["unattended"] = true,
        ["ttl"] = "43200s",
    };

    private async Task<JsonNode> CallAsync(
        string tenant, HttpMethod verb, string route, JsonObject request, CancellationToken cancellationToken)
    {
        using var message = new HttpRequestMessage(verb, route)
        {
            Content = JsonContent.Create(request),
        };
        message.Headers.Add("agentbudget-tenant", tenant);
        using var response = await _client.SendAsync(message, cancellationToken);
        string text = await response.Content.ReadAsStringAsync(cancellationToken);
        if (!response.IsSuccessStatusCode)
            throw new InvalidOperationException($"{route} for {tenant} answered {(int)response.StatusCode}: {text}");
        return JsonNode.Parse(text)!;
    }
}
