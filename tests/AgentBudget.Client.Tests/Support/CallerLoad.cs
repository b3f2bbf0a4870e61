using System.Collections.Concurrent;
using System.Diagnostics;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Client.Tests.Support;

/// <summary>
/// Concurrent callers, each of which reserves and then settles or releases, again and again. Counts what was
/// acknowledged, and how long each call took, so that balances can be compared with it.
/// </summary>
internal sealed class CallerLoad(AgentBudgetClient client, IReadOnlyList<string> sessions)
{
    private readonly ConcurrentQueue<AgentBudgetException> _failures = [];
    private readonly long[] _settledBySession = new long[sessions.Count];
    private readonly long[] _unknownBySession = new long[sessions.Count];
    private long _acknowledged;
    private long _longestTicks;

    public long Acknowledged => Volatile.Read(ref _acknowledged);

    public TimeSpan Longest => new(Volatile.Read(ref _longestTicks));

    public IReadOnlyCollection<AgentBudgetException> Failures => _failures;

    /// <summary>Tokens that acknowledged commits settled on a session.</summary>
    public long SettledOf(int session) => Volatile.Read(ref _settledBySession[session]);

    /// <summary>Tokens of calls that failed and may have had their effect.</summary>
    public long UnknownOf(int session) => Volatile.Read(ref _unknownBySession[session]);

    /// <summary>Runs so many callers until the disturbance has ended, and each to the end of its round.</summary>
    public Task RunAsync(int callers, Task disturbance) => Task.WhenAll(
        Enumerable.Range(0, callers).Select(caller => Task.Run(() => RunCallerAsync(caller, disturbance))));

    private async Task RunCallerAsync(int caller, Task disturbance)
    {
        int session = caller % sessions.Count;
        for (int round = 0; round == 0 || !disturbance.IsCompleted; round++)
        {
            long tokens = 1 + ((caller + round) % 50);
            ReserveTokensResponse? held = await TimedAsync(
                () => client.ReserveAsync(TestBudget.Reserve(sessions[session], tokens)), session, tokens: 0);
            if (held is null) continue;
            Assert.Equal(Decision.Allow, held.Decision);
            string reservation = held.Reservation.ReservationId;
            if ((caller + round) % 3 == 0)
            {
                await TimedAsync(
                    () => client.ReleaseAsync(new ReleaseTokensRequest
                    {
                        SessionToken = sessions[session],
                        ReservationId = reservation,
                    }),
                    session,
                    tokens: 0);
                continue;
            }

            CommitTokensResponse? settled = await TimedAsync(
                () => client.CommitAsync(TestBudget.Commit(sessions[session], reservation, tokens)), session, tokens);
            if (settled is null) continue;
            Assert.Equal(tokens, settled.Settled.Tokens);
            Assert.False(settled.Late);
            Interlocked.Add(ref _settledBySession[session], tokens);
        }
    }

    private async Task<T?> TimedAsync<T>(Func<Task<T>> call, int session, long tokens)
        where T : class
    {
        long start = Stopwatch.GetTimestamp();
        try
        {
            T answer = await call();
            Interlocked.Increment(ref _acknowledged);
            return answer;
        }
        catch (AgentBudgetException fault)
        {
            _failures.Enqueue(fault);
            if (fault.MayHaveHadEffect) Interlocked.Add(ref _unknownBySession[session], tokens);
            return null;
        }
        finally
        {
            NoteDuration(Stopwatch.GetElapsedTime(start).Ticks);
        }
    }

    private void NoteDuration(long ticks)
    {
        long longest = Volatile.Read(ref _longestTicks);
        while (ticks > longest)
        {
            long seen = Interlocked.CompareExchange(ref _longestTicks, ticks, longest);
            if (seen == longest) return;
            longest = seen;
        }
    }
}
