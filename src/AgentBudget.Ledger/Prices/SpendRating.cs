using AgentBudget.Ledger.Catalogs;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;
using Google.Protobuf.Collections;

namespace AgentBudget.Ledger.Prices;

/// <summary>What one spender's charges of a period differ by.</summary>
/// <param name="Spender">Agent, use case and business unit; the user where budgets of users would move.</param>
/// <param name="Model">The model that ran; empty for what is of none.</param>
/// <param name="SettledNanos">As they were charged, former re-ratings included.</param>
/// <param name="ReratedNanos">At the version asked for.</param>
public sealed record RatedSpend(Spender Spender, string Model, long SettledNanos, long ReratedNanos)
{
    /// <summary>Rerated less settled.</summary>
    public long DifferenceNanos => ReratedNanos - SettledNanos;
}

/// <summary>What the charges of a period differ by.</summary>
/// <param name="Differences">Of whom there is a difference, by use case and agent.</param>
/// <param name="Charges">Charges in the period.</param>
/// <param name="Unrated">Those that stay as they are.</param>
/// <param name="LastRerating">The event of the last re-rating that was known; 0 for none.</param>
public sealed record RatedPeriod(
    IReadOnlyList<RatedSpend> Differences, long Charges, long Unrated, long LastRerating);

/// <summary>
/// Rates the charges of a period again at a version of the price book. Reads a ledger from its beginning twice: first
/// for the books and former re-ratings (<see cref="Learn"/>), then for the charges (<see cref="Rate"/>). Each call is
/// priced as of the time it was held at, in the region and by the price list that served it. What a provider billed,
/// and what the version has no price for, stays as it is.
/// </summary>
public sealed class SpendRating(long startNanos, long endNanos, long priceVersion)
{
    private static readonly RepeatedField<CountedItem> NoItems = [];

    private readonly Dictionary<long, PriceBook> _books = [];
    private readonly List<(long Sequence, long StartNanos, long EndNanos, long Version)> _former = [];
    private readonly Dictionary<long, HeldCall> _held = [];
    private readonly SortedDictionary<(string UseCase, string Agent, string Model, string User), RatedSpend> _rated =
        [];

    private CatalogEntries _entries = new(new Catalog());
    private bool _limitsUsers;
    private long _charges;
    private long _unrated;

    /// <summary>The last version of the price book.</summary>
    public long LastVersion { get; private set; }

    /// <summary>Whether the version asked for is one of the tenant's.</summary>
    public bool HasVersion => _books.ContainsKey(priceVersion);

    /// <summary>What was found in both readings.</summary>
    public RatedPeriod Finish() => new(
        [.. _rated.Values.Where(rated => rated.DifferenceNanos != 0)],
        _charges,
        _unrated,
        _former.Count == 0 ? 0 : _former[^1].Sequence);

    private static bool LimitsUsers(Catalog catalog) => catalog.UserBudgets is not null
        || catalog.BusinessUnits.Any(unit => unit.UserBudgets is not null)
        || catalog.UseCases.Any(useCase => useCase.UserBudgets is not null)
        || catalog.Agents.Any(agent => agent.UserBudgets is not null);

    // How a call was held, which its charge does not repeat.
    private readonly record struct HeldCall(
        string Model, ServiceTier Tier, string Region, long AtNanos, bool HasParts = false);

    /// <summary>The first reading.</summary>
    public void Learn(LedgerEvent ledgerEvent)
    {
        ArgumentNullException.ThrowIfNull(ledgerEvent);
        if (ledgerEvent.CatalogApplied is { Catalog: { } now } applied)
        {
            _limitsUsers = LimitsUsers(now);
            _entries = new CatalogEntries(now);
            LearnBook(applied.PriceVersion);
        }
        else if (ledgerEvent.CatalogPatched is { } patched)
        {
            // That a patch may have removed the last of such budgets makes the parts finer, and no sum another.
            _limitsUsers |= LimitsUsers(patched.Put);
            _entries.Change(patched);
            LearnBook(patched.PriceVersion);
        }

        if (ledgerEvent.SpendAdjusted?.Rerating is { } rerating)
        {
            _former.Add((
                ledgerEvent.Sequence,
                LogTime.FromTimestamp(rerating.StartTime),
                LogTime.FromTimestamp(rerating.EndTime),
                rerating.PriceVersion));
        }
    }

    private void LearnBook(long version)
    {
        if (version == LastVersion) return;
        _books[version] = _entries.BookOf(version, _books.GetValueOrDefault(LastVersion));
        LastVersion = version;
    }

    /// <summary>The second reading.</summary>
    public void Rate(LedgerEvent ledgerEvent)
    {
        ArgumentNullException.ThrowIfNull(ledgerEvent);
        switch (ledgerEvent.FactCase)
        {
            case LedgerEvent.FactOneofCase.ReservationHeld:
                ReservationHeld held = ledgerEvent.ReservationHeld;
                _held[ledgerEvent.Sequence] = new HeldCall(
                    held.Model, held.ServiceTier, held.Region, LogTime.FromTimestamp(ledgerEvent.Time));
                break;
            case LedgerEvent.FactOneofCase.ReservationAmended when ledgerEvent.ReservationAmended.Estimate is not null:
                ReservationAmended amended = ledgerEvent.ReservationAmended;
                _held[amended.Reservation] = _held[amended.Reservation] with
                {
                    Model = amended.Model,
                    AtNanos = LogTime.FromTimestamp(ledgerEvent.Time),
                };
                break;
            case LedgerEvent.FactOneofCase.ReservationSettled:
                RateSettled(ledgerEvent);
                break;
            case LedgerEvent.FactOneofCase.CostRecorded when IsWithin(ledgerEvent):
                CostRecorded cost = ledgerEvent.CostRecorded;
                Add(ledgerEvent, cost.CostNanos, book => PriceOf(book, cost));
                break;
            default:
                break; // Nothing else charges.
        }
    }

