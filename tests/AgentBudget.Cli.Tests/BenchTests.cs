using AgentBudget.Cli.Tests.Support;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Cli.Tests;

/// <summary>Measuring the service from the command line.</summary>
public sealed class BenchTests : IAsyncLifetime
{
    private static readonly string[] OfWriter = ["bench", "--agent", "writer", "--use-case", "promo"];

    private readonly CliBudget _budget = new();

    public ValueTask InitializeAsync() => _budget.InitializeAsync();

    public ValueTask DisposeAsync() => _budget.DisposeAsync();

    [Fact]
    public async Task It_holds_and_releases_and_spends_nothing()
    {
        CliResult result = (await _budget.RunAsync(
            [.. OfWriter, "--model", "m", "--seconds", "1", "--at-once", "8", "--output", "csv"])).Done();
        string[][] rows = [.. result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(row => row.TrimEnd('\r').Split(','))];
        Assert.Equal(["calls", "calls/s", "p50 ms", "p99 ms", "refused", "failed"], rows[0]);
        Assert.Equal(["hold", "release"], rows[1..].Select(row => row[0]));
        Assert.All(rows[1..], row => Assert.True(long.Parse(row[1]) > 0));
        Assert.All(rows[1..], row => Assert.Equal(["0", "0"], row[^2..]));
        // The first session of this ledger is the one that measured.
        ListSessionsResponse listed = await _budget.Client.CallAsync(
            _budget.Client.Sessions.ListSessionsAsync, new ListSessionsRequest(), CancellationToken.None);
        Session session = Assert.Single(listed.Sessions);
        Assert.Equal(Session.Types.State.Ended, session.State);
        Assert.Equal(0, session.Settled?.Tokens ?? 0);
        GetBalanceResponse left = await _budget.Client.GetBalanceAsync(
            new GetBalanceRequest { Grain = "useCases/promo" });
        Assert.All(left.Grains, grain => Assert.Equal((0L, 0), (grain.Held.Units, grain.Held.Nanos)));
    }

    [Fact]
    public async Task A_refusal_ends_it_with_what_the_service_said()
    {
        CliResult refused = await _budget.RunAsync([.. OfWriter, "--model", "other", "--seconds", "60"]);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("other", refused.Error, StringComparison.Ordinal);
        CliResult usage = await _budget.RunAsync([.. OfWriter, "--model", "m", "--seconds", "0"]);
        Assert.Equal(64, usage.ExitCode);
    }
}
