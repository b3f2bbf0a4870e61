using AgentBudget.Ledger.Requests;
using AgentBudget.Protocol.Snapshot.V1;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Sessions;

/// <summary>
/// What an agent's breakers count of one session. Changed by events only. A breaker that has tripped is told again only
/// after its count was within its limit in between.
/// </summary>
internal sealed class BreakerCounts
{
    private readonly MinuteRing _burn = new();
    private ulong _lastCall;
    private string _lastTool = "";
    private long _sameCalls;
    private long _steps;
    private long _refusals;
    private int _tripped;

    /// <summary>The tool that was called last; empty for none.</summary>
    public string LastTool => _lastTool;

    /// <summary>A call was granted.</summary>
    public void CountCall(bool isStep, string tool, string argumentsDigest)
    {
        if (isStep) _steps++;
        _refusals = 0;
        Rearm(Breaker.Refusals);
        if (tool.Length == 0) return;
        ulong call = argumentsDigest.Length == 0 ? 0 : new Fingerprint(0).Add(tool).Add(argumentsDigest).Value;
        if (call != 0 && call == _lastCall)
        {
            _sameCalls++;
            return;
        }

        _lastCall = call;
        _lastTool = tool;
        _sameCalls = call == 0 ? 0 : 1;
        Rearm(Breaker.SameToolCall);
    }

    /// <summary>Calls were refused.</summary>
    public void CountRefusals(long refusals) => _refusals += refusals;

    /// <summary>Whether so many more refusals make their breaker trip.</summary>
    public bool TripsWith(long refusals, long limit) =>
        !HasTripped(Breaker.Refusals) && refusals > limit - _refusals;

    /// <summary>Money was charged.</summary>
    public void CountCharge(long nanos, long nowNanos, long limitNanos)
    {
        _burn.Add(nanos, nowNanos);
        if (_burn.Sum() <= limitNanos) Rearm(Breaker.BurnRate);
    }

    /// <summary>The first breaker that trips now and has not tripped before; Unspecified for none.</summary>
    public Breaker Find(BreakerRules rules)
    {
        if (_sameCalls >= rules.SameToolCall.Limit && !HasTripped(Breaker.SameToolCall)) return Breaker.SameToolCall;
        if (rules.BurnRate.Limit != BreakerRule.None.Limit && _burn.Sum() > rules.BurnRate.Limit
            && !HasTripped(Breaker.BurnRate))
        {
            return Breaker.BurnRate;
        }

        if (_steps > rules.StepsWithoutOutcome.Limit && !HasTripped(Breaker.StepsWithoutOutcome))
            return Breaker.StepsWithoutOutcome;
        bool refuses = _refusals > rules.Refusals.Limit && !HasTripped(Breaker.Refusals);
        return refuses ? Breaker.Refusals : Breaker.Unspecified;
    }

    public long CountOf(Breaker breaker) => breaker switch
    {
        Breaker.Unspecified => 0,
        Breaker.SameToolCall => _sameCalls,
        Breaker.BurnRate => _burn.Sum(),
        Breaker.StepsWithoutOutcome => _steps,
        Breaker.Refusals => _refusals,
        Breaker.SuspendedSessions or Breaker.RefusalsOfAgent or Breaker.BurnRateOfAgent => 0,
    };

    public void MarkTripped(Breaker breaker) => _tripped |= 1 << (int)breaker;

    /// <summary>Counts from zero again.</summary>
    public void Reset()
    {
        _burn.Clear();
        _lastCall = 0;
        _lastTool = "";
        _sameCalls = _steps = _refusals = 0;
        _tripped = 0;
    }

    public BreakerState ToState() => new()
    {
        LastCall = _lastCall,
        LastTool = _lastTool,
        SameCalls = _sameCalls,
        Steps = _steps,
        Refusals = _refusals,
        BurnBucket = _burn.Step,
        BurnNanos = { _burn.Counts },
        Tripped = _tripped,
    };

    public static BreakerCounts Restore(BreakerState state)
    {
        var counts = new BreakerCounts
        {
            _lastCall = state.LastCall,
            _lastTool = state.LastTool,
            _sameCalls = state.SameCalls,
            _steps = state.Steps,
            _refusals = state.Refusals,
            _tripped = state.Tripped,
        };
        counts._burn.Restore(state.BurnBucket, state.BurnNanos);
        return counts;
    }

    private bool HasTripped(Breaker breaker) => (_tripped & (1 << (int)breaker)) != 0;

    private void Rearm(Breaker breaker) => _tripped &= ~(1 << (int)breaker);
}
