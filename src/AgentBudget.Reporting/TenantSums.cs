using System.Runtime.InteropServices;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Reporting;

/// <summary>One tenant's position, its currency and time zone, and the sums that are not yet written.</summary>
internal sealed class TenantSums(string tenant)
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

    /// <summary>Those of the last catalog applied.</summary>
    public Baselines Baselines { get; private set; } = Baselines.None;

    /// <summary>A catalog was applied since the last write.</summary>
    public bool HaveBaselinesChanged { get; private set; }

    public Dictionary<SpendKey, SpendSums> Pending { get; } = new(SpendKey.Comparer);

    /// <summary>By the run's root.</summary>
    public Dictionary<string, RunSums> PendingRuns { get; } = new(StringComparer.Ordinal);

    /// <summary>The tags of sessions and calls.</summary>
    public TagMemory Tags { get; } = new(tenant);

    /// <summary>Sums that wait to be written.</summary>
    public int PendingCount => Pending.Count + PendingRuns.Count + Tags.Pending.Count;

    public static TenantSums Restore(
        string tenant, long position, string currency, string timeZone, Baselines baselines) =>
        new(tenant) { Position = position, Currency = currency, TimeZone = timeZone, Baselines = baselines };

    /// <summary>Counts one event; the caller has checked that it is the next one.</summary>
    public void Fold(LedgerEvent ledgerEvent)
    {
        switch (ledgerEvent.FactCase)
        {
            case LedgerEvent.FactOneofCase.ReservationHeld:
                ReservationHeld held = ledgerEvent.ReservationHeld;
                string item = held.Model.Length == 0 ? held.Estimate.Items[0].Sku : "";
                string tool = held.Tool.Length == 0 && held.ToolCalls > 0 ? item : held.Tool;
                string session = ledgerEvent.Spender.Session;
                string tags = TagText.Of(Tags.OfSession(session), held.Tags?.Values);
                Tags.SetEvent(ledgerEvent.Sequence, session, tags);
                checked { SumsOf(ledgerEvent, held.Model, tool, item, tags).Calls++; }
                break;
            case LedgerEvent.FactOneofCase.ReservationRefused:
                ReservationRefused refused = ledgerEvent.ReservationRefused;
                checked { SumsOf(ledgerEvent, refused.Model, refused.Tool, refused.Sku).Refused++; }
                break;
            case LedgerEvent.FactOneofCase.RefusalsCoalesced:
                RefusalsCoalesced coalesced = ledgerEvent.RefusalsCoalesced;
                checked
                {
                    SumsOf(ledgerEvent, coalesced.Model, coalesced.Tool, coalesced.Sku).Refused += coalesced.Count;
                }

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
                CostRecorded cost = ledgerEvent.CostRecorded;
                string ofCost = TagText.Of(Tags.OfSession(ledgerEvent.Spender.Session), cost.Tags?.Values);
                ref SpendSums sums = ref SumsOf(ledgerEvent, "", cost.ToolCalls > 0 ? cost.Sku : "", cost.Sku, ofCost);
                sums.Add(cost.CostNanos, cost.QuantityMillionths);
                checked
                {
                    sums.Calls++;
                    RunOf(ledgerEvent.Spender).CostNanos += cost.CostNanos;
                }

                break;
            case LedgerEvent.FactOneofCase.SpendAdjusted:
                foreach (AdjustmentLine line in ledgerEvent.SpendAdjusted.Lines) Fold(ledgerEvent, line);
                break;
            case LedgerEvent.FactOneofCase.SessionOpened:
                Tags.SetSession(ledgerEvent.Spender.Session, ledgerEvent.SessionOpened.Tags);
                break;
            case LedgerEvent.FactOneofCase.SessionEnded:
                if (ledgerEvent.Spender.Run.Length == 0) RunOf(ledgerEvent.Spender).End = EndOf(ledgerEvent);
                break;
            case LedgerEvent.FactOneofCase.CatalogApplied:
                Currency = ledgerEvent.CatalogApplied.Catalog.Currency;
                TimeZone = ledgerEvent.CatalogApplied.Catalog.TimeZone is { Length: > 0 } zone ? zone : "UTC";
                Baselines = Baselines.Of(ledgerEvent.CatalogApplied.Catalog);
                HaveBaselinesChanged = true;
                break;
            default:
                break; // No other fact moves settled spend, calls or refusals, or ends a run.
        }
        Position = ledgerEvent.Sequence;
        IsChanged = true;
    }

    /// <summary>Goes back to what is written.</summary>
    public void Rewind(long toPosition, Baselines baselines)
    {
        Position = toPosition;
        Baselines = baselines;
        IsChanged = false;
        Tags.Clear();
    }

    /// <summary>Forgets what waits to be written, because it is, or is to be folded again.</summary>
    public void ClearPending()
    {
        Pending.Clear();
        PendingRuns.Clear();
        HaveBaselinesChanged = false;
    }

    // A counted item is a row of its own: its SKU, and where it is a call of a tool, that tool. What is taken back has
    // the sign -1.
    private void Fold(LedgerEvent ledgerEvent, ReservationSettled settled, int sign)
    {
        string tags = Tags.OfEvent(settled.Reservation, ledgerEvent.Spender.Session);
        if (settled.Disputed)
        {
            // What was held is spend; the rest is, once it is confirmed, and then with all its tokens.
            long believedNanos = settled.CostNanos - settled.OverrunNanos;
            checked { RunOf(ledgerEvent.Spender).CostNanos += believedNanos; }
            SumsOf(ledgerEvent, settled.Model, settled.Tool, "", tags).Add(believedNanos, quantityMillionths: 0);
            return;
        }

        checked { RunOf(ledgerEvent.Spender).CostNanos += sign * (Int128)settled.CostNanos; }
        long itemsNanos = 0;
        foreach (ItemCost item in settled.ItemCosts?.Items ?? [])
        {
            string tool = item.Tool ? item.Sku : settled.Tool;
            checked
            {
                itemsNanos += item.CostNanos;
                SumsOf(ledgerEvent, settled.Model, tool, item.Sku, tags)
                    .Add(sign * (Int128)item.CostNanos, sign * (Int128)item.Count * PartsPerUnit);
            }
        }

        bool isOfItemsAlone = settled.Model.Length == 0 && itemsNanos == settled.CostNanos && settled.OverrunNanos == 0;
        if (!isOfItemsAlone) SumsOf(ledgerEvent, settled.Model, settled.Tool, "", tags).Add(settled, itemsNanos, sign);
    }

    private void Fold(LedgerEvent ledgerEvent, AdjustmentLine line)
    {
        string tags = Tags.OfSession(line.Spender.Session);
        SumsOf(ledgerEvent.Time.Seconds, line.Spender, line.Model, "", "", tags).Add(line.Nanos, 0);
        if (line.Spender.Session.Length == 0) return;
        checked { RunOf(line.Spender).CostNanos += line.Nanos; }
    }

    private void Fold(LedgerEvent ledgerEvent, DisputeDecided decided)
    {
        checked { RunOf(ledgerEvent.Spender).CostNanos += decided.CostNanos; }
        var settled = new ReservationSettled
        {
            CostNanos = decided.CostNanos,
            OverrunNanos = decided.CostNanos,
            Usage = decided.Usage,
        };
        string tags = Tags.OfEvent(decided.Dispute, ledgerEvent.Spender.Session);
        SumsOf(ledgerEvent, decided.Model, decided.Tool, "", tags).Add(settled, itemsNanos: 0, sign: 1);
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
            Baselines.DeltasOf(root.UseCase, outcome));
    }

    private ref RunSums RunOf(Spender spender) => ref CollectionsMarshal.GetValueRefOrAddDefault(
        PendingRuns, spender.Run.Length > 0 ? spender.Run : spender.Session, out _);

    private ref SpendSums SumsOf(LedgerEvent ledgerEvent, string model, string tool, string sku) => ref SumsOf(
        ledgerEvent, model, tool, sku, Tags.OfSession(ledgerEvent.Spender.Session));

    private ref SpendSums SumsOf(LedgerEvent ledgerEvent, string model, string tool, string sku, string tags) =>
        ref SumsOf(ledgerEvent.Time.Seconds, ledgerEvent.Spender, model, tool, sku, tags);

    private ref SpendSums SumsOf(
        long seconds, Spender spender, string model, string tool, string sku, string tags)
    {
        var key = new SpendKey(
            seconds / SpendKey.QuarterSeconds,
            spender.BusinessUnit, spender.UseCase, spender.Agent, spender.Session, model, tool, sku, spender.OnBehalfOf,
            tags);
        return ref CollectionsMarshal.GetValueRefOrAddDefault(Pending, key, out _);
    }
}
