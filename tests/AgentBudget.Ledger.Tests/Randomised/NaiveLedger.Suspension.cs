using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tests.Randomised;

// Suspend and resume, and breakers.
internal sealed partial class NaiveLedger
{
    public string Suspend(long number, SuspendSessionRequest request, long now)
    {
        if (Target(number, request.WholeRun, now) is not { } session) return "SessionNotFound";
        if (Answered($"{session.Number}/suspend", request.RequestId, request.Reason) is { } again) return again;
        if (!session.IsOpen) return "SessionNotOpen";
        if (session.State == "Suspended") return "SessionSuspended";
        session.State = "Suspended";
        Emit(now, $"suspended s{session.Number} {request.Reason}", session);
        return Remember($"{session.Number}/suspend", request.RequestId, request.Reason, now);
    }

    public string Resume(long number, ResumeSessionRequest request, long now)
    {
        if (Target(number, request.WholeRun, now) is not { } session) return "SessionNotFound";
        if (Answered($"{session.Number}/resume", request.RequestId, request.Reason) is { } again) return again;
        if (!session.IsOpen) return "SessionNotOpen";
        if (session.State != "Suspended") return "SessionNotSuspended";
        Tell(session, now, mayTrip: false);
        Resume(session, now);
        Emit(now, $"resumed s{session.Number} {request.Reason}", session);
        return Remember($"{session.Number}/resume", request.RequestId, request.Reason, now);
    }

    public string Reset(ResetBreakerRequest request, long now)
    {
        long number = long.Parse(request.Grain["sessions/s".Length..]);
        if (Find(number, now) is not { } session) return "SessionNotFound";
        if (Answered($"{number}/reset", request.RequestId, request.Reason) is { } again) return again;
        if (!session.IsOpen) return "SessionNotOpen";
        Tell(session, now, mayTrip: false);
        NaiveSession root = session.Lineage[^1];
        NaiveSession? resumed = session.SuspendedBy is not null ? session : root.SuspendedBy == session ? root : null;
        if (resumed is not null) Resume(resumed, now);
        session.Watch?.Reset();
        Emit(now, $"reset s{number} {resumed?.Grain.Name}", session);
        return Remember($"{number}/reset", request.RequestId, request.Reason, now);
    }

    /// <summary>A restart: what was counted and not told is gone.</summary>
    public void ForgetUntold()
    {
        foreach (NaiveSession session in Sessions) session.Window = new NaiveWindow();
    }

    // The first 8 of a reason within ten seconds are told, the rest is told together.
    private bool IsOnlyCounted(NaiveSession session, string reason, long now)
    {
        NaiveWindow window = session.Window;
        if (now >= window.End && window.Untold.Count == 0)
        {
            window.Told.Clear();
            window.End = now + (10 * Second);
        }

        int told = window.Told.Count(known => known == reason);
        if (told < 8)
        {
            window.Told.Add(reason);
            return false;
        }

        window.Untold.Add((reason, now));
        NaiveBreaker? breaker = session.Agent.Breakers?.Refusals;
        bool trips = session.Watch is { } watch && watch.Refusals + window.Untold.Count > breaker?.Limit
            && !watch.Told.Contains("Refusals") && session.Lineage.All(owner => owner.State == "Open");
        if (trips) Tell(session, now, mayTrip: true);
        else window.Due ??= Math.Min(window.End, session.Forget ?? long.MaxValue);
        return true;
    }

    private void Tell(NaiveSession session, long now, bool mayTrip)
    {
        NaiveWindow window = session.Window;
        if (window.Untold.Count == 0) return;
        LogTime = now;
        foreach (IGrouping<Reason, (string Reason, long Time)> same in window.Untold
            .GroupBy(refusal => Enum.Parse<Reason>(refusal.Reason)).OrderBy(same => same.Key))
        {
            Events.Add(
                $"{Events.Count + 1} {now} coalesced s{session.Number} {same.Key} {same.Count()} {same.First().Time}");
        }

        session.Refused += window.Untold.Count;
        if (session.Watch is not null) session.Watch.Refusals += window.Untold.Count;
        window.Untold.Clear();
        window.Due = null;
        while (mayTrip && Trip(session) is { } tripped) Events.Add($"{Events.Count + 1} {now} {tripped}");
    }

