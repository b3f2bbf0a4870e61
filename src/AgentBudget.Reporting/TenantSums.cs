using System.Runtime.InteropServices;
using AgentBudget.Protocol.V1;
using Google.Protobuf.Collections;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Reporting;

/// <summary>One tenant's position, its currency and time zone, and the sums that are not yet written.</summary>
internal sealed class TenantSums(string tenant, SpendItems items)
{
    // Quantities are summed in millionths of a unit.
    private const long PartsPerUnit = 1_000_000;

    public string Tenant { get; } = tenant;

    /// <summary>Sequence of the last event folded, written or not.</summary>
    public long Position { get; private set; }

    /// <summary>ISO 4217, of the last catalog applied.</summary>
    public string Currency { get; private set; } = "";

    /// <summary>IANA name, of the last catalog applied.</summary>
    public string TimeZone { get; private set; } = "UTC";

    /// <summary>Something was folded since the last write.</summary>
    public bool IsChanged { get; set; }

    /// <summary>Log time of the last event folded.</summary>
    public Timestamp Time { get; private set; } = new();

    /// <summary>Of the last catalog applied.</summary>
    public CatalogNames Names { get; private set; } = CatalogNames.None;

    public Dictionary<SpendKey, SpendSums> Pending { get; } = new(SpendKey.Comparer);

    /// <summary>By the run's root.</summary>
    public Dictionary<string, RunSums> PendingRuns { get; } = new(StringComparer.Ordinal);

    /// <summary>Sessions that others opened.</summary>
    public List<ChildSession> PendingChildren { get; } = [];

    /// <summary>The tags of sessions and calls.</summary>
    public TagMemory Tags { get; } = new(tenant);

    /// <summary>Sums that wait to be written.</summary>
    public int PendingCount => Pending.Count + PendingRuns.Count + PendingChildren.Count + Tags.Pending.Count;

    public static TenantSums Restore(
        string tenant, SpendItems items, long position, long timeSeconds, CatalogNames names)
    {
        var sums = new TenantSums(tenant, items)
        {
            Position = position,
            Time = new Timestamp { Seconds = timeSeconds },
        };
        sums.Learn(names);
        return sums;
    }

    /// <summary>Counts one event; the caller has checked that it is the next one.</summary>
    public void Fold(LedgerEvent ledgerEvent)
    {
        switch (ledgerEvent.FactCase)
        {
            case LedgerEvent.FactOneofCase.ReservationHeld:
                Fold(ledgerEvent, ledgerEvent.ReservationHeld);
                break;
            case LedgerEvent.FactOneofCase.ReservationRefused:
                ReservationRefused refused = ledgerEvent.ReservationRefused;
                Refuse(ledgerEvent, refused.Model, refused.Tool, refused.Sku, times: 1);
                break;
            case LedgerEvent.FactOneofCase.RefusalsCoalesced:
                RefusalsCoalesced coalesced = ledgerEvent.RefusalsCoalesced;
                Refuse(ledgerEvent, coalesced.Model, coalesced.Tool, coalesced.Sku, coalesced.Count);
                break;
            case LedgerEvent.FactOneofCase.ReservationSettled:
                ReservationSettled settled = ledgerEvent.ReservationSettled;
                Fold(ledgerEvent, settled, sign: 1);
                if (settled.ExpiryCharge is not null) Fold(ledgerEvent, settled.ExpiryCharge, sign: -1);
                FoldTags(ledgerEvent, settled);
                break;
            case LedgerEvent.FactOneofCase.DisputeDecided:
                if (ledgerEvent.DisputeDecided.Decision == DisputeDecision.Confirmed)
                    Fold(ledgerEvent, ledgerEvent.DisputeDecided);
                Tags.Drop(ledgerEvent.DisputeDecided.Dispute);
                break;
            case LedgerEvent.FactOneofCase.CostRecorded:
                Fold(ledgerEvent, ledgerEvent.CostRecorded);
                break;
            case LedgerEvent.FactOneofCase.SpendAdjusted:
                foreach (AdjustmentLine line in ledgerEvent.SpendAdjusted.Lines) Adjust(ledgerEvent, line);
                break;
            case LedgerEvent.FactOneofCase.SessionOpened:
                Tags.SetSession(ledgerEvent.Spender.Session, ledgerEvent.SessionOpened.Tags);
                if (ledgerEvent.Spender.Parent.Length > 0) PendingChildren.Add(ChildOf(ledgerEvent));
                break;
            case LedgerEvent.FactOneofCase.SessionEnded:
                if (ledgerEvent.Spender.Run.Length == 0) RunOf(ledgerEvent.Spender).End = EndOf(ledgerEvent);
                break;
            case LedgerEvent.FactOneofCase.CatalogApplied:
                Learn(CatalogNames.Of(ledgerEvent.CatalogApplied.Catalog));
                break;
            case LedgerEvent.FactOneofCase.CatalogPatched when Concerns(ledgerEvent.CatalogPatched):
                Learn(Names.After(ledgerEvent.CatalogPatched));
                break;
            default:
                break; // No other fact moves settled spend, calls or refusals, or ends a run.
        }
        Position = ledgerEvent.Sequence;
        Time = ledgerEvent.Time;
        IsChanged = true;
    }

