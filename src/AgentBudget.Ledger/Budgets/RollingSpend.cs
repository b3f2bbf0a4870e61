using AgentBudget.Ledger.Prices;
using AgentBudget.Protocol.Snapshot.V1;

namespace AgentBudget.Ledger.Budgets;

/// <summary>What is settled in one step of a rolling window.</summary>
internal record struct RollingStep(long Index, Total Settled, Total Overrun);

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

    public void Add(long nowNanos, in Total settled, in Total overrun)
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
        _steps[last] = new RollingStep(index, step.Settled + settled, step.Overrun + overrun);
    }

    /// <summary>
    /// Takes back a charge of a time, all of which was overrun, from its step; false where that has left. A step of
    /// nothing stays until it leaves.
    /// </summary>
    public bool TryTake(long chargedNanos, in Spend charge)
    {
        long index = chargedNanos / StepNanos;
        int place = _steps.FindIndex(step => step.Index == index);
        if (place < 0) return false;
        RollingStep found = _steps[place];
        var taken = Total.Of(charge);
        bool isThere = found.Overrun.Nanos >= taken.Nanos && found.Overrun.Tokens >= taken.Tokens;
        if (isThere) _steps[place] = new RollingStep(index, found.Settled - taken, found.Overrun - taken);
        return isThere;
    }

    /// <summary>Takes an amount back, from the newest step on, so that no step becomes less than nothing.</summary>
    public void Lower(in Spend amount)
    {
        var settled = Total.Of(amount);
        var overrun = Total.Of(amount);
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
        SettledNanos = WideSum.Low(step.Settled.Nanos),
        SettledNanosHigh = WideSum.High(step.Settled.Nanos),
        SettledTokens = WideSum.Low(step.Settled.Tokens),
        SettledTokensHigh = WideSum.High(step.Settled.Tokens),
        OverrunNanos = WideSum.Low(step.Overrun.Nanos),
        OverrunNanosHigh = WideSum.High(step.Overrun.Nanos),
        OverrunTokens = WideSum.Low(step.Overrun.Tokens),
        OverrunTokensHigh = WideSum.High(step.Overrun.Tokens),
    });

    public void Restore(IEnumerable<RollingStepState> steps)
    {
        _steps.Clear();
        _steps.AddRange(steps.Select(step => new RollingStep(
            step.Index,
            new Total(
                WideSum.Of(step.SettledNanos, step.SettledNanosHigh),
                WideSum.Of(step.SettledTokens, step.SettledTokensHigh)),
            new Total(
                WideSum.Of(step.OverrunNanos, step.OverrunNanosHigh),
                WideSum.Of(step.OverrunTokens, step.OverrunTokensHigh)))));
    }
}
