using AgentBudget.Cli.Tests.Support;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Cli.Tests;

/// <summary><c>top</c> in a real terminal, with its keys typed and its screen read.</summary>
public sealed class TopTests(CliBudget budget) : IClassFixture<CliBudget>, IAsyncDisposable
{
    private const int Columns = 110;
    private const int Rows = 30;
    private readonly string _socket = $"agentbudget-{Environment.ProcessId}";

    public async ValueTask DisposeAsync() => await TmuxAsync("kill-server");

    [Fact]
    public async Task Top_shows_what_is_spent_and_kills_what_is_chosen()
    {
        OpenSessionResponse cheap = await budget.SpendAsync(1_000, request => request.Task = "small");
        OpenSessionResponse dear = await budget.SpendAsync(2_000_000, request => request.Task = "big");
        await StartAsync();

        string first = await ScreenAsync($"> {dear.Session.Session_}");
        Assert.Contains("useCases/promo", first, StringComparison.Ordinal);
        Assert.Contains("20.0%  2.001 USD of 10.00 USD", first, StringComparison.Ordinal);
        Assert.Contains(cheap.Session.Session_, first, StringComparison.Ordinal);

        await budget.SpendAsync(1_000_000, request => request.Task = "later");
        string burning = await ScreenAsync("later", "30.0%");
        Assert.Contains("burn 1.00 USD/min", burning, StringComparison.Ordinal);

        await TmuxAsync("send-keys", "k");
        await ScreenAsync($"Revoke {dear.Session.Session_}? Why:");
        await TmuxAsync("send-keys", "too dear", "Enter");
        await ScreenAsync($"{dear.Session.Session_} is revoked.");
        Session revoked = await budget.SessionAsync(dear.Session.Session_);
        Assert.Equal((Session.Types.State.Revoked, "too dear"), (revoked.State, revoked.Reason));

        await TmuxAsync("send-keys", "q");
        string left = await ScreenAsync("code 0");
        Assert.DoesNotContain("BUDGETS NEAREST", left, StringComparison.Ordinal); // The terminal is as it was.
        Assert.All(first.Split('\n'), line => Assert.InRange(line.Length, 0, Columns));
    }

    [Fact]
    public async Task Without_a_terminal_top_says_what_to_use()
    {
        CliResult result = await budget.RunAsync("top");

        Assert.Equal(64, result.ExitCode);
        Assert.Contains("budgets show, sessions list and spend tail", result.Error, StringComparison.Ordinal);
    }

    private async Task StartAsync()
    {
        string variables = string.Join(' ', budget.Variables.Where(pair => pair.Value is not null)
            .Select(pair => $"{pair.Key}={pair.Value}"));
        string columns = Columns.ToString(System.Globalization.CultureInfo.InvariantCulture);
        string rows = Rows.ToString(System.Globalization.CultureInfo.InvariantCulture);
        await TmuxAsync(
            "new-session", "-d", "-x", columns, "-y", rows,
            $"env {variables} dotnet {CliRun.Program} top; echo code $?; sleep 60");
    }

    private async Task<string> ScreenAsync(params string[] texts)
    {
        string screen = "";
        for (int tries = 0; tries < 400; tries++)
        {
            screen = await TmuxAsync("capture-pane", "-p");
            if (texts.All(text => screen.Contains(text, StringComparison.Ordinal))) return screen;
            await Task.Delay(50);
        }

        Assert.Fail($"the screen never was as it should be:\n{screen}");
        return screen;
    }

    private async Task<string> TmuxAsync(params string[] arguments) =>
        (await Shell.RunAsync("tmux", ["-L", _socket, "-f", "/dev/null", .. arguments])).Output;
}
