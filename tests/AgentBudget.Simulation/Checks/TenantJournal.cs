using AgentBudget.Audit;
using AgentBudget.Protocol.V1;
using AgentBudget.Simulation.Core;
using AgentBudget.Storage.Journal;
using Google.Protobuf;
using Fact = AgentBudget.Protocol.V1.LedgerEvent.FactOneofCase;

namespace AgentBudget.Simulation.Checks;

/// <summary>
/// One tenant's durable events, audited as they land, with the holds that are open by a count of its own.
/// </summary>
internal sealed class TenantJournal(SimWorld world, string tenant)
{
    private const long NanosPerSecond = 1_000_000_000;

    private readonly LedgerAudit _audit = new(tenant);
    private readonly ChainVerifier _chain = new(tenant, JournalHead.Empty);
    private readonly List<ReadOnlyMemory<byte>> _bytes = [];
    private readonly List<LedgerEvent> _events = [];
    private readonly Dictionary<long, long> _holds = []; // Number → expiry.
    private readonly Dictionary<long, long> _parents = [];
    private AuditReport? _report;
    private int _writer;

    public string Tenant => tenant;

    public IReadOnlyList<LedgerEvent> Events => _events;

    public IReadOnlyList<ReadOnlyMemory<byte>> Bytes => _bytes;

    public JournalHead Head => _chain.Head;

    /// <summary>Places where a group ended.</summary>
    public HashSet<long> GroupEnds { get; } = [];

    public int OpenHolds => _holds.Count;

    /// <summary>When the last of the open holds expires.</summary>
    public long LastExpiryNanos => _holds.Count == 0 ? 0 : _holds.Values.Max();

    public long TimeNanos => _events.Count == 0 ? 0 : NanosOf(_events[^1].Time);

    /// <summary>The first session of the run that a session is of; itself for one that was never opened.</summary>
    public long RootOf(long session)
    {
        while (_parents.TryGetValue(session, out long parent)) session = parent;
        return session;
    }

    /// <summary>The audit of all that landed. Made once for each end of the journal.</summary>
    public AuditReport Report()
    {
        if (_report is null || _report.Events != _events.Count) _report = _audit.Finish();
        return _report;
    }

    public void Landed(StoredGroup group, int process)
    {
        try
        {
            _chain.Accept(group);
            foreach (ReadOnlyMemory<byte> bytes in group.ReadEvents(tenant)) Landed(bytes, process);
        }
        catch (JournalDamagedException damage)
        {
            world.Fail("chain", damage.Message);
        }

        GroupEnds.Add(group.LastEvent);
        world.Coverage.Count("group", SizeOf(group.Events));
        if (_writer != 0 && _writer != process) world.Coverage.Count(SimFault.OwnerChanged);
        _writer = process;
        if (_audit.FindingsFound > 0) FailByAudit();
    }

    public bool Contains(LedgerEvent shown) =>
        shown.Sequence >= 1 && shown.Sequence <= _bytes.Count
        && _bytes[(int)shown.Sequence - 1].Span.SequenceEqual(shown.ToByteArray());

    public void FailByAudit()
    {
        _report = null;
        if (Report().Findings is [AuditFinding first, ..])
            world.Fail("audit", $"{tenant} event {first.Sequence} breaks {first.Rule.Id}: {first.Sentence}");
    }

    private static string SizeOf(int events) => events switch
    {
        1 => "1 event",
        < 8 => "2 to 7 events",
        < 64 => "8 to 63 events",
        _ => "64 events and more",
    };

    private void Landed(ReadOnlyMemory<byte> bytes, int process)
    {
        LedgerEvent landed = LedgerEvent.Parser.ParseFrom(bytes.Span);
        CheckLogTime(landed, process);
        _bytes.Add(bytes);
        _events.Add(landed);
        _audit.Accept(landed);
        world.Coverage.Count("fact", landed.FactCase.ToString());
        if (landed.ReservationRefused is { } refused) world.Coverage.Count("reason", refused.Reason.ToString());
        if (landed.BreakerTripped is { } tripped) world.Coverage.Count("breaker", tripped.Breaker.ToString());
        if (landed.SessionOpened is not null && landed.Spender.Parent.Length > 0)
            _parents.Add(landed.Sequence, RequestIdentity.SessionOf(landed.Spender.Parent));
        FollowHolds(landed);
        world.History.Landed(tenant, landed);
    }

    // Log time is where its process's wall clock stood, and never where it said once to be.
    private void CheckLogTime(LedgerEvent landed, int process)
    {
        long max = Math.Max(TimeNanos, world.LogTimeMaxOf(process));
        if (NanosOf(landed.Time) > max)
            world.Fail("clock", $"event {landed.Sequence} of {tenant} is ahead of what log time may follow");
    }

    private void FollowHolds(LedgerEvent landed)
    {
        switch (landed.FactCase)
        {
            case Fact.ReservationHeld:
                _holds.Add(landed.Sequence, NanosOf(landed.ReservationHeld.ExpireTime));
                break;
            case Fact.ReservationAmended when _holds.ContainsKey(landed.ReservationAmended.Reservation):
                _holds[landed.ReservationAmended.Reservation] = NanosOf(landed.ReservationAmended.ExpireTime);
                break;
            case Fact.ReservationSettled when landed.ReservationSettled.Final:
                Resolve(landed, landed.ReservationSettled.Reservation);
                break;
            case Fact.ReservationReleased:
                Resolve(landed, landed.ReservationReleased.Reservation);
                break;
            case Fact.ReservationExpired:
                Resolve(landed, landed.ReservationExpired.Reservation);
                break;
            case Fact.SessionClosed:
                foreach (long number in landed.SessionClosed.Released) Resolve(landed, number);
                break;
        }
    }

    private void Resolve(LedgerEvent landed, long number)
    {
        if (!_holds.Remove(number, out long expiry)) return; // A late commit of one that was given back before.
        if (NanosOf(landed.Time) > expiry + (5 * NanosPerSecond))
            world.Fail("liveness", $"hold r{number} of {tenant} stood past its expiry by more than 5 s of log time");
    }

    private static long NanosOf(Google.Protobuf.WellKnownTypes.Timestamp time) =>
        (time.Seconds * NanosPerSecond) + time.Nanos;
}
