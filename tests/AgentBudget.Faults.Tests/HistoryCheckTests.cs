using AgentBudget.Protocol.V1;

namespace AgentBudget.Faults.Tests;

/// <summary>A history that no single order explains is found, whatever is wrong with it.</summary>
public sealed class HistoryCheckTests
{
    private const string Session = "sessions/1";

    private readonly List<Intent> _intents = [];
    private readonly List<Result> _results = [];
    private readonly List<Reading> _readings = [];
    private readonly List<GivenUp> _givenUp = [];

    // Holds of 1, 10 and 100, in this order; what is held behind each is 1, 11 and 111.
    private readonly List<LedgerEvent> _entries = [Held(1, "a", 1), Held(2, "b", 10), Held(3, "c", 100)];

    [Fact]
    public void Calls_one_after_the_other_and_calls_at_once_have_no_fault()
    {
        Write("a", begin: 1, end: 4);
        Write("b", begin: 2, end: 3);
        Read("r", begin: 5, end: 6, held: 11);
        Write("c", begin: 7, end: 9);
        Read("s", begin: 8, end: 10, held: 111);
        Assert.Empty(Faults());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(11)]
    [InlineData(111)]
    public void A_read_beside_writes_may_see_any_of_them(long held)
    {
        Write("a", begin: 1, end: 2);
        Write("b", begin: 3, end: 9);
        Write("c", begin: 3, end: 9);
        Read("r", begin: 4, end: 5, held);
        Assert.Empty(Faults());
    }

    [Fact]
    public void A_write_that_began_when_a_later_one_was_answered_is_found()
    {
        Write("b", begin: 1, end: 2);
        Write("a", begin: 3, end: 4);
        Write("c", begin: 5, end: 6);
        Assert.Equal("a is entry 1 and began when 2 was known", Assert.Single(Faults()));
    }

    [Fact]
    public void A_read_that_misses_what_was_answered_before_it_is_found()
    {
        Write("a", begin: 1, end: 2);
        Write("b", begin: 3, end: 4);
        Read("stale", begin: 5, end: 6, held: 1);
        Write("c", begin: 7, end: 8);
        Assert.StartsWith("stale: ", Assert.Single(Faults()), StringComparison.Ordinal);
    }

    [Fact]
    public void A_read_that_goes_behind_an_earlier_read_is_found()
    {
        Write("a", begin: 1, end: 2);
        Write("b", begin: 3, end: 20);
        Write("c", begin: 3, end: 20);
        Read("new", begin: 4, end: 5, held: 111);
        Read("old", begin: 6, end: 7, held: 11);
        Assert.StartsWith("old: ", Assert.Single(Faults()), StringComparison.Ordinal);
    }

    [Fact]
    public void A_read_of_what_began_later_is_found()
    {
        Write("a", begin: 1, end: 2);
        Read("early", begin: 3, end: 4, held: 11);
        Write("b", begin: 5, end: 6);
        Write("c", begin: 7, end: 8);
        Assert.Equal("b is entry 2 and began when 2 was known", Assert.Single(Faults()));
    }

    [Fact]
    public void A_read_of_a_state_that_never_was_is_found()
    {
        Write("a", begin: 1, end: 9);
        Write("b", begin: 1, end: 9);
        Write("c", begin: 1, end: 9);
        Read("torn", begin: 2, end: 3, held: 101);
        Assert.StartsWith("torn: ", Assert.Single(Faults()), StringComparison.Ordinal);
    }

    [Fact]
    public void A_path_whose_accounts_are_of_two_moments_is_found()
    {
        Write("a", begin: 1, end: 9);
        Write("b", begin: 1, end: 9);
        Write("c", begin: 1, end: 9);
        Read("path", begin: 2, end: 3, held: 11, heldAbove: 111);
        Assert.StartsWith("path: ", Assert.Single(Faults()), StringComparison.Ordinal);
    }

    [Fact]
    public void What_was_given_up_may_take_effect_late_or_never_but_not_before_it_began()
    {
        GiveUp("b", begin: 1);
        Write("a", begin: 2, end: 3);
        Read("r", begin: 4, end: 5, held: 1);
        Write("c", begin: 6, end: 7);
        GiveUp("nowhere", begin: 8);
        Assert.Empty(Faults());

        _intents.RemoveAll(intent => intent.RequestId == "b");
        _givenUp.Clear();
        GiveUp("b", begin: 10);
        Assert.Equal(
            "b, which was given up, is entry 2 and began when 3 was known", Assert.Single(Faults()));
    }

    private static LedgerEvent Held(long sequence, string id, long nanos) => new()
    {
        Sequence = sequence,
        RequestId = id,
        Spender = new Spender { Session = Session },
        ReservationHeld = new ReservationHeld { CostNanos = nanos },
    };

    private void Write(string id, long begin, long end)
    {
        _intents.Add(new Intent(nameof(ReserveTokensRequest), id, 0, "", 1, 0, begin));
        _results.Add(new Result(id, $"of-{id}", 0, 0, end));
    }

    private void GiveUp(string id, long begin)
    {
        _intents.Add(new Intent(nameof(ReserveTokensRequest), id, 0, "", 1, 0, begin));
        _givenUp.Add(new GivenUp(id));
    }

    private void Read(string id, long begin, long end, long held, long? heldAbove = null)
    {
        _intents.Add(new Intent(History.Read, id, 0, "", 0, 0, begin));
        string[] balances =
        [
            new GrainBalance { Grain = Session, Held = Nanos(held) }.ToString(),
            new GrainBalance { Grain = Accounts.Tenant, Held = Nanos(heldAbove ?? held) }.ToString(),
        ];
        _readings.Add(new Reading(id, Session, balances, end));
    }

    private static Money Nanos(long nanos) => new() { Nanos = (int)nanos };

    private List<string> Faults() =>
        [.. HistoryCheck.Faults(new History(_intents, _results, _readings, _givenUp), _entries)];
}
