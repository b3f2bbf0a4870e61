using AgentBudget.Api.Errors;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Protocol.V1;
using Grpc.Core;

namespace AgentBudget.Api.Reports;

/// <summary>Reads a tenant's ledger itself, for what is asked seldom.</summary>
internal static class WholeLedger
{
    /// <summary>Events of a ledger that is read for one answer: some seconds, and half a GB from the disk.</summary>
    internal const long EventsMax = 2_000_000;

    private const int ReadMax = 4_096; // Events read at once.

    /// <summary>Hands over every event from one on, as far as it was durable when this was asked.</summary>
    internal static async ValueTask ReadAsync(
        ApiContext context, string tenant, long first, Action<LedgerEvent> accept, CancellationToken cancellationToken)
    {
        await context.CurrencyOfAsync(tenant); // A tenant without a catalog is not found.
        if (!context.WholeReads.TryEnter(tenant, out bool isOwnBound))
        {
            string who = isOwnBound
                ? $"{ApiContext.WholeReadsOfOneMax} reports of this tenant"
                : $"{ApiContext.WholeReadsMax} reports";
            throw ApiErrors.Make(
                StatusCode.ResourceExhausted,
                ErrorReason.BoundReached,
                $"{who} are being read from whole ledgers: try again when one is done.",
                ApiErrors.RetryAfter(ErrorMap.BoundRetry));
        }

        try
        {
            long last = await context.Host.DurableSequenceAsync(tenant, cancellationToken);
            if (last - first >= EventsMax)
                throw ApiErrors.Make(
                    StatusCode.ResourceExhausted,
                    ErrorReason.BoundReached,
                    $"The ledger has more than {EventsMax} events, which is too long to read for this.");
            for (long next = first; next <= last;)
            {
                IReadOnlyList<LedgerEvent> events =
                    await context.Host.ReadAsync(tenant, next, ReadMax, cancellationToken);
                foreach (LedgerEvent ledgerEvent in events)
                {
                    if (ledgerEvent.Sequence <= last)
                        accept(ledgerEvent);
                }

                if (events.Count == 0)
                    return;
                next = events[^1].Sequence + 1;
            }
        }
        catch (TenantException fault)
        {
            throw ErrorMap.Of(fault);
        }
        finally
        {
            context.WholeReads.Leave(tenant);
        }
    }
}
