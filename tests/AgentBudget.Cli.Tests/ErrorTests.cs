using AgentBudget.Cli.Tests.Support;

namespace AgentBudget.Cli.Tests;

/// <summary>What goes wrong before a command does anything: each says what to do.</summary>
public sealed class ErrorTests(CliBudget budget) : IClassFixture<CliBudget>
{
    [Theory]
    [InlineData(64, "agentbudget login", "AGENTBUDGET_CREDENTIAL_FILE=", "budgets", "show")]
    [InlineData(66, "does not exist", "AGENTBUDGET_CREDENTIAL_FILE=/nowhere/key", "budgets", "show")]
    [InlineData(69, "Is the service running", "AGENTBUDGET_SERVER=http://127.0.0.1:9", "budgets", "show", "--timeout", "1")]
    [InlineData(64, "give http(s)://HOST:PORT", "AGENTBUDGET_SERVER=nowhere", "budgets", "show")]
    [InlineData(64, "--allow-cleartext", "AGENTBUDGET_SERVER=http://budget.example.com:7071", "budgets", "show")]
    [InlineData(64, "There is no profile other", "", "budgets", "show", "--profile", "other")]
    [InlineData(64, "--timeout must be", "", "budgets", "show", "--timeout", "0")]
    [InlineData(64, "--reason", "", "budgets", "reset", "useCases/promo")]
    [InlineData(64, "Try 'agentbudget budgets --help'", "", "budgets", "vanish")]
    [InlineData(64, "Try 'agentbudget --help'", "")]
    [InlineData(64, "nine decimals", "", "budgets", "extend", "useCases/promo", "--amount", "1.0000000001", "--reason", "x")]
    [InlineData(64, "is none of", "", "report", "chargeback", "--group-by", "colour")]
    [InlineData(64, "2026-11-29", "", "report", "chargeback", "--from", "yesterday")]
    [InlineData(1, "GRAIN_NOT_FOUND", "", "budgets", "reset", "useCases/none", "--reason", "x")]
    [InlineData(1, "SESSION_NOT_FOUND", "", "sessions", "show", "s999")]
    [InlineData(65, "grain", "", "budgets", "extend", "", "--amount", "1", "--reason", "x")]
    [InlineData(66, "no certificates", "", "budgets", "show", "--ca-file", "/nowhere/ca.crt")]
    public async Task A_fault_is_a_sentence_and_an_exit_code(
        int exitCode, string sentence, string variable, params string[] arguments)
    {
        Dictionary<string, string?> variables = budget.Variables;
        if (variable.Split('=', 2) is [{ Length: > 0 } name, string value]) variables[name] = value;
        using CliRun run = CliRun.Start(variables, input: null, arguments);

        CliResult result = await run.EndAsync();

        Assert.True(result.ExitCode == exitCode, result.All);
        Assert.Contains(sentence, result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.All, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Silos_are_for_the_operator_alone()
    {
        CliResult own = (await budget.RunAsync("silos", "--output", "csv")).Done();
        string[] rows = own.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(2, rows.Length);
        Assert.Contains(",serving,", rows[1], StringComparison.Ordinal);
        Assert.EndsWith(",this one", rows[1].TrimEnd('\r'), StringComparison.Ordinal);
        string file = Path.Combine(budget.Folder, "admin-of-a-tenant.key");
        (await budget.RunAsync("credentials", "create", "ops", "--role", "admin", "--secret-file", file)).Done();
        CliResult refused = await budget.RunAsync("silos", "--credential-file", file);
        Assert.Equal(77, refused.ExitCode);
    }

    [Fact]
    public async Task Tls_that_is_not_there_is_told_at_once_and_a_wrong_port_by_its_number()
    {
        CliResult tls = await budget.RunAsync(
            "budgets", "show", "--server", budget.Server.Replace("http:", "https:", StringComparison.Ordinal));
        CliResult port = await budget.RunAsync(
            "budgets", "show", "--timeout", "1", "--server", "http://127.0.0.1:9");

        Assert.Equal((69, 69), (tls.ExitCode, port.ExitCode));
        Assert.Contains("TLS to the service failed", tls.Error, StringComparison.Ordinal);
        Assert.Contains("7071", port.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pipe_that_is_closed_early_hurts_nobody()
    {
        for (int session = 0; session < 50; session++) await budget.SpendAsync(1);
        string program = $"dotnet {CliRun.Program}";

        (int exitCode, string output) = await Shell.RunAsync(
            "bash",
            "-c",
            $"export AGENTBUDGET_SERVER={budget.Server} AGENTBUDGET_CREDENTIAL_FILE={budget.Silo.Folder}/admin.key; "
            + $"{program} ledger export | head -n 1 | wc -l; echo ${{PIPESTATUS[0]}}");

        Assert.Equal((0, "1\n0\n"), (exitCode, output));
    }

    [Fact]
    public async Task An_interrupted_apply_changes_all_or_nothing_and_says_so()
    {
        string pipe = Path.Combine(budget.Folder, "document");
        await Shell.RunAsync("mkfifo", pipe);
        using CliRun run = budget.Start("catalog", "apply", pipe);
        using FileStream document = new(pipe, FileMode.Open, FileAccess.Write); // Opened, and never written to its end.
        await document.WriteAsync("tenant: acme\n"u8.ToArray());
        await document.FlushAsync();

        run.Signal("INT");
        run.Signal("INT");
        CliResult result = await run.EndAsync();
        CliResult after = await budget.RunAsync("catalog", "diff", budget.FileOf("as-before.yaml", CliBudget.Catalog));

        Assert.NotEqual(0, result.ExitCode);
        Assert.Equal(0, after.ExitCode);
    }
}
