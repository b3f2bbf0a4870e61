using AgentBudget.Ledger.Disputes;
using AgentBudget.Ledger.Prices;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Reservations;

/// <summary>
/// What the usage of a commit costs: each sampling of the call by itself, at the price of the model that ran it, from
/// the hold's own book at the hold's own time, by the price list and in the region that served it. Money that was
/// billed stands above all of it. A struct, because every commit makes one.
/// </summary>
internal struct UsagePrice
{
    private List<SettledPart>? _parts;
    private bool _isCostUnread;
    private UsageReading? _reading;
    private string _model;
    private string _pricedAs;
    private ServiceTier _tier;
    private string _region;
    private bool _hasModel;
    private bool _isOfParts;
    private bool _isCumulative;
    private bool _isOtherTier;
    private bool _isOtherRegion;
    private long _ownNanos;
    private long? _billedNanos;
    private long _itemsNanos;
    private UsageBound _bound;
    private RateCard? _card;
    private PriceEntry? _entry;
    private bool _hasFee;
    private Tokens _tokens;

    /// <summary>All samplings together.</summary>
    public TokenUsage Usage { get; private set; }

    public UsageSource Source { get; private set; }

    public readonly long ChargedNanos => _billedNanos ?? _ownNanos;

    /// <summary>
    /// Prices a commit, with the fee of its request where that was not charged before; anything but Done says why it
    /// cannot be settled.
    /// </summary>
    public static Outcome TryPrice(
        in Reservation reservation, CommitCommand command, string currency, bool hasFee, out UsagePrice price)
    {
        CommitTokensRequest request = command.Request;
        price = new UsagePrice
        {
            _reading = command.Reading,
            _isCumulative = request.Cumulative,
            _hasFee = hasFee,
        };
        price.SetTerms(reservation, request, command.Reading);
        price.SetBilled(request, command.Reading, currency);
        return price.PriceAll(reservation, request);
    }

    /// <summary>A commit that settles nothing, of the same call.</summary>
    public static UsagePrice OfNothing(in Reservation reservation, CommitCommand command, string currency)
    {
        var request = new CommitTokensRequest { Usage = new TokenUsage(), Model = command.Request.Model };
        CommitCommand empty = command with { Request = request, Reading = null };
        Outcome priced = TryPrice(reservation, empty, currency, hasFee: false, out UsagePrice price);
        Invariant.Holds(priced == Outcome.Done);
        return price;
    }

    /// <summary>What its counted items cost.</summary>
    public readonly ItemPrices ItemsIn(PriceBook book) => new(book, _entry, _tokens.Prompt, _hasFee);

    /// <summary>Its usage is that of the whole call.</summary>
    public readonly bool IsCumulative => _isCumulative;

    /// <summary>Whether it is more than the call of a hold can have used.</summary>
    public readonly bool IsBeyond(in Reservation reservation) =>
        _bound.IsPassed(
            reservation.Granted,
            _isCumulative ? 0 : reservation.SettledTokens,
            _ownNanos,
            _itemsNanos,
            _billedNanos);

    /// <summary>Completes the event of the charge.</summary>
    public readonly void WriteTo(ReservationSettled settled)
    {
        settled.Model = _model;
        settled.PricedAs = _pricedAs;
        if (_isOtherTier) settled.ServiceTier = _tier;
        if (_isOtherRegion) settled.Region = _region;
        if (_parts is { Count: > 1 }) settled.Parts.Add(_parts);
        else _card?.WriteLines(_tokens, settled.Lines);
        if (_tier != ServiceTier.Standard) settled.PricedTier = _tier;
        settled.PricedRegion = _region;
        if (_reading is not null)
        {
            settled.Unread.Add(_reading.Unread);
            if (_isCostUnread) settled.Unread.Add("cost");
            settled.UnaccountedTokens = _reading.UnaccountedTokens;
        }

        if (_billedNanos is null) return;
        // What was billed is not told item by item.
        settled.ItemCosts = null;
        settled.OwnCostNanos = _ownNanos;
    }

    // A report of the standard list does not take a batch from its own: some providers report batches so.
    private void SetTerms(in Reservation reservation, CommitTokensRequest request, UsageReading? reading)
    {
        _tier = reservation.ServiceTier;
        bool isBatchAsStandard =
            _tier == ServiceTier.Batch && reading is { ServiceTier: ServiceTier.Standard };
        if (request.ServiceTier != ServiceTier.Unspecified) _tier = request.ServiceTier;
        else if (reading is { ServiceTier: not ServiceTier.Unspecified } && !isBatchAsStandard)
            _tier = reading.ServiceTier;
        _region = reservation.Region;
        if (request.Region.Length > 0) _region = request.Region;
        else if (reading is { Region.Length: > 0 } && HasRegion(reservation, request, reading.Region))
            _region = reading.Region;
        _isOtherTier = _tier != reservation.ServiceTier;
        _isOtherRegion = _region != reservation.Region;
    }

    private readonly bool HasRegion(in Reservation reservation, CommitTokensRequest request, string region)
    {
        string model = request.Model.Length > 0 ? request.Model : reservation.Model;
        return reservation.Book.Find(model, region, _tier, reservation.HeldAtNanos)?.Region == region;
    }

