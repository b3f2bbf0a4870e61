using System.Globalization;
using System.Text.RegularExpressions;
using AgentBudget.Cli.Tests.Support;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Cli.Tests;

public sealed partial class RunTests(CliBudget budget) : IClassFixture<CliBudget>
{
    private static readonly string[] Run = ["run", "--agent", "writer", "--use-case", "promo", "--budget", "2"];

    [Fact]
    public async Task A_command_that_ends_well_ends_its_session_with_success()
    {
        CliResult result = await budget.RunAsync(
        [
            .. Run, "--tag", "environment=prod", "--on-behalf-of", "user:kim@acme.test",
            "--", "sh", "-c", "echo works",
        ]);

        Session session = await SessionOfAsync(result);
        Assert.Equal((0, "works\n"), (result.ExitCode, result.Output));
        Assert.Equal(
            (Session.Types.State.Ended, Outcome.Types.Status.Success), (session.State, session.Outcome.Status));
        Assert.Equal("2.00 USD", Money(session.Ceilings.CostPerSession));
        Assert.Equal(("sh", "user:kim@acme.test"), (session.Task, session.OnBehalfOf));
        Assert.Equal("prod", session.Tags["environment"]);
        Assert.Contains("Left: 2.00 USD of sessions/", result.Error, StringComparison.Ordinal);
        Assert.Contains("of useCases/promo", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_command_that_fails_passes_its_exit_code_on()
    {
        CliResult result = await budget.RunAsync([.. Run, "--", "sh", "-c", "exit 37"]);

        Session session = await SessionOfAsync(result);
        Assert.Equal(37, result.ExitCode);
        Assert.Equal(
            (Session.Types.State.Ended, Outcome.Types.Status.Failure), (session.State, session.Outcome.Status));
    }

    [Fact]
    public async Task A_command_that_is_killed_shows_as_its_signal()
    {
        CliResult result = await budget.RunAsync([.. Run, "--", "sh", "-c", "kill -KILL $$"]);

        Assert.Equal(128 + 9, result.ExitCode);
        Assert.Equal(Session.Types.State.Ended, (await SessionOfAsync(result)).State);
    }

    [Fact]
    public async Task What_a_command_leaves_running_is_not_touched_and_can_spend_no_more()
    {
        string pidFile = Path.Combine(budget.Folder, "grandchild");
        string tokenFile = Path.Combine(budget.Folder, "grandchild-token");
        CliResult result = await budget.RunAsync(
        [
            .. Run, "--", "sh", "-c",
            $"sleep 600 >/dev/null 2>&1 & echo $! > {pidFile}; printf %s \"$OPENAI_API_KEY\" > {tokenFile}",
        ]);
        int grandchild = int.Parse(await File.ReadAllTextAsync(pidFile), CultureInfo.InvariantCulture);
        try
        {
            (int isAlive, _) = await Shell.RunAsync(
                "sh", "-c", string.Create(CultureInfo.InvariantCulture, $"kill -0 {grandchild}"));
            ReserveTokensResponse spend = await budget.Client.ReserveAsync(new ReserveTokensRequest
            {
                SessionToken = await File.ReadAllTextAsync(tokenFile),
                Model = "m",
                Estimate = new TokenEstimate { InputTokens = 1, MaxOutputTokens = 0 },
            });

            Assert.Equal((0, 0), (result.ExitCode, isAlive));
            Assert.Equal(Session.Types.State.Ended, (await SessionOfAsync(result)).State);
            Assert.Equal((Decision.Deny, Reason.SessionClosed), (spend.Decision, spend.Denial.Reason));
        }
        finally
        {
            Shell.Signal("KILL", grandchild);
        }
    }

    [Fact]
    public async Task A_command_outlives_its_revoked_session_and_ends_by_itself()
    {
        string goOn = Path.Combine(budget.Folder, "go-on");
        using CliRun run = budget.Start(
            [.. Run, "--", "sh", "-c", $"echo begun; while [ ! -e {goOn} ]; do sleep 0.1; done; echo over; exit 5"]);
        await run.SeesAsync("begun");
        string name = SessionName().Match(run.Error).Value;

        await budget.Client.RevokeSessionAsync(new RevokeSessionRequest { Session = name, Reason = "spends too much" });
        await run.SeesAsync($"{name} is revoked: spends too much.");
        await File.WriteAllTextAsync(goOn, "");
        CliResult result = await run.EndAsync();

        Assert.Equal((5, "begun\nover\n"), (result.ExitCode, result.Output));
        Assert.Contains("was over before its command", result.Error, StringComparison.Ordinal);
        Assert.Equal(Session.Types.State.Revoked, (await SessionOfAsync(result)).State);
    }

    [Fact]
    public async Task A_command_outlives_its_budget_and_is_refused()
    {
        string goOn = Path.Combine(budget.Folder, "spent");
        string token = Path.Combine(budget.Folder, "spending-token");
        using CliRun run = budget.Start(
        [
            .. Run, "--", "sh", "-c",
            $"printf %s \"$ANTHROPIC_AUTH_TOKEN\" > {token}; echo begun; while [ ! -e {goOn} ]; do sleep 0.1; done",
        ]);
        await run.SeesAsync("begun");
        string shown = await File.ReadAllTextAsync(token);
        ReserveTokensResponse[] spends = await Task.WhenAll(Enumerable.Range(0, 30).Select(_ =>
            budget.Client.ReserveAsync(new ReserveTokensRequest
            {
                SessionToken = shown,
                Model = "m",
                Estimate = new TokenEstimate { InputTokens = 100_000, MaxOutputTokens = 0 },
            })));
        await File.WriteAllTextAsync(goOn, "");
        CliResult result = await run.EndAsync();

        Assert.Equal(20, spends.Count(spend => spend.Decision == Decision.Allow));
        Assert.All(
            spends.Where(spend => spend.Decision == Decision.Deny),
            spend => Assert.Equal(Reason.SessionCeiling, spend.Denial.Reason));
        Assert.Equal(0, result.ExitCode);
        Assert.Equal(Session.Types.State.Ended, (await SessionOfAsync(result)).State);
    }

    [Theory]
    [InlineData("INT", 42)]
    [InlineData("TERM", 43)]
    [InlineData("HUP", 44)]
    public async Task A_signal_reaches_the_command_which_decides_how_it_ends(string signal, int exitCode)
    {
        using CliRun run = budget.Start(
        [
            .. Run, "--", "sh", "-c",
            $"trap 'echo got {signal}; exit {exitCode}' {signal}; echo begun; while :; do sleep 0.1; done",
        ]);
        await run.SeesAsync("begun");

        run.Signal(signal);
        CliResult result = await run.EndAsync();

        Assert.Equal(exitCode, result.ExitCode);
        Assert.Contains($"got {signal}", result.Output, StringComparison.Ordinal);
        Assert.Equal(Session.Types.State.Ended, (await SessionOfAsync(result)).State);
    }

    [Fact]
    public async Task A_signal_that_the_command_ignores_ends_nothing()
    {
        string goOn = Path.Combine(budget.Folder, "ignored");
        using CliRun run = budget.Start(
        [
            .. Run, "--", "sh", "-c",
            $"trap '' INT; echo begun; while [ ! -e {goOn} ]; do sleep 0.1; done; echo over",
        ]);
        await run.SeesAsync("begun");

        run.Signal("INT");
        run.Signal("INT");
        await File.WriteAllTextAsync(goOn, "");
        CliResult result = await run.EndAsync();

        Assert.Equal((0, "begun\nover\n"), (result.ExitCode, result.Output));
    }

    [Fact]
    public async Task A_command_may_be_asked_to_end_with_its_session()
    {
        using CliRun run = budget.Start(
            [.. Run, "--stop-when-over", "--", "sh", "-c", "echo begun; exec sleep 600"]);
        await run.SeesAsync("begun");

        await budget.Client.RevokeSessionAsync(new RevokeSessionRequest
        {
            Session = SessionName().Match(run.Error).Value,
            Reason = "stop",
        });
        CliResult result = await run.EndAsync();

        Assert.Equal(128 + 15, result.ExitCode);
    }

    [Fact]
    public async Task The_command_finds_the_gateway_and_its_token_and_no_other_key()
    {
        Dictionary<string, string?> variables = budget.Variables;
        variables["ANTHROPIC_API_KEY"] = "sk-real";
        variables["GOOGLE_API_KEY"] = "real";
        variables["OPENAI_API_KEY"] = "sk-real";
        variables["KEPT"] = "kept";
        using CliRun run = CliRun.Start(
            variables,
            input: null,
            [
                .. Run, "--gateway", "http://127.0.0.1:4321/", "--", "sh", "-c",
                "env; echo FILE=$(cat \"$AGENTBUDGET_SESSION_TOKEN_FILE\"); stat -c MODE=%a "
                    + "\"$AGENTBUDGET_SESSION_TOKEN_FILE\"",
            ]);
        CliResult result = (await run.EndAsync()).Done();
        Dictionary<string, string> found = result.Output.Split('\n')
            .Where(line => line.Contains('=', StringComparison.Ordinal))
            .Select(line => line.Split('=', 2))
            .ToDictionary(pair => pair[0], pair => pair[1]);

        string token = found["AGENTBUDGET_SESSION_TOKEN"];
        Assert.StartsWith("eyJ", token, StringComparison.Ordinal);
        Assert.Equal("http://127.0.0.1:4321/v1", found["OPENAI_BASE_URL"]);
        Assert.Equal("http://127.0.0.1:4321", found["ANTHROPIC_BASE_URL"]);
        Assert.Equal("http://127.0.0.1:4321", found["GOOGLE_GEMINI_BASE_URL"]);
        Assert.Equal("http://127.0.0.1:4321/mcp", found["AGENTBUDGET_MCP_URL"]);
        foreach (string name in (string[])["OPENAI_API_KEY", "ANTHROPIC_AUTH_TOKEN", "GEMINI_API_KEY", "FILE"])
            Assert.Equal(token, found[name]);
        Assert.Equal(budget.Server, found["AGENTBUDGET_SERVER"]);
        Assert.Equal(("kept", "600"), (found["KEPT"], found["MODE"]));
        foreach (string name in (string[])["ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "AGENTBUDGET_CREDENTIAL_FILE"])
            Assert.DoesNotContain(name, found.Keys);
        Assert.False(File.Exists(found["AGENTBUDGET_SESSION_TOKEN_FILE"]));
    }

    [Fact]
    public async Task A_command_that_cannot_be_started_leaves_no_open_session()
    {
        string plain = budget.FileOf("not-a-program", "text");

        CliResult missing = await budget.RunAsync([.. Run, "--", "/nowhere/program"]);
        CliResult unrunnable = await budget.RunAsync([.. Run, "--", plain]);

        Assert.Equal((127, 126), (missing.ExitCode, unrunnable.ExitCode));
        Assert.Contains("/nowhere/program", missing.Error, StringComparison.Ordinal);
        Assert.Equal(Session.Types.State.Ended, (await SessionOfAsync(missing)).State);
        Assert.Equal(Session.Types.State.Ended, (await SessionOfAsync(unrunnable)).State);
    }

    [Fact]
    public async Task Without_a_session_the_command_is_not_started()
    {
        CliResult unknown = await budget.RunAsync(
            "run", "--agent", "nobody", "--use-case", "promo", "--", "sh", "-c", "echo started");
        CliResult absent = await budget.RunAsync(
            [.. Run, "--server", "http://127.0.0.1:9", "--timeout", "1", "--", "sh", "-c", "echo started"]);
        CliResult amount = await budget.RunAsync("run", "--budget", "much", "--", "sh", "-c", "echo started");

        Assert.Equal((125, 125, 64), (unknown.ExitCode, absent.ExitCode, amount.ExitCode));
        Assert.Equal("", unknown.Output + absent.Output + amount.Output);
        Assert.Contains("sh was not started", unknown.Error, StringComparison.Ordinal);
        Assert.Contains("Is the service running", absent.Error, StringComparison.Ordinal);
        Assert.Contains("--budget must be an amount", amount.Error, StringComparison.Ordinal);
    }

    private Task<Session> SessionOfAsync(CliResult result)
    {
        Match name = SessionName().Match(result.Error);
        Assert.True(name.Success, result.All);
        return budget.SessionAsync(name.Value);
    }

    private static string Money(Money money) => Output.Texts.Money(money).Text;

    [GeneratedRegex(@"sessions/\w+")]
    private static partial Regex SessionName();
}
