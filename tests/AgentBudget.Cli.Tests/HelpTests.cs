using System.CommandLine;
using System.Text;
using AgentBudget.Cli.Tests.Support;

namespace AgentBudget.Cli.Tests;

public sealed class HelpTests
{
    [Fact]
    public async Task The_help_of_every_command_reads_as_a_manual()
    {
        StringBuilder manual = new();
        foreach (string[] path in PathsOf(AgentBudgetCommand.Make(), []))
        {
            using CliRun run = CliRun.Start(
                new Dictionary<string, string?> { ["COLUMNS"] = "100" }, input: null, [.. path, "--help"]);
            string text = (await run.EndAsync()).Done().Output;
            manual.Append($"=== agentbudget {string.Join(' ', path)}".TrimEnd()).Append('\n').Append(text);
        }

        Snapshot.Matches("help", manual.ToString());
    }

    [Fact]
    public async Task Help_fits_a_terminal_of_40_columns()
    {
        using CliRun run = CliRun.Start(
            new Dictionary<string, string?> { ["COLUMNS"] = "40" }, input: null, "sessions", "--help");
        string text = (await run.EndAsync()).Done().Output;

        Assert.All(text.Split('\n'), line => Assert.InRange(line.TrimEnd().Length, 0, 40));
    }

    private static IEnumerable<string[]> PathsOf(Command command, string[] path) =>
        command.Subcommands.SelectMany(below => PathsOf(below, [.. path, below.Name])).Prepend(path);
}
