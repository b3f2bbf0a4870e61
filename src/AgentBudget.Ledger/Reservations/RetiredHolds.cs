using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Requests;
using AgentBudget.Protocol.Snapshot.V1;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Reservations;

/// <summary>
/// A hold that was given back: what a late commit of it is priced with. Its fields are its stored bytes.
/// </summary>
/// <param name="Key">Its number.</param>
/// <param name="TimeNanos">When it was given back.</param>
/// <param name="HeldAtNanos">When it was priced.</param>
/// <param name="Terms">The place of its terms in the session's list.</param>
/// <param name="GrantedNanos">The most money that was held; negative where a former release did not store it.</param>
/// <param name="GrantedTokens">The most tokens likewise.</param>
/// <param name="SettledTokens">Tokens that were settled of it in parts.</param>
internal readonly record struct RetiredHold(
    long Key,
    long TimeNanos,
    long HeldAtNanos,
    long Terms,
    long GrantedNanos,
    long GrantedTokens,
    long SettledTokens)
    : ILogEntry<long>
{
    // An odd constant near 2^64 divided by the golden ratio: neighbours are spread over all places.
    private const ulong Multiplier = 0x9E37_79B9_7F4A_7C15;

    public static uint HashOf(in long key) => (uint)(((ulong)key * Multiplier) >> 32);
}

/// <summary>The same as a former release stored it.</summary>
internal readonly record struct FormerRetiredHold(long Key, long TimeNanos, long HeldAtNanos, long Terms);

/// <summary>
/// A session's holds that were given back, by number: released, or expired. A late commit finds them until they are
/// forgotten; that it came is remembered by the session's request log. Terms stay with the session, which most of its
/// holds share. One that was charged as its time ran out is among them.
/// </summary>
internal sealed class RetiredHolds
{
    /// <summary>A late commit finds a hold for this long (30 days): a batch reports days after it was sent.</summary>
    internal const long RetentionNanos = 30 * RequestLog.RetentionNanos;

    /// <summary>
    /// Of more holds of one session (2 MiB) the oldest are kept for a day only, so that a session which lives for weeks
    /// and gives back holds all the time stays small.
    /// </summary>
    internal const int HoldsMax = 65_536;

    private readonly KeyedLog<long, RetiredHold> _log = new();
    private readonly List<HoldTerms> _terms = [];
    private readonly SortedDictionary<long, long> _lateTokens = [];
    private readonly Dictionary<TermsKey, int> _places = [];

    private readonly record struct TermsKey(
        string Model, long PriceVersion, ServiceTier ServiceTier, string Tool, string Region, string Principal);

    /// <summary>What they were priced with, in the order of first use.</summary>
    public IReadOnlyList<HoldTerms> Terms => _terms;

    public void Add(in Reservation reservation, long nowNanos) => _log.Add(
        new RetiredHold(
            reservation.Number,
            nowNanos,
            reservation.HeldAtNanos,
            PlaceOf(reservation.Terms),
            reservation.Granted.CostNanos,
            reservation.Granted.Tokens,
            reservation.SettledTokens),
        ForgetBefore(nowNanos));

    /// <summary>When the last of them is forgotten; there is one.</summary>
    public long ForgetNanos => _log.TimeOfNewest(1) + RetentionNanos;

    /// <summary>Those that are not forgotten and not among others; null for none.</summary>
    public RetiredHolds? Without(Func<long, bool> isAmongOthers, long nowNanos)
    {
        var rest = new RetiredHolds();
        foreach (RetiredHold hold in Take(nowNanos).Span)
        {
            if (isAmongOthers(hold.Key)) continue;
            rest._log.Add(hold with { Terms = rest.PlaceOf(_terms[(int)hold.Terms]) }, long.MinValue);
            if (_lateTokens.TryGetValue(hold.Key, out long late)) rest._lateTokens.Add(hold.Key, late);
        }

        return rest._log.Count == 0 ? null : rest;
    }

