using AgentBudget.Cli.Tests.Support;

namespace AgentBudget.Cli.Tests;

public sealed class DocumentTests(CliBudget budget) : IClassFixture<CliBudget>
{
    [Fact]
    public async Task The_tour_of_the_documentation_runs_as_it_is_printed()
    {
        string root = Snapshot.FindRoot();
        string folder = Path.Combine(budget.Folder, "tour");
        Directory.CreateDirectory(folder);
        Directory.CreateSymbolicLink(Path.Combine(folder, "silo-config"), Path.Combine(root, "silo-config"));
        Directory.CreateSymbolicLink(Path.Combine(folder, "data"), budget.Silo.Folder);
        string program = Path.Combine(folder, "agentbudget");
        await File.WriteAllTextAsync(program, $"#!/bin/sh\nexec dotnet '{CliRun.Program}' \"$@\"\n");
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        string tour = BlockOf(await File.ReadAllTextAsync(Path.Combine(root, "docs", "cli.md")), "A tour");

        (int exitCode, string output) = await Shell.RunAsync(
            "bash",
            "-euo",
            "pipefail",
            "-c",
            $"cd {folder}; export PATH={folder}:$PATH AGENTBUDGET_SERVER={budget.Server} "
                + $"AGENTBUDGET_CONFIG={folder}/config; unset AGENTBUDGET_CREDENTIAL_FILE\n{tour}");

        Assert.True(exitCode == 0, output);
        string[] words =
        [
            "Logged in", "useCases/trade-promo", "my provider is http://127.0.0.1:7072/v1", "promo-writer",
            "session opened", "use_case,model",
            "150.00 USD", "Its secret is in writer.key", "suspended", "active", "confirmed", "The ledger is sound",
        ];
        Assert.All(words, word => Assert.Contains(word, output, StringComparison.Ordinal));
    }

    // The first bash block below a heading.
    private static string BlockOf(string page, string heading)
    {
        string[] lines = page.Split('\n');
        int start = Array.IndexOf(lines, "```bash", Array.IndexOf(lines, $"## {heading}"));
        int end = Array.IndexOf(lines, "```", start);
        Assert.True(start > 0 && end > start, $"docs/cli.md has no block below {heading}");
        return string.Join('\n', lines[(start + 1)..end]);
    }
}
