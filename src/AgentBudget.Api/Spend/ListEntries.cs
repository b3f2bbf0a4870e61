using System.Globalization;
using AgentBudget.Api.Access;
using AgentBudget.Api.Errors;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Spend;

/// <summary>ListEntries: the ledger in pages.</summary>
internal sealed class ListEntries(ApiContext context)
{
    /// <summary>
    /// Events looked at for one page; a filter that matches little gets a short page and a token to go on.
    /// </summary>
    private const int ScannedMax = 20_000;

    /// <summary>Events read at once.</summary>
    private const int ReadMax = 1_000;

    /// <summary>A page is cut here, so that it fits what clients take: 4 MiB by default in gRPC.</summary>
    private const int PageBytesMax = 1024 * 1024;

    internal async ValueTask<ListEntriesResponse> HandleAsync(ListEntriesRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        EventFilter.Check(ref faults, request.Filter);
        FieldChecks.PageSize(ref faults, request.PageSize);
        if (request.FromSequence < 0)
            faults.Add("from_sequence", "must not be negative");
        long next = Math.Max(request.FromSequence, 1);
        if (request.PageToken.Length > 0
            && !(long.TryParse(request.PageToken, NumberStyles.None, CultureInfo.InvariantCulture, out next)
                && next > 0))
        {
            faults.Add("page_token", "must be the next_page_token of the page before");
        }

        faults.ThrowIfAny();
        string tenant = context.Callers.TenantOf(call);
        await context.CurrencyOfAsync(tenant); // A tenant without a catalog is not found.
        int pageSize = request.PageSize == 0 ? FieldRules.PageSizeDefault : request.PageSize;
        try
        {
            EventFilter filter = new(request.Filter, OwnScope.Of(call));
            EventView view = new(CallerScope.CallerOf(call));
            return await ReadAsync(tenant, next, pageSize, filter, view, call.Cancellation);
        }
        catch (TenantException fault)
        {
            throw ErrorMap.Of(fault);
        }
    }

    private async ValueTask<ListEntriesResponse> ReadAsync(
        string tenant,
        long fromSequence,
        int pageSize,
        EventFilter filter,
        EventView view,
        CancellationToken cancellationToken)
    {
        ListEntriesResponse page = new();
        long next = fromSequence;
        int bytes = 0;
        while (next - fromSequence < ScannedMax)
        {
            IReadOnlyList<LedgerEvent> events = await context.Host.ReadAsync(tenant, next, ReadMax, cancellationToken);
            if (events.Count == 0)
                return page;
            foreach (LedgerEvent ledgerEvent in events)
            {
                if (filter.Matches(ledgerEvent))
                {
                    bytes += ledgerEvent.CalculateSize();
                    bool isFull = page.Entries.Count == pageSize || (bytes > PageBytesMax && page.Entries.Count > 0);
                    if (isFull)
                        return Cut(page, ledgerEvent.Sequence);
                    page.Entries.Add(view.Of(ledgerEvent));
                }

                next = ledgerEvent.Sequence + 1;
            }
        }

        return Cut(page, next);
    }

    private static ListEntriesResponse Cut(ListEntriesResponse page, long next)
    {
        page.NextPageToken = next.ToString(CultureInfo.InvariantCulture);
        return page;
    }
}
