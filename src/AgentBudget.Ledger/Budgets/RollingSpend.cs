using AgentBudget.Protocol.Snapshot.V1;

namespace AgentBudget.Ledger.Budgets;

/// <summary>What is settled in one step of a rolling window.</summary>
internal record struct RollingStep(long Index, Spend Settled, Spend Overrun);

/// <summary>
/// The settled spend of a rolling window in steps. A step leaves as a whole once its last instant is a window's length
/// ago, so no spend counts for less than that; the end of a step is log time, the same on every machine.
/// </summary>
internal sealed class RollingSpend(long lengthNanos)
{
    /// <summary>Steps of a window: spend counts for at most a twenty-fourth longer than the window is.</summary>
    internal const int StepsPerWindow = 24;

    /// <summary>The shortest window (1 min): a step is seconds, and a busy account moves now and then only.</summary>
    internal const long LengthMinNanos = 60 * Tenants.LogTime.NanosPerSecond;

    /// <summary>The longest window (365 days).</summary>
    internal const long LengthMaxNanos = 365L * 86_400 * Tenants.LogTime.NanosPerSecond;

    private readonly List<RollingStep> _steps = [];

    public long LengthNanos => lengthNanos;

    /// <summary>When the oldest step leaves; 0 where nothing is settled.</summary>
    public long NextLeaveNanos =>
        _steps.Count == 0 ? 0 : (_steps[0].Index + 1 + StepsPerWindow) * StepNanos;

    /// <summary>The step that leaves next; there is one.</summary>
    public RollingStep Oldest => _steps[0];

    // Rounded up, so that no spend leaves early.
    private long StepNanos => (lengthNanos + StepsPerWindow - 1) / StepsPerWindow;

    public void Add(long nowNanos, in Spend settled, in Spend overrun)
    {
        long index = nowNanos / StepNanos;
        int last = _steps.Count - 1;
        if (last < 0 || _steps[last].Index != index)
        {
            Invariant.Holds(last < 0 || _steps[last].Index < index);
            _steps.Add(new RollingStep(index, settled, overrun));
            return;
        }

        RollingStep step = _steps[last];
        _steps[last] = new RollingStep(index, step.Settled.Plus(settled), step.Overrun.Plus(overrun));
    }

    /// <summary>Takes an amount back, from the newest step on, so that no step becomes less than nothing.</summary>
    public void Lower(in Spend amount)
    {
        Spend settled = amount;
        Spend overrun = amount;
        for (int place = _steps.Count - 1; place >= 0 && (settled != default || overrun != default); place--)
        {
            RollingStep step = _steps[place];
            _steps[place] = new RollingStep(step.Index, step.Settled.Above(settled), step.Overrun.Above(overrun));
            settled = settled.Above(step.Settled);
            overrun = overrun.Above(step.Overrun);
        }
    }

    public void Clear() => _steps.Clear();

    public void Leave() => _steps.RemoveAt(0);

    public IEnumerable<RollingStepState> ToState() => _steps.Select(step => new RollingStepState
    {
        Index = step.Index,
        SettledNanos = step.Settled.CostNanos,
        SettledTokens = step.Settled.Tokens,
        OverrunNanos = step.Overrun.CostNanos,
        OverrunTokens = step.Overrun.Tokens,
    });

    public void Restore(IEnumerable<RollingStepState> steps)
    {
        _steps.Clear();
        _steps.AddRange(steps.Select(step => new RollingStep(
            step.Index,
            new Spend(step.SettledNanos, step.SettledTokens),
            new Spend(step.OverrunNanos, step.OverrunTokens))));
    }
}
