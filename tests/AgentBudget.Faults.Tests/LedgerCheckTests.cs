using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Faults.Tests;

/// <summary>The check that the verdicts rest on finds what it is for.</summary>
public sealed class LedgerCheckTests
{
    private readonly Dictionary<string, Intent> _intents = new()
    {
        ["a"] = new(nameof(ReserveTokensRequest), "a", 0, "", 10, 20),
        ["b"] = new(nameof(CommitTokensRequest), "b", 0, "rQx7", 10, 5),
    };

    private readonly List<Result> _results = [new("a", "rQx7", 110, 0), new("b", "rQx7", 35, 0)];

    private readonly List<LedgerEvent> _entries =
    [
        new()
        {
            Sequence = 1,
            Time = new Timestamp { Seconds = 100 },
            RequestId = "a",
            ReservationHeld = new ReservationHeld { CostNanos = 110, Tokens = 30 },
        },
        new()
        {
            Sequence = 2,
            Time = new Timestamp { Seconds = 101 },
            RequestId = "b",
            ReservationSettled = new ReservationSettled { Reservation = 1, CostNanos = 35, Tokens = 15 },
        },
    ];

    [Fact]
    public void A_ledger_as_it_should_be_has_no_fault() => Assert.Empty(Faults());

    [Fact]
    public void An_acknowledged_call_that_is_lost_is_found()
    {
        _entries.RemoveAt(1);
        Assert.Contains("in the ledger 0 times", Assert.Single(Faults()), StringComparison.Ordinal);
    }

    [Fact]
    public void A_call_with_two_effects_is_found()
    {
        var twice = _entries[1].Clone();
        twice.Sequence = 3;
        _entries.Add(twice);
        Assert.Contains("in the ledger 2 times", Assert.Single(Faults()), StringComparison.Ordinal);
    }

    [Fact]
    public void A_clipped_charge_is_found()
    {
        _entries[1].ReservationSettled.CostNanos--;
        Assert.Single(Faults());
    }

    [Fact]
    public void A_settlement_of_another_hold_is_found()
    {
        _entries[1].ReservationSettled.Reservation = 2;
        Assert.Single(Faults());
    }

    [Fact]
    public void An_entry_that_nobody_asked_for_is_found()
    {
        _entries.Add(new LedgerEvent
        {
            Sequence = 3,
            Time = _entries[1].Time,
            ReservationReleased = new ReservationReleased { Reservation = 1 },
        });
        Assert.Contains("nobody asked", Assert.Single(Faults()), StringComparison.Ordinal);
    }

    [Fact]
    public void A_gap_and_a_time_that_goes_back_are_found()
    {
        _entries[1].Sequence = 3;
        _entries[1].Time = new Timestamp { Seconds = 99 };
        Assert.Equal(2, Faults().Count);
    }

    [Fact]
    public void A_call_that_was_never_answered_is_found()
    {
        _results.RemoveAt(1);
        Assert.Contains("2 calls were begun, 1 answered", Assert.Single(Faults()), StringComparison.Ordinal);
    }

    [Fact]
    public void A_call_that_was_given_up_is_there_once_or_not_at_all()
    {
        _results.RemoveAt(1);
        Assert.Empty(Faults("b"));
        var twice = _entries[1].Clone();
        twice.Sequence = 3;
        _entries.Add(twice);
        Assert.Contains("in the ledger 2 times", Assert.Single(Faults("b")), StringComparison.Ordinal);
        _entries.RemoveRange(1, 2);
        Assert.Empty(Faults("b"));
    }

    private List<string> Faults(params string[] givenUp) => [.. LedgerCheck.Faults(
        new History([.. _intents.Values], _results, [], [.. givenUp.Select(id => new GivenUp(id))]), _entries)];
}