    /// <summary>Goes back to what is written.</summary>
    public void Rewind(long toPosition, long timeSeconds, CatalogNames names)
    {
        Position = toPosition;
        Time = new Timestamp { Seconds = timeSeconds };
        Learn(names);
        IsChanged = false;
        Tags.Clear();
    }

    /// <summary>Forgets what waits to be written, because it is, or is to be folded again.</summary>
    public void ClearPending()
    {
        Pending.Clear();
        PendingRuns.Clear();
        PendingChildren.Clear();
    }

    // Agents and business units, which most patches are of, leave the names as they are.
    private static bool Concerns(CatalogPatched patched) =>
        patched.Put.Prices.Count > 0 || patched.Put.Skus.Count > 0 || patched.Put.UseCases.Count > 0
        || patched.Removed.Any(item => item.StartsWith("useCases/", StringComparison.Ordinal));

    private void Learn(CatalogNames names)
    {
        Names = names;
        Currency = names.Kept.Currency;
        TimeZone = names.Kept.TimeZone is { Length: > 0 } zone ? zone : "UTC";
    }

    private void Fold(LedgerEvent ledgerEvent, ReservationHeld held)
    {
        string item = held.Model.Length == 0 ? held.Estimate.Items[0].Sku : "";
        string tool = held.Tool.Length == 0 && held.ToolCalls > 0 ? item : held.Tool;
        string session = ledgerEvent.Spender.Session;
        string tags = TagText.Of(Tags.OfSession(session), held.Tags?.Values);
        Tags.SetEvent(ledgerEvent.Sequence, session, tags);
        checked { SumsOf(ledgerEvent, tags, Item(held.Model, tool, item)).Calls++; }
    }

    private void Refuse(LedgerEvent ledgerEvent, string model, string tool, string sku, long times)
    {
        string tags = Tags.OfSession(ledgerEvent.Spender.Session);
        checked { SumsOf(ledgerEvent, tags, Item(model, tool, sku)).Refused += times; }
    }

    private void Fold(LedgerEvent ledgerEvent, CostRecorded cost)
    {
        string tags = TagText.Of(Tags.OfSession(ledgerEvent.Spender.Session), cost.Tags?.Values);
        SpendItem item = Item("", cost.ToolCalls > 0 ? cost.Sku : "", cost.Sku) with
        {
            Rate = cost.HasRate ? cost.Rate : SpendItem.NoRate,
            PriceVersion = cost.PriceVersion,
        };
        ref SpendSums sums = ref SumsOf(ledgerEvent, tags, item);
        checked
        {
            sums.CostNanos += cost.CostNanos;
            sums.QuantityMillionths += cost.QuantityMillionths;
            sums.Calls++;
            sums.Lines++;
            RunOf(ledgerEvent.Spender).CostNanos += cost.CostNanos;
        }
    }

