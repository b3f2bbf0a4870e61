using System.Collections.Concurrent;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Grains.Tests.Support;

/// <summary>
/// Gateways that reserve, commit and release at whichever silo runs, each call again with its request id until it is
/// answered; and what they were told.
/// </summary>
internal sealed class Callers
{
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(4);
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(20);

    private readonly ConcurrentDictionary<string, Answer> _answers = new();
    private readonly ConcurrentDictionary<TenantFault, int> _faults = new();
    private readonly TestCluster _cluster;
    private readonly Task[] _callers;
    private int _answered;
    private int _asked;
    private volatile bool _isEnough;

    public Callers(TestCluster cluster, long[] sessions)
    {
        _cluster = cluster;
        _callers = [.. sessions.Select((session, caller) => Task.Run(() => CallAsync(session, caller)))];
    }

    /// <summary>What tenants said instead of an answer.</summary>
    public IEnumerable<TenantFault> Faults => _faults.Keys;

    public int Answered => Volatile.Read(ref _answered);

    /// <summary>Waits until so many more calls are answered.</summary>
    public Task AnsweredAsync(int more)
    {
        int enough = Answered + more;
        return Waiting.UntilAsync(() => Answered >= enough || HasFailed(), $"{more} more answers");
    }

    /// <summary>Lets each caller end its call.</summary>
    public async Task StopAsync()
    {
        _isEnough = true;
        await Waiting.WithinAsync(Task.WhenAll(_callers), "the callers' last answers");
    }

    /// <summary>
    /// Every answer is the journal's, once; what was refused without a record never took effect; the audit is clean.
    /// </summary>
    public async Task AssertEffectsAsync()
    {
        (_, List<LedgerEvent> journal) = await _cluster.AuditAsync();
        Dictionary<string, LedgerEvent> byId = [];
        foreach (LedgerEvent read in journal.Where(read => read.RequestId.Length > 0))
            Assert.True(byId.TryAdd(read.RequestId, read), $"{read.RequestId} had two effects");
        foreach ((string id, Answer answer) in _answers)
        {
            if (answer.Event is { Sequence: > 0 } recorded) Assert.Equal(byId[id], recorded);
            else Assert.False(byId.ContainsKey(id), $"{id} was refused and took effect");
        }

        HashSet<string> asked = [.. _answers.Keys];
        string[] unasked =
            [.. byId.Keys.Where(id => id.StartsWith("call-", StringComparison.Ordinal) && !asked.Contains(id))];
        Assert.True(unasked.Length <= _callers.Length, $"nobody asked for {string.Join(", ", unasked)}");
    }

    private bool HasFailed() => Array.Exists(_callers, static caller => caller.IsFaulted);

    private async Task CallAsync(long session, int caller)
    {
        string last = "";
        for (int call = 0; !_isEnough; call++)
        {
            string id = $"call-{caller}-{call}";
            Answer? held = await AnswerAsync(Acme.Reserve(session, id, ttl: TimeSpan.FromSeconds(1)), id);
            if (held?.Event?.ReservationHeld is not null && call % 4 != 0)
            {
                long reservation = held.Value.Event!.Sequence;
                string end = $"{id}-end";
                if (call % 4 == 1) await AnswerAsync(Acme.Commit(session, reservation, end, tokens: 1), end);
                else await AnswerAsync(Acme.Release(session, reservation, end), end);
            }

            // The same request once more, as a gateway sends it that did not hear the answer.
            if (call % 8 == 0 && last.Length > 0)
                await AnswerAsync(Acme.Reserve(session, last, ttl: TimeSpan.FromSeconds(1)), last);
            last = id;
            await Task.Delay(Pace);
        }
    }

    private async Task<Answer?> AnswerAsync(Command command, string id)
    {
        long began = TimeProvider.System.GetTimestamp();
        while (true)
        {
            IReadOnlyList<ClusterSilo> silos = _cluster.Silos;
            if (silos.Count > 0 && await TryAsync(silos[Interlocked.Increment(ref _asked) % silos.Count], command)
                is { } answer)
            {
                Note(id, answer);
                return answer;
            }

            if (_isEnough && _cluster.IsStopped) return null;
            if (TimeProvider.System.GetElapsedTime(began) > Waiting.Patience)
                throw new TimeoutException($"missing: an answer to {id}");
            await Task.Delay(RetryDelay);
        }
    }

    private async Task<Answer?> TryAsync(ClusterSilo silo, Command command)
    {
        try
        {
            Task<Answer> call = silo.Tenants.SubmitAsync(Acme.Tenant, command).AsTask();
            return await Task.WhenAny(call, silo.Gone) == call ? await call : null;
        }
        catch (TenantException fault)
        {
            _faults.AddOrUpdate(fault.Fault, 1, static (_, count) => count + 1);
            return null;
        }
    }

    private void Note(string id, Answer answer)
    {
        Interlocked.Increment(ref _answered);
        if (_answers.TryAdd(id, answer)) return;
        // A refusal that was told together with others has no record to be repeated from.
        if (_answers[id].Event is { Sequence: > 0 } first) Assert.Equal(first, answer.Event);
        else _answers[id] = answer;
    }
}
