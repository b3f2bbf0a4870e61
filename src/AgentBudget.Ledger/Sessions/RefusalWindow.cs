using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Sessions;

/// <summary>
/// What keeps a loop that is refused from flooding the journal: of ten seconds, the first refusals of a reason are
/// events, the rest is counted here and told together. Lives in memory only: it decides which events there are, and
/// what the state is follows from the events alone.
/// </summary>
internal sealed class RefusalWindow
{
    /// <summary>Refusals of one reason that are told one by one in a window: enough to see what goes on.</summary>
    internal const int ToldMax = 8;

    /// <summary>How long a window is (10 s), and so how long a refusal can stay untold.</summary>
    internal const long WindowNanos = 10 * LogTime.NanosPerSecond;

    /// <summary>Refusals that may wait untold: what a crash forgets is bounded in number too.</summary>
    internal const long UntoldMax = 1000;

    private readonly SortedDictionary<Reason, Count> _counts = [];
    private long _windowEndNanos;

    public RefusalWindow(SessionAccount session) =>
        Deadline = new Deadline(DeadlineKind.Refusals, session, session.Number, session.Name);

    /// <summary>When what is untold is told at the latest.</summary>
    public Deadline Deadline { get; }

    /// <summary>Refusals that are not told yet.</summary>
    public long Untold { get; private set; }

    /// <summary>Whether a refusal is only counted. Otherwise it gets an event of its own.</summary>
    public bool TryCount(ReservationRefused refused, long nowNanos)
    {
        Reason reason = refused.Reason;
        var asked = new Asked(refused.Model, refused.Tool, refused.Sku);
        if (nowNanos >= _windowEndNanos && Untold == 0)
        {
            _counts.Clear();
            _windowEndNanos = nowNanos + WindowNanos;
        }

        Count count = _counts.GetValueOrDefault(reason);
        if (count.Told < ToldMax)
        {
            _counts[reason] = count with { Told = count.Told + 1 };
            return false;
        }

        _counts[reason] = count with
        {
            Untold = count.Untold + 1,
            FirstNanos = count.Untold == 0 ? nowNanos : count.FirstNanos,
            Asked = count.Untold == 0 || count.Asked == asked ? asked : Asked.Otherwise,
        };
        Untold++;
        return true;
    }

    public long WindowEndNanos => _windowEndNanos;

    /// <summary>Takes out what is untold, by reason.</summary>
    public List<RefusalsCoalesced> Take()
    {
        var told = new List<RefusalsCoalesced>();
        foreach ((Reason reason, Count count) in _counts.Where(pair => pair.Value.Untold > 0).ToArray())
        {
            told.Add(new RefusalsCoalesced
            {
                Reason = reason,
                Count = count.Untold,
                FirstTime = LogTime.ToTimestamp(count.FirstNanos),
                Model = count.Asked.Model,
                Tool = count.Asked.Tool,
                Sku = count.Asked.Sku,
            });
            _counts[reason] = new Count(count.Told, Untold: 0, FirstNanos: 0, Asked.Otherwise);
        }

        Untold = 0;
        return told;
    }

    private readonly record struct Asked(string Model, string Tool, string Sku)
    {
        public static readonly Asked Otherwise = new("", "", "");
    }

    private readonly record struct Count(int Told, long Untold, long FirstNanos, Asked Asked);
}
