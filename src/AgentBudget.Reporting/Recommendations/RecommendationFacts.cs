using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Reporting.Recommendations;

/// <summary>
/// Folds a ledger from its beginning into what recommendations of a period follow from. Not thread-safe.
/// </summary>
/// <param name="start">The first instant of the period.</param>
/// <param name="end">The first instant after it.</param>
public sealed partial class RecommendationFacts(Timestamp start, Timestamp end)
{
    private const long ShortOutputTokens = 500; // As the contract says.
    private const long ConversationSeconds = 300; // As long as a cache lives at least.
    private const int PeriodsMax = 3;
    private const string UseCasePrefix = "useCases/";

    private readonly Dictionary<long, OpenHold> _holds = [];
    private readonly Dictionary<string, SessionFacts> _sessions = new(StringComparer.Ordinal);
    private readonly Dictionary<string, RunFacts> _runs = new(StringComparer.Ordinal);
    private readonly Dictionary<(string UseCase, string Model), ModelUse> _uses = [];
    private readonly Dictionary<string, HoldUse> _holdUses = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (long Calls, Int128 Nanos)> _repeated = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Grain, string Window), Queue<Int128>> _periods = [];
    private readonly List<EndedRun> _ended = [];
    private Int128 _costNanos;
    private long _sequence;
    private Timestamp _time = new();

    /// <summary>Takes the next event. It is not kept.</summary>
    public void Accept(LedgerEvent ledgerEvent)
    {
        ArgumentNullException.ThrowIfNull(ledgerEvent);
        (_sequence, _time) = (ledgerEvent.Sequence, ledgerEvent.Time);
        switch (ledgerEvent.FactCase)
        {
            case LedgerEvent.FactOneofCase.SessionOpened:
                _sessions[ledgerEvent.Spender.Session] = new SessionFacts(ledgerEvent.SessionOpened.Unattended);
                break;
            case LedgerEvent.FactOneofCase.SessionEnded:
                End(ledgerEvent);
                break;
            case LedgerEvent.FactOneofCase.SessionClosed:
                foreach (long released in ledgerEvent.SessionClosed.Released) Close(ledgerEvent, released);
                _sessions.Remove(ledgerEvent.Spender.Session);
                break;
            case LedgerEvent.FactOneofCase.ReservationHeld:
                Hold(ledgerEvent);
                break;
            case LedgerEvent.FactOneofCase.ReservationAmended:
                Amend(ledgerEvent);
                break;
            case LedgerEvent.FactOneofCase.ReservationSettled:
                Settle(ledgerEvent, ledgerEvent.ReservationSettled);
                break;
            case LedgerEvent.FactOneofCase.ReservationReleased:
                Close(ledgerEvent, ledgerEvent.ReservationReleased.Reservation);
                break;
            case LedgerEvent.FactOneofCase.ReservationExpired:
                Close(ledgerEvent, ledgerEvent.ReservationExpired.Reservation);
                break;
            case LedgerEvent.FactOneofCase.ReservationRefused when IsWithin(ledgerEvent.Time):
                Refuse(ledgerEvent.Spender, ledgerEvent.ReservationRefused);
                break;
            case LedgerEvent.FactOneofCase.CostRecorded:
                RunOf(ledgerEvent.Spender).CostNanos += ledgerEvent.CostRecorded.CostNanos;
                break;
            case LedgerEvent.FactOneofCase.PeriodEnded when ledgerEvent.Time.CompareTo(end) < 0:
                Remember(ledgerEvent.PeriodEnded);
                break;
            default:
                break; // Nothing else spends, holds or ends what does.
        }
    }

    private void Hold(LedgerEvent ledgerEvent)
    {
        ReservationHeld held = ledgerEvent.ReservationHeld;
        Spender spender = ledgerEvent.Spender;
        _holds[ledgerEvent.Sequence] = new OpenHold(
            spender.UseCase, held.CostNanos, ledgerEvent.Time.Seconds, held.ServiceTier,
            IsRepeated(spender, held) ? spender.Agent : "");
    }

    // The first call of a tool with the same arguments is none too many.
    private bool IsRepeated(Spender spender, ReservationHeld held)
    {
        if (held.ToolArgumentsDigest.Length == 0 || !_sessions.TryGetValue(spender.Session, out SessionFacts? session))
            return false;
        (string, string) call = (held.Tool, held.ToolArgumentsDigest);
        int times = session.ToolCalls[call] = session.ToolCalls.GetValueOrDefault(call) + 1;
        return times > 1;
    }

    private void Amend(LedgerEvent ledgerEvent)
    {
        ReservationAmended amended = ledgerEvent.ReservationAmended;
        if (!_holds.TryGetValue(amended.Reservation, out OpenHold? hold)) return;
        AddHold(hold, hold.SettledNanos, ledgerEvent.Time);
        _holds[amended.Reservation] =
            hold with { HeldNanos = amended.CostNanos, SinceSeconds = ledgerEvent.Time.Seconds };
    }

    private void Close(LedgerEvent ledgerEvent, long reservation)
    {
        if (_holds.Remove(reservation, out OpenHold? hold)) AddHold(hold, hold.SettledNanos, ledgerEvent.Time);
    }

    private void AddHold(OpenHold hold, long settledNanos, Timestamp until)
    {
        long from = Math.Max(hold.SinceSeconds, start.Seconds);
        long to = Math.Min(until.Seconds, end.Seconds);
        if (to >= from && hold.UseCase.Length > 0) HoldUseOf(hold.UseCase).Add(hold.HeldNanos, settledNanos, to - from);
    }

    private void Refuse(Spender spender, ReservationRefused refused)
    {
        bool fits = refused.Unit == ReservationRefused.Types.Unit.Nanos
            && refused is { SettledHigh: 0, HeldHigh: 0 }
            && refused.Limit - refused.Settled >= refused.Requested;
        if (fits && refused.Held > 0 && spender.UseCase.Length > 0) HoldUseOf(spender.UseCase).RefusedThatFit++;
    }

    private void Settle(LedgerEvent ledgerEvent, ReservationSettled settled)
    {
        Spender spender = ledgerEvent.Spender;
        long nanos = settled.CostNanos - (settled.ExpiryCharge?.CostNanos ?? 0);
        RunFacts run = RunOf(spender);
        run.CostNanos += nanos;
        if (settled.Model.Length > 0) run.Models.Add(settled.Model);
        _holds.TryGetValue(settled.Reservation, out OpenHold? hold);
        bool isWhole = settled is { Final: true, Disputed: false, ExpiryCharge: null } && hold is { SettledNanos: 0 };
        if (hold is not null)
        {
            hold = hold with { SettledNanos = hold.SettledNanos + nanos };
            _holds[settled.Reservation] = hold;
            if (settled.Final) Close(ledgerEvent, settled.Reservation);
        }

        if (!IsWithin(ledgerEvent.Time)) return;
        _costNanos += nanos;
        if (hold is { RepeatedBy.Length: > 0 })
        {
            (long calls, Int128 sum) = _repeated.GetValueOrDefault(hold.RepeatedBy);
            _repeated[hold.RepeatedBy] = (calls + 1, sum + nanos);
        }

        // What was settled bit by bit, or taken back, is no call to judge by itself.
        if (isWhole && settled.Lines.Count > 0 && settled.Model.Length > 0 && spender.UseCase.Length > 0)
            Judge(ledgerEvent, settled);
    }

    private void End(LedgerEvent ledgerEvent)
    {
        Spender spender = ledgerEvent.Spender;
        if (spender.Run.Length > 0 || !_runs.TryGetValue(spender.Session, out RunFacts? run)) return;
        if (!IsWithin(ledgerEvent.Time)) return;
        Outcome.Types.Status? status = ledgerEvent.SessionEnded.Outcome?.Status;
        _ended.Add(new EndedRun(
            spender.UseCase, run.CostNanos, status == Outcome.Types.Status.Success,
            status == Outcome.Types.Status.Failure, run.Models));
    }

    private void Remember(PeriodEnded ended)
    {
        if (!_periods.TryGetValue((ended.Grain, ended.Window), out Queue<Int128>? last))
            _periods.Add((ended.Grain, ended.Window), last = new Queue<Int128>());
        last.Enqueue(((Int128)ended.SettledNanosHigh << 63) + ended.SettledNanos);
        if (last.Count > PeriodsMax) last.Dequeue();
    }

    private bool IsWithin(Timestamp time) => time.CompareTo(start) >= 0 && time.CompareTo(end) < 0;

    private RunFacts RunOf(Spender spender)
    {
        string name = spender.Run.Length > 0 ? spender.Run : spender.Session;
        if (!_runs.TryGetValue(name, out RunFacts? run)) _runs.Add(name, run = new RunFacts());
        return run;
    }

    private HoldUse HoldUseOf(string useCase)
    {
        if (!_holdUses.TryGetValue(useCase, out HoldUse? use)) _holdUses.Add(useCase, use = new HoldUse());
        return use;
    }

    private sealed record OpenHold(
        string UseCase, long HeldNanos, long SinceSeconds, ServiceTier Tier, string RepeatedBy, long SettledNanos = 0);

    private sealed class RunFacts
    {
        public Int128 CostNanos { get; set; }

        public HashSet<string> Models { get; } = new(StringComparer.Ordinal);
    }

    private sealed class SessionFacts(bool isUnattended)
    {
        public bool IsUnattended { get; } = isUnattended;

        public Dictionary<(string Tool, string Digest), int> ToolCalls { get; } = [];

        /// <summary>The last call by model.</summary>
        public Dictionary<string, LastCall> LastCalls { get; } = new(StringComparer.Ordinal);
    }
}