    public bool TryFind(long number, long nowNanos, out RetiredHold hold)
    {
        if (!_log.TryFind(number, ForgetBefore(nowNanos), out hold)) return false;
        if (_lateTokens.TryGetValue(number, out long late))
            hold = hold with { SettledTokens = WideSum.Capped((Int128)hold.SettledTokens + late) };
        return true;
    }

    /// <summary>
    /// Remembers what a late commit settled of one, as long as more may follow: together they are one call.
    /// </summary>
    public void CountLate(long number, long tokens, bool isFinal, long nowNanos)
    {
        foreach (long late in _lateTokens.Keys.Where(late => !TryFind(late, nowNanos, out _)).ToArray())
            _lateTokens.Remove(late);
        if (isFinal) _lateTokens.Remove(number);
        else _lateTokens[number] = WideSum.Capped((Int128)_lateTokens.GetValueOrDefault(number) + tokens);
    }

    /// <summary>What is not forgotten, in the order in which it was given back. It stays as it is.</summary>
    public ReadOnlyMemory<RetiredHold> Take(long nowNanos) => _log.Take(ForgetBefore(nowNanos));

    /// <summary>Its terms as they are stored. The holds, which are many, are added when the bytes are made.</summary>
    public RetiredHoldsState ToState() => new()
    {
        Terms =
        {
            _terms.Select(terms => new HoldTermsState
            {
                Model = terms.Model,
                PriceVersion = terms.Book.Version,
                ServiceTier = terms.ServiceTier,
                Tool = terms.Tool,
                Region = terms.Region,
                Principal = terms.Principal,
            }),
        },
        Late = { _lateTokens.Select(late => new LateTokensState { Number = late.Key, Tokens = late.Value }) },
    };

    public static RetiredHolds? Restore(RetiredHoldsState? state, IReadOnlyDictionary<long, PriceBook> books)
    {
        if (state is null) return null;
        var holds = new RetiredHolds();
        foreach (HoldTermsState terms in state.Terms)
        {
            holds.PlaceOf(new HoldTerms(
                terms.Model,
                books[terms.PriceVersion],
                terms.ServiceTier,
                terms.Tool,
                terms.Region,
                terms.Principal));
        }

        Invariant.Holds(holds._terms.Count == state.Terms.Count);
        foreach (LateTokensState late in state.Late) holds._lateTokens.Add(late.Number, late.Tokens);
        Invariant.Holds(state.Holds.Length % Unsafe.SizeOf<RetiredHold>() == 0);
        Invariant.Holds(state.Entries.Length % Unsafe.SizeOf<FormerRetiredHold>() == 0);
        if (state.Entries.IsEmpty) holds._log.Restore(MemoryMarshal.Cast<byte, RetiredHold>(state.Holds.Span));
        else holds._log.Restore(FromFormer(MemoryMarshal.Cast<byte, FormerRetiredHold>(state.Entries.Span)));
        return holds;
    }

    private static RetiredHold[] FromFormer(ReadOnlySpan<FormerRetiredHold> former)
    {
        var holds = new RetiredHold[former.Length];
        for (int place = 0; place < former.Length; place++)
        {
            FormerRetiredHold hold = former[place];
            holds[place] = new RetiredHold(hold.Key, hold.TimeNanos, hold.HeldAtNanos, hold.Terms, -1, -1, 0);
        }

        return holds;
    }

    // One whose retention has passed is forgotten at that very instant.
    private long ForgetBefore(long nowNanos) => Math.Max(
        nowNanos - RetentionNanos + 1,
        Math.Min(_log.TimeOfNewest(HoldsMax), nowNanos - RequestLog.RetentionNanos + 1));

    // By value: a restored session shares its terms otherwise than the one that was stored.
    private int PlaceOf(HoldTerms terms)
    {
        if (_terms.Count > 0 && ReferenceEquals(_terms[^1], terms)) return _terms.Count - 1;
        var key = new TermsKey(
            terms.Model, terms.Book.Version, terms.ServiceTier, terms.Tool, terms.Region, terms.Principal);
        if (_places.TryGetValue(key, out int place)) return place;
        _places.Add(key, place = _terms.Count);
        _terms.Add(terms);
        return place;
    }
}
