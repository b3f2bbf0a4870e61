using AgentBudget.Ledger.Budgets;
using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Sessions;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Reservations;

/// <summary>
/// The record of one hold on every account of its path. A plain struct in <see cref="ReservationTable"/>: there may be
/// very many holds, they live for as long as a model answers, and an object each would keep the garbage collector busy.
/// <code>
/// HELD ◄─► amended
/// HELD ── final commit, charge on expiry ──► SETTLED (the session's request log remembers it)
///   ├──── release, end of grace ──► RELEASED ─┐ a late commit is charged in full, once; what it needs is kept
///   └──── expiry with refund ─────► EXPIRED ──┘ by <see cref="RetiredHolds"/> for the retention
/// </code>
/// </summary>
internal struct Reservation
{
    private bool _hasEstimate;
    private Tokens _estimate;
    private CountedItem[]? _estimatedItems;

    /// <summary>A new hold.</summary>
    public Reservation(
        long number,
        SessionAccount session,
        PriceBook book,
        ReservationHeld held,
        string principal,
        long heldAtNanos)
    {
        Number = number;
        Session = session;
        IsHeld = true;
        HeldNanos = held.CostNanos;
        HeldTokens = held.Tokens;
        Terms = session.TermsOf(held.Model, book, held.ServiceTier, held.Tool, held.Region, principal);
        HeldAtNanos = heldAtNanos;
        ExpireNanos = LogTime.FromTimestamp(held.ExpireTime);
        OnExpiry = held.OnExpiry;
        Estimate = held.Estimate;
        Granted = Held;
    }

    /// <summary>A hold of a snapshot.</summary>
    public Reservation(Protocol.Snapshot.V1.ReservationState state, SessionAccount session, PriceBook book)
    {
        Number = state.Number;
        Session = session;
        IsHeld = true;
        HeldNanos = state.HeldNanos;
        HeldTokens = state.HeldTokens;
        Terms = session.TermsOf(state.Model, book, state.ServiceTier, state.Tool, state.Region, state.Principal);
        HeldAtNanos = state.HeldAtNanos;
        ExpireNanos = state.ExpireNanos;
        OnExpiry = state.OnExpiry;
        Estimate = state.Estimate;
        // A former release did not store what was granted; what is held is the best that is known of it.
        Granted = new Spend(
            Math.Max(state.GrantedNanos, state.HeldNanos), Math.Max(state.GrantedTokens, state.HeldTokens));
        SettledTokens = state.SettledTokens;
    }

    /// <summary>What is known of a hold that was given back.</summary>
    public Reservation(SessionAccount session, in RetiredHold hold, HoldTerms terms)
    {
        Number = hold.Key;
        Session = session;
        Terms = terms;
        HeldAtNanos = hold.HeldAtNanos;
        Granted = new Spend(hold.GrantedNanos, hold.GrantedTokens);
        SettledTokens = hold.SettledTokens;
    }

    /// <summary>The event that made it.</summary>
    public long Number { get; }

    public SessionAccount Session { get; }

    /// <summary>False for one that was given back and is asked about by a late commit.</summary>
    public bool IsHeld { get; }

    public long HeldNanos { get; private set; }

    public long HeldTokens { get; private set; }

    public readonly Spend Held => new(HeldNanos, HeldTokens);

    /// <summary>The most that was held for its call; negative where a former release gave it back.</summary>
    public Spend Granted { get; private set; }

    /// <summary>Tokens that were settled of it in parts.</summary>
    public long SettledTokens { get; private set; }

    public HoldTerms Terms { get; private set; }

    public readonly string Model => Terms.Model;

    public readonly PriceBook Book => Terms.Book;

    public readonly ServiceTier ServiceTier => Terms.ServiceTier;

    public readonly string Tool => Terms.Tool;

    public readonly string Region => Terms.Region;

    /// <summary>Who took it, and so may settle, release and change it.</summary>
    public readonly string Principal => Terms.Principal;