    // What is taken back has the sign -1.
    private void Fold(LedgerEvent ledgerEvent, ReservationSettled settled, int sign)
    {
        string tags = Tags.OfEvent(settled.Reservation, ledgerEvent.Spender.Session);
        SpendItem call = Item(settled.Model, settled.Tool, "") with { IsLate = ledgerEvent.ReservationSettled.Late };
        if (settled.Disputed)
        {
            // What was held is spend; the rest is, once it is confirmed, and then with all its tokens.
            long believedNanos = settled.CostNanos - settled.OverrunNanos;
            checked
            {
                RunOf(ledgerEvent.Spender).CostNanos += believedNanos;
                SumsOf(ledgerEvent, tags, call with { Kind = SpendKind.Rest }).CostNanos += believedNanos;
            }

            return;
        }

        checked { RunOf(ledgerEvent.Spender).CostNanos += sign * (Int128)settled.CostNanos; }
        SpendItem terms = call with
        {
            Tier = settled.PricedTier == ServiceTier.Unspecified ? ServiceTier.Standard : settled.PricedTier,
            Region = settled.PricedRegion,
            PriceVersion = ledgerEvent.ReservationSettled.PriceVersion,
            Source = settled.UsageSource,
        };
        long toldNanos = FoldItems(ledgerEvent, settled, terms, tags, sign);
        bool isOfItemsAlone =
            settled.Model.Length == 0 && toldNanos == settled.CostNanos && settled.OverrunNanos == 0;
        checked { toldNanos += FoldLines(ledgerEvent, settled, terms, tags, sign); }
        if (toldNanos != settled.CostNanos)
        {
            ref SpendSums rest = ref SumsOf(ledgerEvent, tags, terms with { Kind = SpendKind.Rest });
            checked { rest.CostNanos += sign * ((Int128)settled.CostNanos - toldNanos); }
        }

        if (isOfItemsAlone) return;
        ref SpendSums ofCall = ref SumsOf(ledgerEvent, tags, call);
        checked
        {
            ofCall.OverrunNanos += sign * (Int128)settled.OverrunNanos;
            ofCall.Unpriced += sign * settled.UnpricedItems.Count;
        }
    }

    // A counted item is a row of its own: its SKU, and where it is a call of a tool, that tool.
    private long FoldItems(
        LedgerEvent ledgerEvent, ReservationSettled settled, SpendItem terms, string tags, int sign)
    {
        if (settled.ItemCosts is null) return 0;
        long toldNanos = 0;
        foreach (ItemCost cost in settled.ItemCosts.Items)
        {
            SpendItem item = terms with
            {
                Tool = cost.Tool ? cost.Sku : settled.Tool,
                Sku = cost.Sku,
                Unit = Names.UnitOf(cost.Sku),
                // What costs parts of a nano has no rate in whole ones.
                Rate = cost.Count > 0 && cost.CostNanos % cost.Count == 0
                    ? cost.CostNanos / cost.Count
                    : SpendItem.NoRate,
            };
            ref SpendSums sums = ref SumsOf(ledgerEvent, tags, item);
            checked
            {
                toldNanos += cost.CostNanos;
                sums.CostNanos += sign * (Int128)cost.CostNanos;
                sums.QuantityMillionths += sign * (Int128)cost.Count * PartsPerUnit;
                sums.Lines++;
            }
        }

        return toldNanos;
    }

    // By bucket at the rates that were paid. A fact of a former release tells its tokens and no rates.
    private long FoldLines(
        LedgerEvent ledgerEvent, ReservationSettled settled, SpendItem terms, string tags, int sign)
    {
        SpendItem whole = terms with
        {
            PricedAs = settled.PricedAs,
            Provider = ProviderOf(settled.Model, settled.PricedAs),
        };
        long toldNanos = Fold(settled.Lines, whole);
        bool isTold = settled.Lines.Count > 0;
        foreach (SettledPart part in settled.Parts)
        {
            SpendItem ofPart = terms with
            {
                Model = part.Model,
                PricedAs = part.PricedAs,
                Provider = ProviderOf(part.Model, part.PricedAs),
            };
            checked { toldNanos += Fold(part.Lines, ofPart); }
            isTold |= part.Lines.Count > 0;
        }

        if (!isTold && settled.Usage is not null) FoldUsage(ledgerEvent, settled.Usage, terms, tags, sign);
        return toldNanos;

        long Fold(RepeatedField<ChargeLine> lines, SpendItem of)
        {
            long nanos = 0;
            foreach (ChargeLine line in lines)
            {
                SpendItem item = of with
                {
                    Bucket = line.Bucket,
                    Rate = line.Rate,
                    RateOf = line.RateOf,
                    AboveTokens = line.AboveTokens,
                };
                ref SpendSums sums = ref SumsOf(ledgerEvent, tags, item);
                checked
                {
                    nanos += line.CostNanos;
                    sums.CostNanos += sign * (Int128)line.CostNanos;
                    sums.Tokens += sign * line.Tokens;
                    sums.Lines++;
                }
            }

            return nanos;
        }
    }

    private void FoldUsage(LedgerEvent ledgerEvent, TokenUsage usage, SpendItem terms, string tags, int sign)
    {
        foreach (TokenBucket bucket in TokenBuckets.All)
        {
            long tokens = TokenBuckets.CountOf(usage, bucket);
            if (tokens == 0) continue;
            checked { SumsOf(ledgerEvent, tags, terms with { Bucket = bucket }).Tokens += sign * tokens; }
        }
    }