    private void RateSettled(LedgerEvent ledgerEvent)
    {
        ReservationSettled settled = ledgerEvent.ReservationSettled;
        HeldCall call = _held[settled.Reservation];
        // What a late commit takes back was charged with the hold and is rated with it.
        bool isAsked = ledgerEvent.RequestId.Length > 0;
        if (settled.Final && isAsked) _held.Remove(settled.Reservation);
        else if (isAsked) _held[settled.Reservation] = call with { HasParts = true };
        if (!IsWithin(ledgerEvent)) return;
        long taken = settled.ExpiryCharge?.CostNanos ?? 0;
        Add(
            ledgerEvent,
            settled.CostNanos - taken,
            book => settled.UsageSource == UsageSource.Billed
                ? null
                : PriceOf(book, settled, call, HasFee(settled, call))
                    - (settled.ExpiryCharge is null
                        ? 0
                        : PriceOf(book, settled.ExpiryCharge, call, HasFee(settled, call))));
    }

    // The first charge of a call pays for its request, and so does what takes back all that was charged before. What
    // settled nothing, as a repetition of a charge in dispute, stays nothing.
    private static bool HasFee(ReservationSettled settled, in HeldCall call)
    {
        bool isNothing = settled is { CostNanos: 0, Tokens: 0, Usage.Items.Count: 0 };
        return (settled.Cumulative || !call.HasParts) && !isNothing;
    }

    private bool IsWithin(LedgerEvent ledgerEvent)
    {
        long atNanos = LogTime.FromTimestamp(ledgerEvent.Time);
        return atNanos >= startNanos && atNanos < endNanos;
    }

    private void Add(LedgerEvent ledgerEvent, long chargedNanos, Func<PriceBook, long?> price)
    {
        _charges++;
        long atNanos = LogTime.FromTimestamp(ledgerEvent.Time);
        long nowNanos = chargedNanos;
        foreach ((long sequence, long start, long end, long version) in _former)
        {
            bool covers = sequence > ledgerEvent.Sequence && atNanos >= start && atNanos < end;
            if (covers) nowNanos = price(_books[version]) ?? nowNanos;
        }

        long? asked = price(_books[priceVersion]);
        if (asked is null) _unrated++;
        Spender spender = ledgerEvent.Spender;
        string model = ledgerEvent.ReservationSettled?.Model ?? "";
        string user = _limitsUsers ? spender.OnBehalfOf : "";
        (string, string, string, string) key = (spender.UseCase, spender.Agent, model, user);
        if (!_rated.TryGetValue(key, out RatedSpend? sum))
        {
            var who = new Spender
            {
                Agent = spender.Agent,
                UseCase = spender.UseCase,
                BusinessUnit = spender.BusinessUnit,
                OnBehalfOf = user,
            };
            sum = new RatedSpend(who, model, SettledNanos: 0, ReratedNanos: 0);
        }

        _rated[key] = sum with
        {
            SettledNanos = checked(sum.SettledNanos + nowNanos),
            ReratedNanos = checked(sum.ReratedNanos + (asked ?? nowNanos)),
        };
    }

    private static long? PriceOf(PriceBook book, CostRecorded cost) =>
        book.FindSku(cost.Sku) is { } sku && sku.TryPrice(cost.QuantityMillionths, out long nanos) ? nanos : null;

    private static long? PriceOf(PriceBook book, ReservationSettled settled, in HeldCall call, bool hasFee)
    {
        ServiceTier tier = settled.ServiceTier == ServiceTier.Unspecified ? call.Tier : settled.ServiceTier;
        string region = settled.Region.Length > 0 ? settled.Region : call.Region;
        long sum = 0;
        if (settled.Parts.Count == 0)
        {
            if (!TryAdd(settled.Model, settled.PricedAs, settled.Usage, call, ref sum)) return null;
        }
        else
        {
            foreach (SettledPart part in settled.Parts)
            {
                if (!TryAdd(part.Model, part.PricedAs, part.Usage, call, ref sum)) return null;
            }
        }

        // Items are priced as those of the first sampling.
        SettledPart first = settled.Parts.Count > 0
            ? settled.Parts[0]
            : new SettledPart { Model = settled.Model, PricedAs = settled.PricedAs, Usage = settled.Usage };
        long prompt = first.Usage is null ? 0 : Tokens.From(first.Usage).Prompt;
        ItemPrices items = new(book, EntryOf(first.Model, first.PricedAs, call), prompt, hasFee);
        bool fits = items.TryPrice(settled.Usage?.Items ?? NoItems, Rounding.HalfToEven, ref sum);
        return fits ? sum : null;

        PriceEntry? EntryOf(string model, string pricedAs, in HeldCall held) =>
            book.Find(model, region, tier, held.AtNanos) ?? book.Find(pricedAs, region, tier, held.AtNanos);

        bool TryAdd(string model, string pricedAs, TokenUsage? usage, in HeldCall held, ref long nanos)
        {
            Tokens tokens = usage is null ? default : Tokens.From(usage);
            if (tokens.Total == 0) return true;
            RateCard? card = EntryOf(model, pricedAs, held)?.CardFor(tokens, tier, held.AtNanos);
            if (card is null || !card.TryPrice(tokens, Rounding.HalfToEven, out long more)) return false;
            if (more > long.MaxValue - nanos) return false;
            nanos += more;
            return true;
        }
    }
}
