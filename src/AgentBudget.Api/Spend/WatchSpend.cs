using AgentBudget.Api.Access;
using AgentBudget.Api.Errors;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace AgentBudget.Api.Spend;

/// <summary>WatchSpend: the ledger from a sequence on, filtered, without an end.</summary>
internal sealed class WatchSpend(ApiContext context, TimeProvider time)
{
    /// <summary>A watcher whose filter matches nothing learns this often how far it is.</summary>
    internal static readonly TimeSpan ProgressInterval = TimeSpan.FromSeconds(10);

    /// <summary>
    /// And after this many events that did not match, so that a broken stream resumes near where it was.
    /// </summary>
    internal const int SilentEventsMax = 10_000;

    internal async Task HandleAsync(
        WatchSpendRequest request, IServerStreamWriter<WatchSpendResponse> responses, ApiCall call)
    {
        FieldFaults faults = default;
        EventFilter.Check(ref faults, request.Filter);
        if (request.FromSequence < 0)
            faults.Add("from_sequence", "must not be negative");
        faults.ThrowIfAny();

        string tenant = context.Callers.TenantOf(call);
        string currency = await context.CurrencyOfAsync(tenant);
        OwnScope? own = OwnScope.Of(call);
        Stream stream = new(
            responses,
            new EventFilter(request.Filter, own),
            new EventView(CallerScope.CallerOf(call)),
            new StreamTotals(currency));
        try
        {
            long fromSequence = request.FromSequence;
            if (request.Snapshot)
            {
                long snapshotSequence = await SendSnapshotAsync(tenant, request.Filter, own, stream);
                if (fromSequence == 0)
                    fromSequence = snapshotSequence + 1;
            }

            if (fromSequence == 0)
                fromSequence = await context.Host.DurableSequenceAsync(tenant, call.Cancellation) + 1;
            await call.StartResponseAsync();
            await FollowAsync(tenant, fromSequence, stream, call.Cancellation);
        }
        catch (TenantException fault)
        {
            throw ErrorMap.Of(fault);
        }

        // The ledger has no end, so the service is stopping: the caller resumes elsewhere or later.
        throw ErrorMap.Of(new TenantException(TenantFault.NotReady, "the service is stopping"));
    }

    private async ValueTask<long> SendSnapshotAsync(
        string tenant, SpendFilter? filter, OwnScope? own, Stream stream)
    {
        Answer answer = await context.SubmitAsync(tenant, new SpendSnapshotQuery(filter ?? new SpendFilter()));
        SpendSnapshot snapshot = (SpendSnapshot)answer.View!;
        if (own is not null)
        {
            Catalog catalog = await context.CatalogOfAsync(tenant);
            SpendSnapshot narrowed = new() { Sequence = snapshot.Sequence };
            narrowed.Grains.AddRange(snapshot.Grains.Where(balance => own.Owns(balance.Grain, catalog)));
            snapshot = narrowed;
        }

        await stream.SendAsync(new WatchSpendResponse { Snapshot = snapshot });
        return snapshot.Sequence;
    }

    private async Task FollowAsync(string tenant, long fromSequence, Stream stream, CancellationToken cancellationToken)
    {
        stream.Sequence = fromSequence - 1;
        await using IAsyncEnumerator<IReadOnlyList<LedgerEvent>> batches =
            context.Host.WatchAsync(tenant, fromSequence, cancellationToken).GetAsyncEnumerator(cancellationToken);
        while (true)
        {
            ValueTask<bool> next = batches.MoveNextAsync();
            bool hasNext = next.IsCompletedSuccessfully
                ? next.Result
                : await WaitAsync(next.AsTask(), stream, cancellationToken);
            if (!hasNext)
                return;
            foreach (LedgerEvent ledgerEvent in batches.Current)
                await stream.OfferAsync(ledgerEvent);
        }
    }

    private async Task<bool> WaitAsync(Task<bool> next, Stream stream, CancellationToken cancellationToken)
    {
        try
        {
            while (!await IsThereWithinAsync(next, cancellationToken))
                await stream.SendProgressAsync();
        }
        catch
        {
            // The call is over, and with it the reading: it must have stopped before it can be disposed of.
            await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }

        return await next;
    }

    private async Task<bool> IsThereWithinAsync(Task<bool> next, CancellationToken cancellationToken)
    {
        using CancellationTokenSource waited = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task interval = Task.Delay(ProgressInterval, time, waited.Token);
        bool isThere = await Task.WhenAny(next, interval) == next;
        await waited.CancelAsync();
        cancellationToken.ThrowIfCancellationRequested();
        return isThere;
    }

    /// <summary>The sending end: what was looked at, and what was sent.</summary>
    private sealed class Stream(
        IServerStreamWriter<WatchSpendResponse> responses, EventFilter filter, EventView view, StreamTotals totals)
    {
        private Timestamp? _time;
        private int _silentEvents;

        internal long Sequence { get; set; }

        internal async ValueTask OfferAsync(LedgerEvent ledgerEvent)
        {
            Sequence = ledgerEvent.Sequence;
            _time = ledgerEvent.Time;
            if (filter.Matches(ledgerEvent))
            {
                totals.Add(ledgerEvent);
                await SendAsync(new WatchSpendResponse { Event = view.Of(ledgerEvent) });
            }
            else if (++_silentEvents >= SilentEventsMax)
            {
                await SendProgressAsync();
            }
        }

        internal Task SendProgressAsync() =>
            SendAsync(new WatchSpendResponse { Progress = new SpendProgress { Sequence = Sequence, Time = _time } });

        internal Task SendAsync(WatchSpendResponse response)
        {
            _silentEvents = 0;
            response.Totals = totals.ToMessage();
            return responses.WriteAsync(response);
        }
    }
}