    private NaiveSession? Target(long number, bool isWholeRun, long now) =>
        isWholeRun ? Find(number, now)?.Lineage[^1] : Find(number, now);

    private static void Resume(NaiveSession session, long now)
    {
        session.State = "Open";
        session.Watch?.Reset();
        if (!(session.SuspendedBy?.Forget <= now)) session.SuspendedBy?.Watch?.Reset();
        session.SuspendedBy = null;
    }

    // The nearest session's first breaker that is beyond its limit and was not told.
    private static string? Trip(NaiveSession session)
    {
        foreach (NaiveSession owner in session.Lineage)
        {
            if (owner.Watch is not { } watch || owner.Lineage.Any(above => above.State != "Open")) continue;
            foreach ((string name, decimal count, NaiveBreaker? breaker, bool isReached) in watch.Counts())
            {
                if (breaker is null || !isReached || !watch.Told.Add(name)) continue;
                NaiveSession suspended = breaker.IsOfRun ? owner.Lineage[^1] : owner;
                string whom = "";
                if (breaker.Enforces)
                {
                    (suspended.State, suspended.SuspendedBy) = ("Suspended", owner);
                    whom = suspended.Grain.Name;
                }

                return $"tripped s{owner.Number} {name} {count} {breaker.Limit} {whom}";
            }
        }

        return null;
    }
}

internal sealed record NaiveBreaker(decimal Limit, bool Enforces, bool IsOfRun);

internal sealed record NaiveBreakers(
    NaiveBreaker? SameToolCall, NaiveBreaker? BurnRate, NaiveBreaker? Steps, NaiveBreaker? Refusals);

/// <summary>What the breakers of an agent see of one session.</summary>
internal sealed class NaiveWatch(NaiveBreakers breakers)
{
    private readonly List<string> _calls = [];
    private readonly List<(long Second, decimal Nanos)> _charges = [];
    private long _lastCharge;
    private int _steps;

    public int Refusals { get; set; }

    public HashSet<string> Told { get; } = [];

    public void CountCall(bool isStep, string tool, string digest)
    {
        if (isStep) _steps++;
        Refusals = 0;
        Told.Remove("Refusals");
        if (tool.Length == 0) return;
        string call = digest.Length == 0 ? $"unknown {_calls.Count}" : $"{tool} {digest}";
        if (_calls.LastOrDefault() != call) Told.Remove("SameToolCall");
        _calls.Add(call);
    }

    public void CountCharge(long now, decimal nanos)
    {
        _lastCharge = now / NaiveLedger.Second;
        _charges.Add((_lastCharge, nanos));
        if (breakers.BurnRate is not null && Burned() <= breakers.BurnRate.Limit) Told.Remove("BurnRate");
    }

    public void Reset()
    {
        _calls.Clear();
        _charges.Clear();
        _steps = Refusals = 0;
        Told.Clear();
    }

    public IEnumerable<(string Name, decimal Count, NaiveBreaker? Breaker, bool IsReached)> Counts()
    {
        int same = _calls.Count > 0 && !_calls[^1].StartsWith("unknown", StringComparison.Ordinal)
            ? _calls.AsEnumerable().Reverse().TakeWhile(call => call == _calls[^1]).Count()
            : 0;
        yield return ("SameToolCall", same, breakers.SameToolCall, same >= breakers.SameToolCall?.Limit);
        yield return ("BurnRate", Burned(), breakers.BurnRate, Burned() > breakers.BurnRate?.Limit);
        yield return ("StepsWithoutOutcome", _steps, breakers.Steps, _steps > breakers.Steps?.Limit);
        yield return ("Refusals", Refusals, breakers.Refusals, Refusals > breakers.Refusals?.Limit);
    }

    // The ten seconds of the last charge and the fifty before them.
    private decimal Burned() => _charges
        .Where(charge => charge.Second / 10 > (_lastCharge / 10) - 6)
        .Sum(charge => charge.Nanos);
}

/// <summary>Refusals of one session within ten seconds.</summary>
internal sealed class NaiveWindow
{
    public List<string> Told { get; } = [];

    public List<(string Reason, long Time)> Untold { get; } = [];

    public long End { get; set; }

    public long? Due { get; set; }
}
