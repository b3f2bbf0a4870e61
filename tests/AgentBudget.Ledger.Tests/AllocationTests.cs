using AgentBudget.Bench.Ledger;

namespace AgentBudget.Ledger.Tests;

/// <summary>What the hot path allocates: the ledger events that it makes, and nothing beside them.</summary>
public sealed class AllocationTests(ITestOutputHelper output)
{
    [Fact]
    public void Reserve_and_commit_allocate_their_ledger_events_and_nothing_beside_them()
    {
        var path = new HotPath();

        HotPathBytes bytes = path.Measure();

        output.WriteLine($"{bytes}");
        Assert.Equal((HotPath.CallsPerRound, HotPath.CallsPerRound), (bytes.Held, bytes.Settled));
        Assert.Equal(0, path.Ledger.OpenReservations);
        Assert.InRange(bytes.ReserveBytes, HotPath.CallsPerRound, bytes.HeldEventBytes);
        Assert.InRange(bytes.CommitBytes, HotPath.CallsPerRound, bytes.SettledEventBytes);
    }
}
