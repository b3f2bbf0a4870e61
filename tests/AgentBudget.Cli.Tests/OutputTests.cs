using System.Text.Json.Nodes;
using AgentBudget.Cli.Tests.Support;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Cli.Tests;

/// <summary>What commands print of a ledger whose every event these tests make, in order.</summary>
public sealed class OutputTests : IAsyncLifetime
{
    private readonly CliBudget _budget = new();
    private OpenSessionResponse _root = null!;

    public async ValueTask InitializeAsync()
    {
        await _budget.InitializeAsync();
        _root = await _budget.SpendAsync(3_000_000, request =>
        {
            request.OnBehalfOf = "user:kim@acme.test";
            request.Unattended = false;
            request.Task = "draft";
        });
        await _budget.SpendAsync(500_000, request =>
        {
            request.ParentSessionToken = _root.SessionToken;
            request.Unattended = false;
            request.Task = "look up";
        });
        await _budget.SpendAsync(2_000_000, request => request.UseCase = "useCases/leads").ContinueWith(
            refused => Assert.IsType<Client.BudgetDeniedException>(refused.Exception?.InnerException),
            TaskScheduler.Default);
    }

    public ValueTask DisposeAsync() => _budget.DisposeAsync();

    [Fact]
    public async Task What_is_spent_and_who_spent_it_is_shown_in_each_format()
    {
        List<string> shown = [];
        string[][] commands =
        [
            ["budgets", "show"],
            ["budgets", "show", "useCases/promo", "-o", "csv"],
            ["sessions", "list"],
            ["sessions", "list", "--use-case", "leads", "--output", "csv"],
            ["sessions", "show", _root.Session.Session_],
            ["sessions", "tree", "s5"],
            ["agents", "list"],
            ["report", "chargeback", "--group-by", "use_case,model"],
            ["report", "chargeback", "--group-by", "use_case", "-o", "csv"],
            ["report", "chargeback", "--group-by", "", "-o", "json"],
            ["report", "unit-costs"],
            ["report", "run", "s2"],
            ["report", "run", "s2", "-o", "csv"],
            ["report", "run", "s5"],
            ["report", "coverage"],
            ["report", "initiative", "promo"],
            ["report", "initiative", "promo", "-o", "csv"],
            ["report", "recommendations", "--floor", "0"],
            ["report", "recommendations", "--floor", "0.01", "-o", "csv"],
            ["report", "adjacency"],
            ["report", "anomalies"],
            ["report", "anomalies", "--grain", "useCases/promo", "--floor", "0.10", "-o", "csv"],
            ["spend", "tail", "--from", "1", "--count", "7"],
            ["spend", "tail", "--from", "1", "--count", "2", "--kind", "ReservationSettled", "-o", "csv"],
            ["ledger", "verify"],
            ["ledger", "checkpoint"],
            ["catalog", "export"],
        ];
        foreach (string[] command in commands)
        {
            CliResult result = await _budget.RunAsync(command);
            shown.Add($"$ agentbudget {string.Join(' ', command)}\n{result.All}");
        }

        Snapshot.Matches("answers", string.Join('\n', shown));
    }

    [Theory]
    [InlineData(40)]
    [InlineData(120)]
    public async Task Tables_fit_the_terminal(int columns)
    {
        Dictionary<string, string?> variables = _budget.Variables;
        variables["COLUMNS"] = columns.ToString(System.Globalization.CultureInfo.InvariantCulture);
        List<string> shown = [];
        string[][] commands = [["budgets", "show"], ["sessions", "list"], ["agents", "list"], ["report", "chargeback"]];
        foreach (string[] command in commands)
        {
            using CliRun run = CliRun.Start(variables, input: null, command);
            CliResult result = (await run.EndAsync()).Done();
            shown.Add($"$ agentbudget {string.Join(' ', command)}\n{result.All}");
            Assert.All(result.Output.Split('\n'), line => Assert.InRange(line.Length, 0, columns));
            Assert.DoesNotContain('\u001b', result.All);
        }

        Snapshot.Matches($"columns-{columns}", string.Join('\n', shown));
    }

