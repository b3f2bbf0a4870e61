using AgentBudget.Cli.Tests.Support;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Cli.Tests;

/// <summary>Single entries of the catalog, and prices of other maps, through the program.</summary>
public sealed class CatalogPatchTests : IAsyncLifetime
{
    private const string Map =
        """
        {
          "sample_spec": {},
          "made-up/chat": { "litellm_provider": "made-up", "input_cost_per_token": 1e-07,
            "output_cost_per_token": 3.5000000000000004e-07, "input_cost_per_token_priority": 2e-07,
            "input_cost_per_token_above_128k_tokens": 4e-07, "max_output_tokens": 8192,
            "regional_processing_uplift_multiplier_eu": 1.1, "input_cost_per_image": 0.002 },
          "made-up/free": { "litellm_provider": "made-up", "input_cost_per_token": 0, "output_cost_per_token": 0 },
          "made-up/pictures": { "litellm_provider": "made-up", "output_cost_per_image": 0.04 }
        }
        """;

    private readonly CliBudget _budget = new();

    public ValueTask InitializeAsync() => _budget.InitializeAsync();

    public ValueTask DisposeAsync() => _budget.DisposeAsync();

    [Fact]
    public async Task Entries_are_put_and_removed_alone()
    {
        string put = _budget.FileOf(
            "put.yaml", "agents:\n  - { id: editor, businessUnit: marketing, useCases: [promo], models: [m] }\n");
        string faulty = _budget.FileOf("faulty.yaml", "agents:\n  - { id: editor, businessUnit: sales }\n");
        string remove = _budget.FileOf("remove.json", """{ "remove": ["agents/editor"] }""");
        string map = _budget.FileOf("map.json", Map);
        string[][] commands =
        [
            ["catalog", "patch", put, "--dry-run"],
            ["catalog", "patch", put],
            ["catalog", "patch", put],
            ["catalog", "patch", faulty],
            ["catalog", "patch", remove, "--based-on", "1"],
            ["catalog", "patch", remove, "-o", "csv"],
            ["catalog", "patch", remove],
            ["catalog", "export"],
            ["prices", "import", "litellm", map],
            ["prices", "import", "litellm", map, "-o", "json", "--from", "2026-01-01"],
            ["prices", "import", "litellm", map, "--provider", "nobody"],
            ["prices", "import", "litellm", put],
            ["prices", "import", "models-dev", Path.Combine(_budget.Folder, "none.json")],
            ["prices", "import", "litellm", map, "--dry-run"],
            ["prices", "import", "litellm", map, "--apply", "--dry-run"],
            ["prices", "import", "litellm", map, "--apply", "--file", Path.Combine(_budget.Folder, "prices.yaml")],
            ["prices", "import", "litellm", map, "--apply"],
        ];
        List<string> shown = [];
        foreach (string[] command in commands)
        {
            CliResult result = await _budget.RunAsync(command);
            shown.Add($"$ agentbudget {string.Join(' ', command)}\n{result.All}");
        }

        Snapshot.Matches(
            "patches", string.Join('\n', shown).Replace(_budget.Folder, "FOLDER", StringComparison.Ordinal));
        GetCatalogResponse catalog = await _budget.Client.CallAsync(
            _budget.Client.Catalogs.GetCatalogAsync, new GetCatalogRequest(), CancellationToken.None);
        Assert.Equal(
            ["m", "made-up/chat", "made-up/chat", "made-up/free", "made-up/pictures"],
            catalog.Catalog.Prices.Select(price => price.Model));
        Assert.Equal(350_000_000, catalog.Catalog.Prices[1].Rates.Output);
        CliResult again = await _budget.RunAsync("catalog", "diff", _budget.FileOf("whole.yaml", catalog.Document));
        Assert.Equal((0, ""), (again.ExitCode, again.Output));
    }

    [Fact]
    public async Task Entries_of_a_map_become_a_catalogs_prices()
    {
        (string Model, PriceMaps.Field[] Fields)[] entries = [.. PriceMaps.Pairs().Take(200)];
        string map = _budget.FileOf("pairs.json", "\uFEFF" + PriceMaps.LiteLlm(entries));

        CliResult result = await _budget.RunAsync("prices", "import", "litellm", map, "--apply");

        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Contains("200 entries", result.Error, StringComparison.Ordinal);
        GetCatalogResponse catalog = await _budget.Client.CallAsync(
            _budget.Client.Catalogs.GetCatalogAsync, new GetCatalogRequest(), CancellationToken.None);
        Assert.Equal(201, catalog.Catalog.Prices.Select(price => price.Model).Distinct().Count());
    }

    [Theory]
    [InlineData(40)]
    [InlineData(120)]
    public async Task Changes_fit_the_terminal(int columns)
    {
        string map = _budget.FileOf("map.json", Map);
        Dictionary<string, string?> variables = _budget.Variables;
        variables["COLUMNS"] = columns.ToString(System.Globalization.CultureInfo.InvariantCulture);
        using CliRun run = CliRun.Start(variables, Map, "prices", "import", "litellm", "-", "--apply", "--dry-run");

        CliResult result = (await run.EndAsync()).Done();

        Assert.All(result.Output.Split('\n'), line => Assert.InRange(line.Length, 0, columns));
        Assert.Contains("made-up/free", result.Output, StringComparison.Ordinal);
        Assert.True(File.Exists(map));
    }
}
