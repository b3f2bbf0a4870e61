using AgentBudget.Cli.Tests.Support;

namespace AgentBudget.Cli.Tests;

public sealed class LoginTests(CliBudget budget) : IClassFixture<CliBudget>
{
    private Dictionary<string, string?> Variables(string name) => new(budget.Variables)
    {
        ["AGENTBUDGET_SERVER"] = null,
        ["AGENTBUDGET_CREDENTIAL_FILE"] = null,
        ["AGENTBUDGET_CONFIG"] = Path.Combine(budget.Folder, name),
    };

    [Fact]
    public async Task A_credential_of_standard_input_is_tried_kept_for_its_user_and_used()
    {
        Dictionary<string, string?> variables = Variables("by-input");

        CliResult login = await RunAsync(variables, budget.Silo.AdminKey + "\n", "login", "--server", budget.Server);
        CliResult used = await RunAsync(variables, null, "catalog", "export");
        CliResult listed = await RunAsync(variables, null, "profiles");
        CliResult logout = await RunAsync(variables, null, "logout");
        CliResult after = await RunAsync(variables, null, "catalog", "export");

        login.Done();
        Assert.Contains("tenant: acme", used.Done().Output, StringComparison.Ordinal);
        Assert.Contains($"default  yes      {budget.Server}", listed.Done().Output, StringComparison.Ordinal);
        Assert.DoesNotContain(budget.Silo.AdminKey, login.All + listed.All, StringComparison.Ordinal);
        logout.Done();
        Assert.Equal(64, after.ExitCode);
        Assert.False(File.Exists(Path.Combine(budget.Folder, "by-input", "default.credential")));
    }

    [Fact]
    public async Task Files_of_profiles_are_readable_by_their_user_alone()
    {
        Dictionary<string, string?> variables = Variables("modes");

        (await RunAsync(variables, budget.Silo.AdminKey, "login", "--server", budget.Server)).Done();

        string folder = Path.Combine(budget.Folder, "modes");
        Assert.All(Directory.GetFiles(folder), file => Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file)));
        Assert.Equal(2, Directory.GetFiles(folder).Length);
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(folder));
    }

    [Fact]
    public async Task Profiles_are_chosen_by_name_and_a_credential_file_stays_where_it_is()
    {
        Dictionary<string, string?> variables = Variables("by-file");
        string key = Path.Combine(budget.Silo.Folder, "admin.key");

        string[] login = ["login", "--server", budget.Server, "--credential-file", key];
        (await RunAsync(variables, null, [.. login, "--profile", "here"])).Done();
        (await RunAsync(variables, null, [.. login, "--profile", "there"])).Done();
        CliResult chosen = await RunAsync(variables, null, "profiles", "here");
        CliResult unknown = await RunAsync(variables, null, "profiles", "nowhere");
        CliResult used = await RunAsync(variables, null, "catalog", "export", "--profile", "there");

        Assert.Matches(@"here +yes +http.*admin\.key", chosen.Done().Output);
        Assert.Equal(64, unknown.ExitCode);
        used.Done();
        Assert.Empty(Directory.GetFiles(Path.Combine(budget.Folder, "by-file"), "*.credential"));
    }

    [Fact]
    public async Task What_does_not_work_is_not_remembered()
    {
        Dictionary<string, string?> variables = Variables("refused");

        CliResult wrong = await RunAsync(variables, "abk_acme.c9.wrong", "login", "--server", budget.Server);
        CliResult empty = await RunAsync(variables, "", "login", "--server", budget.Server);
        CliResult away = await RunAsync(
            variables, budget.Silo.AdminKey, "login", "--server", "http://127.0.0.1:9", "--timeout", "1");
        CliResult name = await RunAsync(
            variables, budget.Silo.AdminKey, "login", "--server", budget.Server, "--profile", "../up");

        Assert.Equal((77, 64, 69, 64), (wrong.ExitCode, empty.ExitCode, away.ExitCode, name.ExitCode));
        Assert.False(Directory.Exists(Path.Combine(budget.Folder, "refused")));
    }

    private static async Task<CliResult> RunAsync(
        Dictionary<string, string?> variables, string? input, params string[] arguments)
    {
        using CliRun run = CliRun.Start(variables, input, arguments);
        return await run.EndAsync();
    }
}