    // What a router bills in another currency than the tenant's is not this tenant's money.
    private void SetBilled(CommitTokensRequest request, UsageReading? reading, string currency)
    {
        if (request.BilledCost is not null)
            _billedNanos = MoneyMath.ToNanos(request.BilledCost);
        else if (reading?.Cost is { } cost && cost.CurrencyCode == currency)
            _billedNanos = MoneyMath.ToNanos(cost);
        else
            _isCostUnread = reading?.Cost is not null;
        Source = _billedNanos is not null ? UsageSource.Billed
            : request.UsageSource == UsageSource.Unspecified ? UsageSource.Provider
            : request.UsageSource;
    }

    private Outcome PriceAll(in Reservation reservation, CommitTokensRequest request)
    {
        Tokens own = Tokens.From(request.Usage);
        Tokens total = own;
        long nanos = 0;
        _isOfParts = request.Parts.Count > 0;
        // Usage of nothing beside samplings is none of them.
        bool isOwn = own.Total > 0 || request.Parts.Count == 0;
        Outcome outcome = Outcome.Done;
        long asInput = UnaccountedAsInput(reservation, request.Model, own);
        if (asInput > 0) own = total = own with { Input = own.Input + asInput, Output = own.Output - asInput };
        if (isOwn && !TryAdd(reservation, request.Model, own, ref nanos, out outcome)) return outcome;
        foreach (UsagePart part in request.Parts)
        {
            Tokens tokens = Tokens.From(part.Usage);
            string model = part.Model.Length > 0 ? part.Model : request.Model;
            if (!TryAdd(reservation, model, tokens, ref nanos, out outcome)) return outcome;
            total = total.Plus(tokens);
        }

        bool isAsTold = request.Parts.Count == 0 && asInput == 0;
        Usage = isAsTold ? request.Usage : total.ToUsage();
        if (!isAsTold) Usage.Items.Add(request.Usage.Items);
        long tokensNanos = nanos;
        if (!ItemsIn(reservation.Book).TryPrice(Usage.Items, Rounding.HalfToEven, ref nanos))
            return Outcome.AmountOverflow;
        _itemsNanos = nanos - tokensNanos;
        _ownNanos = nanos;
        return Outcome.Done;
    }

    // What a report counts in its total alone came as output. Where input is dearer, as with a model whose output is
    // free, it is input: of embeddings some servers tell the total and no more.
    private readonly long UnaccountedAsInput(in Reservation reservation, string ranModel, in Tokens own)
    {
        long unaccounted = Math.Min(_reading?.UnaccountedTokens ?? 0, own.Output);
        if (unaccounted == 0) return 0;
        RateCard? card = EntryOf(reservation, ranModel, out _, out _)?.CardFor(own, _tier, reservation.HeldAtNanos);
        return card is { IsInputDearer: true } ? unaccounted : 0;
    }

    private bool TryAdd(
        in Reservation reservation, string ranModel, in Tokens tokens, ref long sumNanos, out Outcome outcome)
    {
        PriceEntry? entry = EntryOf(reservation, ranModel, out string model, out string pricedAs);
        outcome = Outcome.ModelMissing;
        if (entry is null && tokens.Total > 0) return false;
        outcome = Outcome.AmountOverflow;
        long nanos = 0;
        RateCard? card = entry?.CardFor(tokens, _tier, reservation.HeldAtNanos);
        bool fits = card is null || card.TryPrice(tokens, Rounding.HalfToEven, out nanos);
        if (!fits || nanos > long.MaxValue - sumNanos) return false;
        sumNanos += nanos;
        _bound.Add(entry, tokens);
        // The first sampling's model is the call's. Most calls are one sampling, which is told by the usage alone.
        if (!_hasModel)
        {
            (_hasModel, _model, _pricedAs) = (true, model, pricedAs);
            (_entry, _card, _tokens) = (entry, card, tokens);
        }

        if (!_isOfParts) return true;
        var part = new SettledPart
        {
            Model = model,
            PricedAs = pricedAs,
            Usage = tokens.ToUsage(),
            CostNanos = nanos,
        };
        card?.WriteLines(tokens, part.Lines);
        (_parts ??= []).Add(part);
        return true;
    }

    // A model that the hold's book does not know pays the held model's price: never free, and never left unrecorded.
    // Null for items that were held without a model, where the commit names none that is known.
    private readonly PriceEntry? EntryOf(
        in Reservation reservation, string ranModel, out string model, out string pricedAs)
    {
        pricedAs = "";
        model = reservation.Model;
        if (ranModel.Length > 0 && ranModel != reservation.Model)
        {
            PriceEntry? ran = Find(reservation, ranModel);
            if (ran is not null)
            {
                model = ran.Model;
                return ran;
            }

            model = ranModel;
            pricedAs = reservation.Model;
        }

        PriceEntry? held = Find(reservation, reservation.Model);
        Invariant.Holds(held is not null || reservation.Model.Length == 0 || _isOtherTier || _isOtherRegion);
        return held ?? reservation.Book.Find(
            reservation.Model, reservation.Region, reservation.ServiceTier, reservation.HeldAtNanos);
    }

    private readonly PriceEntry? Find(in Reservation reservation, string model) =>
        reservation.Book.Find(model, _region, _tier, reservation.HeldAtNanos);
}
