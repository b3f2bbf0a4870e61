using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Requests;
using AgentBudget.Ledger.Reservations;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.Snapshot.V1;
using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Reservation = AgentBudget.Ledger.Reservations.Reservation;

namespace AgentBudget.Ledger;

/// <summary>
/// The whole state after one event, taken in a moment: of what there is most, requests, ranges are referred to because
/// they never change, and holds are copied as they lie in memory. Its bytes can be made on any thread while the ledger
/// goes on.
/// </summary>
public sealed class LedgerSnapshot
{
    internal const byte Format = 2;

    private readonly TenantState _state;
    private readonly SortedDictionary<long, PriceBook> _books = [];
    private readonly List<SessionLogs> _sessions = [];
    private readonly Reservation[] _reservations;
    private readonly IReadOnlyList<TakenRequests> _requests;
    private bool _isWritten;

    internal LedgerSnapshot(
        TenantState state, Reservation[] reservations, IReadOnlyList<TakenRequests> requests)
    {
        _state = state;
        _reservations = reservations;
        _requests = requests;
        Records = reservations.Length + requests.Sum(taken => (long)taken.Answered.Length);
    }

    /// <summary>Sessions, holds, and requests that were answered: what its bytes take time with.</summary>
    public long Records { get; private set; }

    private readonly record struct SessionLogs(
        SessionState State, IReadOnlyList<TakenRequests> Requests, ReadOnlyMemory<RetiredHold> Retired);

    internal void Add(PriceBook book) => _books[book.Version] = book;

    internal void Add(SessionState session, IReadOnlyList<TakenRequests> requests)
    {
        Add(new SessionLogs(session, requests, Retired: default));
    }

    internal void Add(SessionState session, IReadOnlyList<TakenRequests> requests, RetiredHolds retired)
    {
        session.Retired = retired.ToState();
        foreach (HoldTerms terms in retired.Terms) Add(terms.Book);
        Add(new SessionLogs(session, requests, retired.Take(_state.LogTimeNanos)));
    }

    private void Add(in SessionLogs logs)
    {
        _state.Sessions.Add(logs.State);
        _sessions.Add(logs);
        Records += 1 + logs.Requests.Sum(taken => (long)taken.Answered.Length) + logs.Retired.Length;
    }

    /// <summary>
    /// Format number, then a canonical message: equal states give equal bytes. Called once, because it completes the
    /// message that it writes.
    /// </summary>
    public byte[] ToBytes()
    {
        Invariant.Holds(!_isWritten);
        _isWritten = true;
        _state.RequestLogs.Add(_requests.Select(taken => taken.ToState()));
        foreach (SessionLogs logs in _sessions)
        {
            logs.State.RequestLogs.Add(logs.Requests.Select(taken => taken.ToState()));
            if (logs.State.Retired is { } retired) retired.Holds = StructBytes<RetiredHold>.Of(logs.Retired);
        }

        foreach (PriceBook book in _books.Values)
        {
            _state.PriceBooks.Add(new PriceBookState
            {
                Version = book.Version,
                Prices = { book.Prices },
                Skus = { book.Skus },
                Tools = { book.Tools },
                RegionalMultipliers = { book.Regions },
            });
        }

        int[] order = ReservationsInOrder();
        byte[] bytes = new byte[1 + _state.CalculateSize() + WriteReservations(order, output: null)];
        using var output = new CodedOutputStream(bytes);
        output.WriteRawTag(Format);
        _state.WriteTo(output);
        WriteReservations(order, output);
        output.CheckNoSpaceLeft();
        return bytes;
    }

    private int[] ReservationsInOrder()
    {
        long[] numbers = new long[_reservations.Length];
        int[] places = new int[_reservations.Length];
        for (int i = 0; i < places.Length; i++)
        {
            numbers[i] = _reservations[i].Number;
            places[i] = i;
        }

        Array.Sort(numbers, places);
        return places;
    }

    // The last field of the message. Through one message for all of them: made one by one, they would outlive
    // collections and lengthen each. Returns their bytes.
    private int WriteReservations(int[] order, CodedOutputStream? output)
    {
        var state = new ReservationState();
        var estimate = new TokenEstimate();
        byte tag = (byte)WireFormat.MakeTag(
            TenantState.ReservationsFieldNumber, WireFormat.WireType.LengthDelimited);
        int bytes = 0;
        foreach (int place in order)
        {
            _reservations[place].WriteTo(state, estimate);
            bytes = checked(bytes + sizeof(byte) + CodedOutputStream.ComputeMessageSize(state));
            output?.WriteRawTag(tag);
            output?.WriteMessage(state);
        }

        return bytes;
    }
}
