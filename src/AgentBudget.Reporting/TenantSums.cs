using System.Runtime.InteropServices;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Reporting;

/// <summary>One tenant's position, its currency and time zone, and the sums that are not yet written.</summary>
internal sealed class TenantSums(string tenant)
{
    private readonly PriorityQueue<TaskCompletionSource, long> _waits = new();

    public string Tenant { get; } = tenant;

    /// <summary>Sequence of the last event folded, written or not.</summary>
    public long Position { get; private set; }

    /// <summary>ISO 4217, of the last catalog applied.</summary>
    public string Currency { get; private set; } = "";

    /// <summary>IANA name, of the last catalog applied.</summary>
    public string TimeZone { get; private set; } = "UTC";

    /// <summary>Something was folded since the last write.</summary>
    public bool IsChanged { get; set; }

    public Dictionary<SpendKey, SpendSums> Pending { get; } = new(SpendKey.Comparer);

    public static TenantSums Restore(string tenant, long position, string currency, string timeZone) =>
        new(tenant) { Position = position, Currency = currency, TimeZone = timeZone };

    /// <summary>Counts one event; the caller has checked that it is the next one.</summary>
    public void Fold(LedgerEvent ledgerEvent)
    {
        switch (ledgerEvent.FactCase)
        {
            case LedgerEvent.FactOneofCase.ReservationHeld:
                checked { SumsOf(ledgerEvent, ledgerEvent.ReservationHeld.Model).Calls++; }
                break;
            case LedgerEvent.FactOneofCase.ReservationRefused:
                checked { SumsOf(ledgerEvent, ledgerEvent.ReservationRefused.Model).Refused++; }
                break;
            case LedgerEvent.FactOneofCase.ReservationSettled:
                SumsOf(ledgerEvent, ledgerEvent.ReservationSettled.Model).Add(ledgerEvent.ReservationSettled);
                break;
            case LedgerEvent.FactOneofCase.CatalogApplied:
                Currency = ledgerEvent.CatalogApplied.Catalog.Currency;
                TimeZone = ledgerEvent.CatalogApplied.Catalog.TimeZone is { Length: > 0 } zone ? zone : "UTC";
                break;
            default:
                break; // No other fact moves settled spend, calls or refusals.
        }
        Position = ledgerEvent.Sequence;
        IsChanged = true;
    }

    /// <summary>Goes back to what is written.</summary>
    public void Rewind(long toPosition)
    {
        Position = toPosition;
        IsChanged = false;
    }

    public Task WaitForAsync(long sequence)
    {
        if (Position >= sequence) return Task.CompletedTask;
        var wait = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _waits.Enqueue(wait, sequence);
        return wait.Task;
    }

    public void CompleteWaits()
    {
        while (_waits.TryPeek(out var wait, out long sequence) && sequence <= Position)
        {
            _waits.Dequeue();
            wait.SetResult();
        }
    }

    public void CancelWaits()
    {
        while (_waits.TryDequeue(out var wait, out _)) wait.SetCanceled();
    }

    private ref SpendSums SumsOf(LedgerEvent ledgerEvent, string model)
    {
        var spender = ledgerEvent.Spender;
        var key = new SpendKey(
            ledgerEvent.Time.Seconds / SpendKey.QuarterSeconds,
            spender.BusinessUnit, spender.UseCase, spender.Agent, spender.Session, model);
        return ref CollectionsMarshal.GetValueRefOrAddDefault(Pending, key, out _);
    }
}