    private void Adjust(LedgerEvent ledgerEvent, AdjustmentLine line)
    {
        SpendAdjusted adjusted = ledgerEvent.SpendAdjusted;
        SpendItem item = Item(line.Model, "", "") with
        {
            Kind = SpendKind.Adjustment,
            CorrectionOf = adjusted.Reservation,
            CorrectedQuarter = adjusted.SettleTime is { } settled ? settled.Seconds / SpendKey.QuarterSeconds : 0,
        };
        string tags = Tags.OfSession(line.Spender.Session);
        ref SpendSums sums = ref SumsOf(ledgerEvent, line.Spender, tags, item);
        checked
        {
            sums.CostNanos += line.Nanos;
            if (line.Spender.Session.Length > 0) RunOf(line.Spender).CostNanos += line.Nanos;
        }
    }

    private void Fold(LedgerEvent ledgerEvent, DisputeDecided decided)
    {
        string tags = Tags.OfEvent(decided.Dispute, ledgerEvent.Spender.Session);
        SpendItem item = Item(decided.Model, decided.Tool, "");
        ref SpendSums sums = ref SumsOf(ledgerEvent, tags, item with { Kind = SpendKind.Rest });
        checked
        {
            RunOf(ledgerEvent.Spender).CostNanos += decided.CostNanos;
            sums.CostNanos += decided.CostNanos;
            sums.OverrunNanos += decided.CostNanos;
        }

        if (decided.Usage is not null) FoldUsage(ledgerEvent, decided.Usage, item, tags, sign: 1);
    }

    // A dispute is decided by its own number, when its hold is long settled.
    private void FoldTags(LedgerEvent ledgerEvent, ReservationSettled settled)
    {
        if (!Tags.HasAny) return;
        string session = ledgerEvent.Spender.Session;
        if (settled.Disputed)
            Tags.SetEvent(ledgerEvent.Sequence, session, Tags.OfEvent(settled.Reservation, session));
        if (settled.Final && ledgerEvent.RequestId.Length > 0) Tags.Drop(settled.Reservation);
    }

    private static ChildSession ChildOf(LedgerEvent opened) => new(
        opened.Time.Seconds / SpendKey.QuarterSeconds,
        opened.Spender.Clone(), // An event is not kept.
        opened.SessionOpened.Delegation?.From?.Clone() ?? new Spender { Session = opened.Spender.Parent });

    private RunEnd EndOf(LedgerEvent ledgerEvent)
    {
        Spender root = ledgerEvent.Spender;
        Outcome? outcome = ledgerEvent.SessionEnded.Outcome;
        return new RunEnd(
            ledgerEvent.Time.Seconds / SpendKey.QuarterSeconds,
            outcome?.Status == Outcome.Types.Status.Success,
            root.Agent,
            root.UseCase,
            root.BusinessUnit,
            Names.Baselines.DeltasOf(root.UseCase, outcome));
    }

    private static string RunNameOf(Spender spender) => spender.Run.Length > 0 ? spender.Run : spender.Session;

    private ref RunSums RunOf(Spender spender) =>
        ref CollectionsMarshal.GetValueRefOrAddDefault(PendingRuns, RunNameOf(spender), out _);

    private SpendItem Item(string model, string tool, string sku) => new()
    {
        Model = model,
        Tool = tool,
        Sku = sku,
        Provider = model.Length > 0 ? Names.ProviderOf(model) : "",
        Unit = sku.Length > 0 ? Names.UnitOf(sku) : "",
    };

    private string ProviderOf(string model, string pricedAs) =>
        Names.ProviderOf(model) is { Length: > 0 } provider ? provider : Names.ProviderOf(pricedAs);

    private ref SpendSums SumsOf(LedgerEvent ledgerEvent, string tags, SpendItem item) =>
        ref SumsOf(ledgerEvent, ledgerEvent.Spender, tags, item);

    private ref SpendSums SumsOf(LedgerEvent ledgerEvent, Spender spender, string tags, SpendItem item)
    {
        var key = new SpendKey(
            ledgerEvent.Time.Seconds / SpendKey.QuarterSeconds,
            spender.BusinessUnit, spender.UseCase, spender.Agent, spender.Session, RunNameOf(spender),
            spender.OnBehalfOf, tags, items.Same(item));
        ref SpendSums sums = ref CollectionsMarshal.GetValueRefOrAddDefault(Pending, key, out _);
        sums.LastSequence = ledgerEvent.Sequence;
        return ref sums;
    }
}
