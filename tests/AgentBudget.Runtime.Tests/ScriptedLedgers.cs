using System.Globalization;
using System.Text;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Runtime.Turns;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Runtime.Tests;

/// <summary>Records a text once per id.</summary>
internal sealed record NoteCommand(string Id, int Bytes = 0) : Command;

/// <summary>Sets a deadline.</summary>
internal sealed record DeadlineCommand(string Id, long AtNanos) : Command;

/// <summary>Changes half of the state and throws.</summary>
internal sealed record DefectCommand : Command;

/// <summary>Ledgers with rules of three lines and faults that real grains do not have.</summary>
internal sealed class ScriptedLedgers : ITurnLedgers, IDisposable
{
    private readonly SemaphoreSlim _handled = new(0);
    private int _applied;
    private bool _deadlinesFail;

    /// <summary>Asked before each restore; what it answers is thrown.</summary>
    public Func<Exception?>? OnRestore { get; set; }

    /// <summary>Runs inside each turn of a note, on the step.</summary>
    public Action? OnNote { get; set; }

    public bool DeadlinesFail
    {
        get => Volatile.Read(ref _deadlinesFail);
        set => Volatile.Write(ref _deadlinesFail, value);
    }

    /// <summary>Events that were replayed.</summary>
    public int Applied => _applied;

    /// <summary>Completes when as many commands were handled that no earlier call has waited for.</summary>
    public async Task HandledAsync(int commands)
    {
        for (int i = 0; i < commands; i++)
        {
            if (!await _handled.WaitAsync(Fixture.Patience))
                throw new TimeoutException($"only {i} commands were handled");
        }
    }

    public void Dispose() => _handled.Dispose();

    public ITurnLedger Create(string tenant) => new Ledger(this);

    public ITurnLedger Restore(string tenant, ReadOnlySpan<byte> snapshot)
    {
        if (OnRestore?.Invoke() is { } exception) throw exception;
        var ledger = new Ledger(this);
        ledger.Restore(Encoding.UTF8.GetString(snapshot[1..]));
        return ledger;
    }

    private sealed class Ledger(ScriptedLedgers script) : ITurnLedger
    {
        private const string Due = "due";
        private readonly SortedDictionary<string, long> _requests = new(StringComparer.Ordinal);
        private readonly List<long> _deadlines = [];

        public long Sequence { get; private set; }

        public long LogTimeNanos { get; private set; }

        public int OpenSessions => 0;

        public long NextDeadlineNanos => _deadlines.Count == 0 ? long.MaxValue : _deadlines.Min();

        public Answer Handle(Command command, long nowNanos, List<LedgerEvent> events)
        {
            try
            {
                return HandleCore(command, nowNanos, events);
            }
            finally
            {
                script._handled.Release();
            }
        }

        private Answer HandleCore(Command command, long nowNanos, List<LedgerEvent> events)
        {
            while (NextDeadlineNanos <= nowNanos) HandleDeadlines(nowNanos, events);
            switch (command)
            {
                case NoteCommand note:
                    script.OnNote?.Invoke();
                    return Record(note.Id, new string('x', note.Bytes), nowNanos, events);
                case DeadlineCommand deadline:
                    return Record(
                        deadline.Id,
                        string.Create(CultureInfo.InvariantCulture, $"at {deadline.AtNanos}"),
                        nowNanos,
                        events);
                case CommitCommand commit:
                    return Record(commit.Request.RequestId, "", nowNanos, events);
                case ApplyCatalogCommand apply:
                    return Record(apply.Request.RequestId, "", nowNanos, events);
                case CatalogQuery:
                    return new Answer(Outcome.Done, View: new LedgerEvent { Sequence = Sequence });
                case DefectCommand:
                    Sequence += 1000;
                    throw new InvalidOperationException("a planted defect");
                default:
                    throw new ArgumentException("not scripted", nameof(command));
            }
        }

        public void HandleDeadlines(long nowNanos, List<LedgerEvent> events)
        {
            if (script.DeadlinesFail) throw new InvalidOperationException("a planted defect at a deadline");
            if (NextDeadlineNanos <= nowNanos) Emit("", Due, NextDeadlineNanos, events);
        }

        public void Apply(LedgerEvent ledgerEvent)
        {
            Interlocked.Increment(ref script._applied);
            ApplyCore(ledgerEvent);
        }

        public LedgerCapture Capture()
        {
            byte[] state = [1, .. Encoding.UTF8.GetBytes(string.Join('|',
                Sequence,
                LogTimeNanos,
                string.Join(',', _deadlines.Order()),
                string.Join(',', _requests.Select(request => $"{request.Key}={request.Value}"))))];
            return new LedgerCapture(_requests.Count, () => state);
        }

        public void Restore(string text)
        {
            string[] parts = text.Split('|');
            Sequence = long.Parse(parts[0], CultureInfo.InvariantCulture);
            LogTimeNanos = long.Parse(parts[1], CultureInfo.InvariantCulture);
            foreach (string deadline in parts[2].Split(',', StringSplitOptions.RemoveEmptyEntries))
                _deadlines.Add(long.Parse(deadline, CultureInfo.InvariantCulture));
            foreach (string request in parts[3].Split(',', StringSplitOptions.RemoveEmptyEntries))
                _requests.Add(request.Split('=')[0], long.Parse(request.Split('=')[1], CultureInfo.InvariantCulture));
        }

        private Answer Record(string id, string text, long now, List<LedgerEvent> events) =>
            _requests.TryGetValue(id, out long original)
                ? new Answer(Outcome.Done, DuplicateOf: original)
                : new Answer(Outcome.Done, Emit(id, text, now, events));

        private LedgerEvent Emit(string id, string text, long now, List<LedgerEvent> events)
        {
            var emitted = new LedgerEvent
            {
                Sequence = Sequence + 1,
                RequestId = id,
                Actor = text,
                RequestFingerprint = (ulong)Math.Max(now, LogTimeNanos),
            };
            ApplyCore(emitted);
            events.Add(emitted);
            return emitted;
        }

        private void ApplyCore(LedgerEvent applied)
        {
            if (applied.Sequence != Sequence + 1) throw new InvalidOperationException("it does not follow");
            Sequence++;
            LogTimeNanos = (long)applied.RequestFingerprint;
            if (applied.RequestId.Length > 0) _requests.Add(applied.RequestId, applied.Sequence);
            if (applied.Actor == Due) _deadlines.Remove(_deadlines.Min());
            if (applied.Actor.StartsWith("at ", StringComparison.Ordinal))
                _deadlines.Add(long.Parse(applied.Actor.AsSpan(3), CultureInfo.InvariantCulture));
        }
    }
}
