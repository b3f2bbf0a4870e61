using AgentBudget.Protocol.V1;

namespace AgentBudget.Simulation.Tests.Properties;

/// <summary>
/// Everything there is in a small scope: two limited levels, two holds, amounts around the limit, ends at the edges of
/// their time, in both orders. Most faults of a ledger show in one of these.
/// </summary>
public sealed class SmallScopeTests
{
    private const long Limit = 10;
    private const long TtlSeconds = 60;
    private const int Ends = 7; // Five amounts to commit, a release, and nothing.

    private static readonly long[] Amounts = [0, 1, Limit - 1, Limit, Limit + 1];
    private static readonly (long UseCase, long Tenant)[] Limits =
        [(Limit, Limit), (Limit, 2 * Limit), (2 * Limit, Limit)];

    private static readonly long[] Times =
        [0, (TtlSeconds * AuditedRun.NanosPerSecond) - 1, TtlSeconds * AuditedRun.NanosPerSecond];

    public static TheoryData<long, long> Holds
    {
        get
        {
            var pairs = new TheoryData<long, long>();
            foreach (long first in Amounts)
            {
                foreach (long second in Amounts) pairs.Add(first, second);
            }

            return pairs;
        }
    }

    [Theory]
    [MemberData(nameof(Holds))]
    public void Two_holds_end_in_every_way_and_the_ledger_is_exact(long first, long second)
    {
        int runs = 0;
        foreach ((long useCase, long tenant) in Limits)
        {
            for (int end = 0; end < Ends * Ends; end++)
            {
                for (int at = 0; at < Times.Length * Times.Length * 4; at++)
                {
                    (long earlier, long later) = (Times[at / 4 % Times.Length], Times[at / 4 / Times.Length]);
                    if (earlier > later) continue;
                    var run = new AuditedRun(useCase, tenant);
                    OnExpiry onExpiry = (at & 1) == 0 ? OnExpiry.Refund : OnExpiry.Charge;
                    Play(run, first, second, onExpiry, isReversed: (at & 2) != 0, end, earlier, later);
                    if (run.Fault() is { } fault)
                        Assert.Fail($"holds {first}, {second} of {useCase}/{tenant}, ends {end}, times {at}: {fault}");
                    runs++;
                }
            }
        }

        Assert.Equal(Limits.Length * Ends * Ends * 6 * 4, runs);
    }

    private static void Play(
        AuditedRun run, long first, long second, OnExpiry onExpiry, bool isReversed, int end, long earlier, long later)
    {
        long session = run.Newest(0);
        long firstHold = run.Reserve(session, first, TtlSeconds, onExpiry);
        long secondHold = run.Reserve(session, second, TtlSeconds, onExpiry);
        (int firstEnd, int secondEnd) = (end / Ends, end % Ends);
        if (isReversed) (firstHold, secondHold, firstEnd, secondEnd) = (secondHold, firstHold, secondEnd, firstEnd);
        run.Advance(earlier);
        End(run, session, firstHold, firstEnd);
        run.Advance(later - earlier);
        End(run, session, secondHold, secondEnd);
        run.Advance(TtlSeconds * AuditedRun.NanosPerSecond);
    }

    private static void End(AuditedRun run, long session, long hold, int end)
    {
        if (hold == 0) return;
        if (end < Amounts.Length) run.Commit(session, hold, Amounts[end], isFinal: true);
        else if (end == Amounts.Length) run.Release(session, hold);
    }
}