    /// <summary>When it was priced.</summary>
    public long HeldAtNanos { get; private set; }

    public long ExpireNanos { get; private set; }

    public OnExpiry OnExpiry { get; }

    /// <summary>
    /// What it was priced with, less what was settled of it; kept while held. Made when asked for: of holds there are
    /// many, and most are settled without it.
    /// </summary>
    public TokenEstimate? Estimate
    {
        readonly get
        {
            if (!_hasEstimate) return null;
            var estimate = new TokenEstimate();
            WriteTo(estimate);
            return estimate;
        }

        private set
        {
            _hasEstimate = value is not null;
            _estimate = value is null ? default : Tokens.From(value);
            _estimatedItems = value is { Items.Count: > 0 } ? [.. value.Items] : null;
        }
    }

    /// <summary>A part of the hold was settled.</summary>
    public void Reduce(in Spend unheld, long settledTokens)
    {
        SettledTokens = WideSum.Capped((Int128)SettledTokens + settledTokens);
        HeldNanos -= unheld.CostNanos;
        HeldTokens -= unheld.Tokens;
        Invariant.Holds(HeldNanos >= 0);
        Invariant.Holds(HeldTokens >= 0);
    }

    /// <summary>Of a part that was settled, no bucket and no item is to be expected again.</summary>
    public void ReduceEstimate(TokenUsage used)
    {
        _estimate = _estimate.Less(Tokens.From(used));
        if (_estimatedItems is null) return;
        var rest = new List<CountedItem>();
        foreach (CountedItem item in _estimatedItems)
        {
            long count = item.Count - (used.Items.FirstOrDefault(other => other.Sku == item.Sku)?.Count ?? 0);
            if (count > 0) rest.Add(new CountedItem { Sku = item.Sku, Count = count });
        }

        _estimatedItems = rest.Count > 0 ? [.. rest] : null;
    }

    /// <summary>The hold was changed.</summary>
    public void Amend(ReservationAmended amended, PriceBook book, long amendedAtNanos)
    {
        Invariant.Holds(IsHeld);
        HeldNanos = amended.CostNanos;
        HeldTokens = amended.Tokens;
        Granted = new Spend(
            Math.Max(Granted.CostNanos, amended.CostNanos), Math.Max(Granted.Tokens, amended.Tokens));
        ExpireNanos = LogTime.FromTimestamp(amended.ExpireTime);
        if (amended.Estimate is null) return;
        Terms = Session.TermsOf(amended.Model, book, ServiceTier, Tool, Region, Principal);
        Estimate = amended.Estimate;
        HeldAtNanos = amendedAtNanos;
    }

    /// <summary>Writes all of it into messages that may hold another: there are too many holds for two each.</summary>
    public readonly void WriteTo(Protocol.Snapshot.V1.ReservationState state, TokenEstimate estimate)
    {
        state.Number = Number;
        state.Session = Session.Number;
        state.HeldNanos = HeldNanos;
        state.HeldTokens = HeldTokens;
        state.Model = Model;
        state.PriceVersion = Book.Version;
        state.ServiceTier = ServiceTier;
        state.HeldAtNanos = HeldAtNanos;
        state.ExpireNanos = ExpireNanos;
        state.OnExpiry = OnExpiry;
        state.Tool = Tool;
        state.Region = Region;
        state.Principal = Principal;
        state.GrantedNanos = Granted.CostNanos;
        state.GrantedTokens = Granted.Tokens;
        state.SettledTokens = SettledTokens;
        state.Estimate = _hasEstimate ? estimate : null;
        if (_hasEstimate) WriteTo(estimate);
    }

    private readonly void WriteTo(TokenEstimate estimate)
    {
        _estimate.WriteTo(estimate);
        estimate.Items.Clear();
        if (_estimatedItems is not null) estimate.Items.Add(_estimatedItems);
    }
}
