using System.Text.RegularExpressions;
using AgentBudget.Cli.Tests.Support;

namespace AgentBudget.Cli.Tests;

/// <summary>What is other where a terminal is: colours, its width, a credential that is typed, Ctrl+C.</summary>
public sealed partial class TerminalTests(CliBudget budget) : IClassFixture<CliBudget>
{
    private static readonly string Terminal = Path.Combine(
        Snapshot.FindRoot(), "tests", "AgentBudget.Cli.Tests", "Support", "terminal.py");

    [Fact]
    public async Task Ctrl_c_reaches_the_command_once_and_the_command_decides()
    {
        (int exitCode, string output) = await TypeAsync(
            columns: 120,
            "begun=>^C\nnumber 1=>^C\nnumber 2=>x",
            "run", "--agent", "writer", "--use-case", "promo", "--", "sh", "-c",
            "n=0; trap 'n=$((n+1)); echo number $n' INT; echo begun; "
                + "while [ $n -lt 2 ]; do sleep 0.1; done; sleep 1; echo total $n; exit 9");

        Assert.True(exitCode == 9, output);
        Assert.Contains("total 2", output, StringComparison.Ordinal);
        Assert.Contains("spent 0.00", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_terminal_gets_colours_unless_it_asks_for_none_and_is_not_overrun()
    {
        (_, string coloured) = await TypeAsync(columns: 100, "", "budgets", "show");
        (_, string plain) = await TypeAsync(columns: 100, "", "env:NO_COLOR=1", "budgets", "show");

        Assert.Matches(Colour(), coloured);
        Assert.DoesNotMatch(Colour(), plain);
        Assert.Contains("useCases/promo", plain, StringComparison.Ordinal);
        Assert.All(plain.Split('\n')[1..], line => Assert.InRange(line.Length, 0, 100));
    }

    [Fact]
    public async Task A_typed_credential_is_not_shown()
    {
        (int exitCode, string output) = await TypeAsync(
            columns: 100,
            $"not shown=>{budget.Silo.AdminKey}\r",
            "login", "--profile", "typed");

        Assert.True(exitCode == 0, output);
        Assert.Contains("Logged in", output, StringComparison.Ordinal);
        Assert.DoesNotContain(budget.Silo.AdminKey, output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_login_that_is_interrupted_leaves_a_terminal_that_shows_what_is_typed()
    {
        (_, string output) = await Shell.RunAsync(
            "python3", Terminal, "100", "not shown=>^C", "sh", "-c",
            $"trap : INT; export AGENTBUDGET_CONFIG={budget.Folder}/none; "
                + $"dotnet {CliRun.Program} login --server {budget.Server}; "
                + "stty -a | grep -ow -- '-*echo'; sleep 1");

        Assert.Contains("Interrupted", output, StringComparison.Ordinal);
        Assert.Contains("\necho\n", output, StringComparison.Ordinal);
    }

    [GeneratedRegex(@"\x1b\[[0-9;]+m")]
    private static partial Regex Colour();

    // Arguments that begin with "env:" are variables.
    private Task<(int ExitCode, string Output)> TypeAsync(int columns, string keys, params string[] arguments)
    {
        string[] variables =
        [
            $"AGENTBUDGET_SERVER={budget.Server}",
            $"AGENTBUDGET_CONFIG={Path.Combine(budget.Folder, "typed")}",
            "TERM=xterm-256color",
            .. arguments.Where(argument => argument.StartsWith("env:", StringComparison.Ordinal))
                .Select(argument => argument["env:".Length..]),
        ];
        string[] rest = [.. arguments.Where(argument => !argument.StartsWith("env:", StringComparison.Ordinal))];
        string[] credential = rest[0] == "login"
            ? []
            : [$"AGENTBUDGET_CREDENTIAL_FILE={Path.Combine(budget.Silo.Folder, "admin.key")}"];
        return Shell.RunAsync(
            "env",
            [
                "-u", "COLUMNS", "-u", "NO_COLOR", .. variables, .. credential, "python3", Terminal,
                columns.ToString(System.Globalization.CultureInfo.InvariantCulture), keys,
                "dotnet", CliRun.Program, .. rest,
            ]);
    }
}