    [Fact]
    public async Task Corrections_show_the_budget_before_and_after()
    {
        List<string> shown = [];
        string[][] commands =
        [
            ["budgets", "extend", "useCases/promo", "--amount", "5", "--reason", "quarter end"],
            ["budgets", "extend", "useCases/leads", "--limit-tokens", "5000000", "--reason", "more leads"],
            ["budgets", "adjust", "useCases/promo", "--amount=-1.25", "--reason", "refund"],
            ["budgets", "adjust", "useCases/promo", "--amount=-100", "--reason", "too much"],
            ["budgets", "reset", "useCases/promo", "--reason", "begins anew"],
            ["budgets", "reset", "agents/writer", "--reason", "has none"],
            ["agents", "suspend", "writer", "--reason", "runs away"],
            ["agents", "resume", "writer", "--reason", "mended"],
            ["sessions", "suspend", "s5", "--reason", "look at it"],
            ["sessions", "resume", "s5", "--reason", "it is fine"],
            ["sessions", "end", "s5", "--outcome", "success", "--metric", "quotes=3"],
            ["sessions", "revoke", "s5", "--reason", "too late"],
            ["agents", "decommission", "agents/writer", "--reason", "replaced"],
        ];
        foreach (string[] command in commands)
            shown.Add($"$ agentbudget {string.Join(' ', command)}\n{(await _budget.RunAsync(command)).All}");

        Snapshot.Matches("corrections", string.Join('\n', shown));
    }

    [Fact]
    public async Task A_catalog_is_compared_and_applied_whole_and_its_faults_have_lines()
    {
        string same = _budget.FileOf("same.yaml", CliBudget.Catalog);
        string other = _budget.FileOf(
            "other.yaml", CliBudget.Catalog.Replace("limit: 10.00", "limit: 12.00", StringComparison.Ordinal));
        string faulty = _budget.FileOf(
            "faulty.yaml",
            CliBudget.Catalog.Replace("limit: 10.00", "limitt: 12.00", StringComparison.Ordinal)
                .Replace("models: [m]", "models: [unknown]", StringComparison.Ordinal));
        string exported = Path.Combine(_budget.Folder, "exported.yaml");
        List<string> shown = [];
        string[][] commands =
        [
            ["catalog", "diff", same],
            ["catalog", "diff", other],
            ["catalog", "apply", other, "--dry-run"],
            ["catalog", "apply", faulty],
            ["catalog", "apply", other],
            ["catalog", "diff", other],
            ["catalog", "export", "--file", exported],
            ["catalog", "apply", Path.Combine(_budget.Folder, "none.yaml")],
        ];
        foreach (string[] command in commands)
            shown.Add($"$ agentbudget {string.Join(' ', command)}\n{(await _budget.RunAsync(command)).All}");
        using CliRun piped =
            CliRun.Start(_budget.Variables, await File.ReadAllTextAsync(other), "catalog", "diff", "-");

        Snapshot.Matches("catalog", string.Join('\n', shown));
        Assert.Equal(0, (await piped.EndAsync()).ExitCode);
        Assert.Equal(await File.ReadAllTextAsync(other), await File.ReadAllTextAsync(exported));
    }

    [Fact]
    public async Task Endpoints_of_notices_are_made_changed_and_removed_and_only_files_get_what_is_secret()
    {
        string hook = Path.Combine(_budget.Folder, "hook.key");
        string url = Path.Combine(_budget.Folder, "slack.url");
        await File.WriteAllTextAsync(url, "https://hooks.acme.invalid/services/very-secret\n");
        List<string> shown = [];
        string[][] commands =
        [
            ["notifications", "endpoints", "create", "webhook", "--url", "https://hooks.acme.invalid/budget"],
            [
                "notifications", "endpoints", "create", "webhook", "--url", "https://hooks.acme.invalid/budget",
                "--notice", "agent-suspended", "--grain", "useCases/leads", "--secret-file", hook,
            ],
            ["notifications", "endpoints", "create", "slack", "--url-file", url, "--notice", "agent-suspended"],
            ["notifications", "endpoints", "create", "teams", "--url", "http://127.0.0.1/x"],
            ["notifications", "endpoints", "update", "n10", "--off", "--reason", "moves"],
            ["notifications", "endpoints", "rotate", "n11", "--secret-file", hook + "2", "--reason", "yearly"],
            ["notifications", "test", "n10"],
            ["notifications", "deliveries", "-o", "csv"],
            ["notifications", "replay", "n10", "-o", "json"],
            ["notifications", "endpoints", "delete", "n11", "--reason", "unused"],
            ["notifications", "test", "n11"],
            ["notifications", "endpoints", "list"],
        ];
        foreach (string[] command in commands)
            shown.Add($"$ agentbudget {string.Join(' ', command)}\n{(await _budget.RunAsync(command)).All}");

        Snapshot.Matches("notifications", string.Join('\n', shown));
        Assert.DoesNotContain("very-secret", string.Join('\n', shown), StringComparison.Ordinal);
        Assert.StartsWith("whsec_", await File.ReadAllTextAsync(hook), StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(hook));
        Assert.False(File.Exists(hook + "2"));
    }

