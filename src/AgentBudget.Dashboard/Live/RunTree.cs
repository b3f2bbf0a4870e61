using AgentBudget.Protocol.V1;

namespace AgentBudget.Dashboard.Live;

/// <summary>One session of a run, as its events tell.</summary>
internal sealed class RunNode(string session, string? parent)
{
    internal string Session { get; } = session;
    internal string? Parent { get; } = parent;
    internal string Agent { get; set; } = "";
    internal string UseCase { get; set; } = "";
    internal string Task { get; set; } = "";
    internal Session.Types.State State { get; set; } = Protocol.V1.Session.Types.State.Open;
    internal List<RunNode> Children { get; } = [];

    /// <summary>What it was charged by itself.</summary>
    internal long OwnNanos { get; set; }

    /// <summary>What it holds by itself.</summary>
    internal long HeldNanos { get; set; }

    internal long Calls { get; set; }

    internal long Refused { get; set; }

    /// <summary>With everything below it.</summary>
    internal long WholeNanos => OwnNanos + Children.Sum(child => child.WholeNanos);
}

/// <summary>The sessions of one run with what each cost, folded from the events of the run.</summary>
internal sealed class RunTree
{
    /// <summary>More sessions than a page can show; their cost counts with their parents'.</summary>
    internal const int NodesMax = 1_000;

    private readonly Dictionary<string, RunNode> _nodes = [];
    private readonly Dictionary<long, (RunNode Node, long Nanos)> _holds = [];

    /// <summary>The root; null until its events came.</summary>
    internal RunNode? Root { get; private set; }

    /// <summary>Sessions that did not fit.</summary>
    internal int Left { get; private set; }

    internal int Count => _nodes.Count;

    internal RunNode? Find(string session) => _nodes.GetValueOrDefault(session);

    /// <summary>Adds an event of the run.</summary>
    internal void Add(LedgerEvent told)
    {
        if (told.Spender is not { Session.Length: > 0 } spender) return;
        if (NodeOf(told, spender) is not { } node) return;
        node.OwnNanos += Text.EventLine.ChargedBy(told);
        switch (told.FactCase)
        {
            case LedgerEvent.FactOneofCase.ReservationHeld:
                node.Calls++;
                Hold(told.Sequence, node, told.ReservationHeld.CostNanos);
                break;
            case LedgerEvent.FactOneofCase.ReservationAmended:
                Hold(told.ReservationAmended.Reservation, node, told.ReservationAmended.CostNanos);
                break;
            case LedgerEvent.FactOneofCase.ReservationSettled:
                Unhold(told.ReservationSettled.Reservation, told.ReservationSettled.UnheldNanos);
                break;
            case LedgerEvent.FactOneofCase.ReservationReleased:
                Unhold(told.ReservationReleased.Reservation, told.ReservationReleased.ReleasedNanos);
                break;
            case LedgerEvent.FactOneofCase.ReservationExpired:
                Unhold(told.ReservationExpired.Reservation, told.ReservationExpired.ReleasedNanos);
                break;
            case LedgerEvent.FactOneofCase.ReservationRefused:
                node.Refused++;
                break;
            case LedgerEvent.FactOneofCase.RefusalsCoalesced:
                node.Refused += told.RefusalsCoalesced.Count;
                break;
            case LedgerEvent.FactOneofCase.SessionSuspended:
                node.State = Session.Types.State.Suspended;
                break;
            case LedgerEvent.FactOneofCase.SessionResumed:
                node.State = Session.Types.State.Open;
                break;
            case LedgerEvent.FactOneofCase.SessionEnded:
                node.State = told.SessionEnded.State;
                break;
            case LedgerEvent.FactOneofCase.BreakerTripped when Find(told.BreakerTripped.Suspended) is { } stopped:
                stopped.State = Session.Types.State.Suspended;
                break;
            case LedgerEvent.FactOneofCase.BreakerReset when Find(told.BreakerReset.Resumed) is { } resumed:
                resumed.State = Session.Types.State.Open;
                break;
            case LedgerEvent.FactOneofCase.SessionClosed:
                foreach (long released in told.SessionClosed.Released) Unhold(released, long.MaxValue);
                break;
            default:
                break; // Says nothing of what a run costs or how it stands.
        }
    }

    /// <summary>The tree line by line, with how deep each stands.</summary>
    internal IEnumerable<(RunNode Node, int Depth)> Lines() => Root is null ? [] : LinesOf(Root, 0);

    private static IEnumerable<(RunNode Node, int Depth)> LinesOf(RunNode node, int depth)
    {
        yield return (node, depth);
        foreach (RunNode child in node.Children)
            foreach ((RunNode, int) line in LinesOf(child, depth + 1)) yield return line;
    }

    private RunNode? NodeOf(LedgerEvent told, Spender spender)
    {
        if (_nodes.TryGetValue(spender.Session, out RunNode? known)) return known;
        RunNode? parent = spender.Parent.Length > 0 ? _nodes.GetValueOrDefault(spender.Parent) : null;
        if (_nodes.Count >= NodesMax)
        {
            if (told.FactCase == LedgerEvent.FactOneofCase.SessionOpened) Left++;
            return parent;
        }

        RunNode node = new(spender.Session, parent?.Session)
        {
            Agent = spender.Agent,
            UseCase = spender.UseCase,
            Task = told.FactCase == LedgerEvent.FactOneofCase.SessionOpened ? told.SessionOpened.Task : "",
        };
        _nodes[spender.Session] = node;
        if (parent is not null) parent.Children.Add(node);
        else Root ??= node;
        return node;
    }

    private void Hold(long reservation, RunNode node, long nanos)
    {
        Unhold(reservation, long.MaxValue);
        _holds[reservation] = (node, nanos);
        node.HeldNanos += nanos;
    }

    private void Unhold(long reservation, long nanos)
    {
        if (!_holds.Remove(reservation, out (RunNode Node, long Nanos) held)) return;
        long gone = Math.Min(nanos, held.Nanos);
        held.Node.HeldNanos -= gone;
        if (gone < held.Nanos) _holds[reservation] = (held.Node, held.Nanos - gone);
    }
}