    [Fact]
    public async Task Credentials_are_made_into_files_that_one_user_reads()
    {
        string file = Path.Combine(_budget.Folder, "gateway.key");
        List<string> shown = [];
        string[][] commands =
        [
            ["credentials", "create", "edge", "--role", "gateway", "--secret-file", file],
            ["credentials", "create", "edge", "--role", "gateway", "--secret-file", file],
            ["credentials", "create", "edge", "--role", "king", "--secret-file", file + "2"],
            ["credentials", "list", "-o", "csv"],
        ];
        foreach (string[] command in commands)
            shown.Add($"$ agentbudget {string.Join(' ', command)}\n{(await _budget.RunAsync(command)).All}");
        string credential = (string)JsonNode.Parse(
            (await _budget.RunAsync("credentials", "list", "--live", "-o", "json")).Done().Output)![0]!["credential"]!;
        Dictionary<string, string?> asGateway = _budget.Variables;
        asGateway["AGENTBUDGET_CREDENTIAL_FILE"] = file;
        using CliRun forbidden = CliRun.Start(asGateway, input: null, "catalog", "export");
        CliResult notPermitted = await forbidden.EndAsync();
        (await _budget.RunAsync("credentials", "revoke", credential, "--reason", "rotation")).Done();
        using CliRun revoked = CliRun.Start(asGateway, input: null, "catalog", "export");
        CliResult unknown = await revoked.EndAsync();

        Snapshot.Matches("credentials", string.Join('\n', shown));
        Assert.StartsWith("abg_", await File.ReadAllTextAsync(file), StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        Assert.False(File.Exists(file + "2"));
        Assert.Equal((77, 77), (notPermitted.ExitCode, unknown.ExitCode));
        Assert.Contains("role may do that", notPermitted.Error, StringComparison.Ordinal);
        Assert.Contains("unknown, expired or revoked", unknown.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Spend_is_followed_until_somebody_ends_it()
    {
        using CliRun run = _budget.Start("spend", "tail", "--use-case", "promo", "--from", "1");
        await run.SeesAsync("reservation settled");

        OpenSessionResponse opened = await _budget.SpendAsync(1_000);
        await run.SeesAsync(opened.Session.Session_);
        run.Signal("INT");
        CliResult result = await run.EndAsync();

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
    }

    [Fact]
    public async Task A_ledger_is_exported_whole_and_held_against_its_checkpoints()
    {
        string checkpoints = Path.Combine(_budget.Folder, "checkpoints");
        string ledger = Path.Combine(_budget.Folder, "ledger.jsonl");
        string forged = _budget.FileOf("forged", "eyJ.forged.line\n");

        (await _budget.RunAsync("ledger", "checkpoint", "--file", checkpoints)).Done();
        (await _budget.RunAsync("ledger", "export", "--file", ledger)).Done();
        CliResult verified = (await _budget.RunAsync("ledger", "verify", "--checkpoint", checkpoints)).Done();
        CliResult refused = await _budget.RunAsync("ledger", "verify", "--checkpoint", forged);

        string[] lines = await File.ReadAllLinesAsync(ledger);
        Assert.Equal(
            Enumerable.Range(1, lines.Length),
            lines.Select(line => int.Parse(
                (string)JsonNode.Parse(line)!["sequence"]!, System.Globalization.CultureInfo.InvariantCulture)));
        Assert.True(lines.Length >= 8, $"{lines.Length} events");
        Assert.Contains("confirmed", verified.Error, StringComparison.Ordinal);
        Assert.Equal(65, refused.ExitCode);
    }

    [Fact]
    public async Task Hostile_text_moves_no_cursor_and_is_no_formula()
    {
        await _budget.Client.OpenSessionAsync(new OpenSessionRequest
        {
            Agent = "agents/writer",
            UseCase = "useCases/promo",
            Unattended = true,
            Task = "=cmd|' /C calc'!A0 [red]x[/]",
        });

        string table = (await _budget.RunAsync("sessions", "list")).Done().Output;
        string csv = (await _budget.RunAsync("sessions", "list", "-o", "csv")).Done().Output;

        Assert.Contains("[red]x[/]", table, StringComparison.Ordinal);
        Assert.Contains("'=cmd|", csv, StringComparison.Ordinal);
        Assert.Equal(@"a\u001b[2Jb\u202e", Output.Texts.Safe("a\u001b[2Jb\u202e"));
    }
}
