using AgentBudget.Ledger.Requests;
using AgentBudget.Notifications.Books;
using AgentBudget.Notifications.Notices;
using AgentBudget.Protocol.Notifier.V1;
using AgentBudget.Protocol.V1;
using AgentBudget.Storage;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Notifications;

/// <summary>
/// The endpoints of one tenant. It knows no host: whoever hosts it tells how far the ledger has grown and passes on
/// what is asked. Should there be two of it for a moment, the version of each record lets one write, and a receiver may
/// hear the same notice twice. Safe for any thread.
/// </summary>
public sealed partial class Notifier(NotifierServices services, ILedgerSource source) : IAsyncDisposable
{
    /// <summary>A new secret is in use everywhere within this time; until then the former one signs too.</summary>
    internal static readonly TimeSpan FormerSecretTime = TimeSpan.FromHours(24);

    private const int PageSizeDefault = 100;
    private const int PageSizeMax = 1000;

    private readonly SemaphoreSlim _gate = new(1, 1);
    private IReadOnlyList<EndpointWorker> _workers = [];
    private EndpointIndex _index = new();
    private long _indexVersion = -1; // Not read yet.
    private long _head;

    /// <summary>Whether there is anybody to tell.</summary>
    public bool HasEndpoints => Volatile.Read(ref _workers).Count > 0;

    /// <summary>Reads the records, if they are not known, and sets to work.</summary>
    public async Task OpenAsync(CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            await OpenCoreAsync(cancellationToken);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>The ledger has grown to here, or further.</summary>
    public void Grown(long head)
    {
        long known = Interlocked.Read(ref _head);
        while (head > known && Interlocked.CompareExchange(ref _head, head, known) is { } seen && seen != known)
            known = seen;
        foreach (EndpointWorker worker in Volatile.Read(ref _workers)) worker.Wake();
    }

    /// <summary>
    /// Looks how far the ledger goes, which makes up for what nobody told. One that is shorter than it was has been
    /// restored to an earlier time: what happens from there on is new.
    /// </summary>
    public async Task LookAsync(CancellationToken cancellationToken)
    {
        await OpenAsync(cancellationToken);
        if (!HasEndpoints) return;
        IReadOnlyList<EndpointWorker> workers = Volatile.Read(ref _workers);
        long[] reached = [.. workers.Select(worker => worker.Book.Position)];
        long head = await source.HeadAsync();
        foreach ((EndpointWorker worker, long position) in workers.Zip(reached))
        {
            if (position <= head) continue;
            Log.LedgerIsShorter(services.Logger, source.Tenant, head, worker.Number, position);
            Interlocked.Exchange(ref _head, head);
            await worker.ChangeAsync(
                (book, _) =>
                {
                    book.Position = head;
                    return Task.FromResult((true, true));
                },
                cancellationToken);
        }

        Grown(head);
    }

    /// <summary>Answers what is asked. Faults of the store are an answer.</summary>
    public async Task<NotifierReply> AskAsync(NotifierRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        await _gate.WaitAsync(cancellationToken);
        try
        {
            await OpenCoreAsync(cancellationToken);
            return request.AskCase switch
            {
                NotifierRequest.AskOneofCase.Create => await CreateAsync(request.Create, cancellationToken),
                NotifierRequest.AskOneofCase.Act => await ActAsync(request.Act, cancellationToken),
                NotifierRequest.AskOneofCase.Deliveries => Deliveries(request.Deliveries),
                NotifierRequest.AskOneofCase.Find => Find(request.Find),
                NotifierRequest.AskOneofCase.List or NotifierRequest.AskOneofCase.None => List(),
            };
        }
        catch (Exception fault) when (fault is StoreException or InvalidOperationException
            || (fault is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            Log.NotDone(services.Logger, source.Tenant, fault);
            _indexVersion = -1;
            return new NotifierReply { Outcome = NotifierOutcome.NotReady };
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _gate.WaitAsync();
        foreach (EndpointWorker worker in _workers) await worker.DisposeAsync();
        _workers = [];
        _gate.Dispose();
    }

    private async Task OpenCoreAsync(CancellationToken cancellationToken)
    {
        if (_indexVersion >= 0) return;
        (long version, EndpointIndex index) = await services.Books.ReadIndexAsync(source.Tenant, cancellationToken);
        Dictionary<long, EndpointWorker> known = _workers.ToDictionary(worker => worker.Number);
        List<EndpointWorker> workers = [];
        foreach (EndpointSlot slot in index.Slots)
        {
            if (known.Remove(slot.Number, out EndpointWorker? worker)) workers.Add(worker);
            else if (await BeginAsync(slot, cancellationToken) is { } begun) workers.Add(begun);
        }

        foreach (EndpointWorker gone in known.Values) await gone.DisposeAsync();
        (_index, _indexVersion) = (index, version);
        Volatile.Write(ref _workers, workers);
    }

    private async Task<EndpointWorker?> BeginAsync(EndpointSlot slot, CancellationToken cancellationToken)
    {
        (long version, EndpointBook book) =
            await services.Books.ReadAsync(source.Tenant, slot.Slot, cancellationToken);
        if (book.Number != slot.Number) return null;
        EndpointWorker worker = new(
            services, source, slot.Slot, version, book, () => Interlocked.Read(ref _head));
        worker.Start();
        return worker;
    }

    private async Task<NotifierReply> CreateAsync(EndpointBook made, CancellationToken cancellationToken)
    {
        if (WorkerOf(made.Number) is { Book: { } there })
        {
            // The ledger has no address to compare.
            bool isSame = there.Url == made.Url && there.Recipients.Equals(made.Recipients);
            return isSame ? Done(there, NotifierOutcome.Repeated) : Of(NotifierOutcome.KeyReused);
        }

        if (_index.Removed.Any(removed => removed.Number == made.Number)) return Of(NotifierOutcome.NotFound);
        int slot = Enumerable.Range(0, BookRules.EndpointsMax)
            .Except(_index.Slots.Select(used => used.Slot)).DefaultIfEmpty(-1).First();
        if (slot < 0) return Of(NotifierOutcome.Full);
        made.Format = EndpointBooks.Format;
        made.Position = made.Number;
        made.CreateMs = services.Time.GetUtcNow().ToUnixTimeMilliseconds();
        // A record without its place in the index is free, so the record comes first.
        (long version, _) = await services.Books.ReadAsync(source.Tenant, slot, cancellationToken);
        Require(await services.Books.TryWriteAsync(source.Tenant, slot, version, made, cancellationToken));
        EndpointIndex next = _index.Clone();
        EndpointSlot place = new() { Slot = slot, Number = made.Number };
        next.Slots.Add(place);
        await WriteIndexAsync(next, cancellationToken);
        EndpointWorker worker = (await BeginAsync(place, cancellationToken))!;
        Volatile.Write(ref _workers, [.. _workers, worker]);
        return Done(worker.Book, NotifierOutcome.Done);
    }

    private async Task<NotifierReply> ActAsync(EndpointAct act, CancellationToken cancellationToken)
    {
        if (_index.Removed.Any(removed => removed.Number == act.Number && Is(removed, act.Removed)))
            return Of(NotifierOutcome.Repeated);
        if (WorkerOf(act.Number) is not { } worker) return Of(NotifierOutcome.NotFound);
        if (act.Changed.Change == NotificationChange.Deleted)
            return await RemoveAsync(worker, act.Removed, cancellationToken);
        NotifierReply done = await worker.ChangeAsync(
            async (book, fold) =>
            {
                if (book.Acts.Contains(act.Sequence)) return (false, Done(book, NotifierOutcome.Repeated));
                (NotifierOutcome outcome, int replayed) = await DoAsync(book, fold, act);
                if (outcome == NotifierOutcome.Done) BookRules.NoteAct(book, act.Sequence);
                NotifierReply reply = Done(book, outcome);
                reply.Replayed = replayed;
                return (outcome == NotifierOutcome.Done, reply);
            },
            cancellationToken);
        if (act.Changed.Change == NotificationChange.Tested)
            done.Delivery = NoticeMaker.IdOf(source.Tenant, act.Sequence, 0);
        return done;
    }

    private async Task<(NotifierOutcome Outcome, int Replayed)> DoAsync(
        EndpointBook book, EndpointFold fold, EndpointAct act)
    {
        NotificationsChanged changed = act.Changed;
        switch (changed.Change)
        {
            case NotificationChange.Updated:
                book.Filter = changed.Filter;
                if (book.Disabled && !changed.Disabled) Outbox.Restart(book);
                book.Disabled = changed.Disabled;
                book.DisabledReason = changed.Disabled ? changed.Reason : "";
                return (NotifierOutcome.Done, 0);
            case NotificationChange.SecretRotated:
                if (book.Kind != EndpointKind.Webhook) return (NotifierOutcome.NoSecret, 0);
                book.FormerSecret = book.Secret;
                book.FormerUntilMs = (services.Time.GetUtcNow() + FormerSecretTime).ToUnixTimeMilliseconds();
                book.Secret = act.Secret;
                return (NotifierOutcome.Done, 0);
            case NotificationChange.Tested:
                Outbox.Add(book, await fold.TestAsync(act.Sequence, book.Number));
                return (NotifierOutcome.Done, 0);
            case NotificationChange.Replayed:
                int count = await ReplayAsync(book, fold, changed.Delivery);
                bool isKnown = count > 0 || changed.Delivery.Length == 0;
                return (isKnown ? NotifierOutcome.Done : NotifierOutcome.NotFound, count);
            case NotificationChange.Unspecified:
            case NotificationChange.Created:
            case NotificationChange.Deleted:
            default:
                return (NotifierOutcome.NotFound, 0);
        }
    }

    private static async Task<int> ReplayAsync(EndpointBook book, EndpointFold fold, string id)
    {
        int count = Outbox.Replay(book, id);
        bool wasDelivered = count == 0 && id.Length > 0 && book.Log.Any(ended => ended.Delivery_ == id);
        if (!wasDelivered || await fold.MakeAgainAsync(id) is not { } again) return count;
        Outbox.Add(book, again);
        return 1;
    }

    private async Task<NotifierReply> RemoveAsync(
        EndpointWorker worker, RemovedEndpoint removed, CancellationToken cancellationToken)
    {
        EndpointIndex next = _index.Clone();
        next.Slots.Remove(next.Slots.First(slot => slot.Number == worker.Number));
        next.Removed.Add(removed);
        while (next.Removed.Count > BookRules.RemovedMax) next.Removed.RemoveAt(0);
        await WriteIndexAsync(next, cancellationToken);
        Volatile.Write(ref _workers, [.. _workers.Where(other => other != worker)]);
        await worker.DisposeAsync();
        // What is secret in it goes too; should that fail, the next endpoint of this record writes over it.
        EndpointBook empty = new() { Format = EndpointBooks.Format };
        await services.Books.TryWriteAsync(source.Tenant, worker.Slot, worker.Version, empty, cancellationToken);
        return Of(NotifierOutcome.Done);
    }

    private async Task WriteIndexAsync(EndpointIndex next, CancellationToken cancellationToken)
    {
        next.Format = EndpointBooks.Format;
        Require(await services.Books.TryWriteAsync(source.Tenant, _indexVersion, next, cancellationToken));
        (_index, _indexVersion) = (next, _indexVersion + 1);
    }

    private NotifierReply List()
    {
        NotifierReply reply = Of(NotifierOutcome.Done);
        DateTimeOffset now = services.Time.GetUtcNow();
        reply.Endpoints.Add(_workers.OrderByDescending(worker => worker.Number)
            .Select(worker => BookRules.EndpointOf(worker.Book, now)));
        return reply;
    }

    // Whether a request would be refused, so that nothing is recorded of one that is.
    private NotifierReply Find(RemovedEndpoint asked)
    {
        if (asked.Number == 0)
        {
            bool isRepeated = _workers.Any(
                worker => worker.Book.CreateRequestId == asked.RequestId
                    && Principals.OfActor(worker.Book.CreatedBy) == asked.Principal);
            bool isFull = _workers.Count >= BookRules.EndpointsMax;
            return Of(isFull && !isRepeated ? NotifierOutcome.Full : NotifierOutcome.Done);
        }

        if (WorkerOf(asked.Number) is { } worker) return Done(worker.Book, NotifierOutcome.Done);
        return Of(_index.Removed.Any(removed => removed.Number == asked.Number && Is(removed, asked))
            ? NotifierOutcome.Repeated
            : NotifierOutcome.NotFound);
    }

    private NotifierReply Deliveries(ListDeliveriesRequest request)
    {
        Delivery[] all =
        [
            .. _workers.Select(worker => worker.Book).SelectMany(DeliveriesOf)
                .Where(delivery => request.Endpoint.Length == 0 || delivery.Endpoint == request.Endpoint)
                .Where(delivery => request.State == default || delivery.State == request.State)
                .OrderByDescending(delivery => delivery.Time.ToDateTimeOffset())
                .ThenBy(delivery => delivery.Delivery_, StringComparer.Ordinal),
        ];
        int size = request.PageSize == 0 ? PageSizeDefault : Math.Min(request.PageSize, PageSizeMax);
        int from = int.TryParse(request.PageToken, out int token) ? token : 0;
        NotifierReply reply = Of(NotifierOutcome.Done);
        reply.Deliveries = new ListDeliveriesResponse();
        reply.Deliveries.Deliveries.Add(all.Skip(from).Take(size));
        if (all.Length - from > size) reply.Deliveries.NextPageToken = $"{from + size}";
        return reply;
    }

    private static IEnumerable<Delivery> DeliveriesOf(EndpointBook book) =>
        book.Outbox.Select(waiting => BookRules.DeliveryOf(book, waiting, DeliveryState.Waiting))
            .Concat(book.Dead.Select(dead => BookRules.DeliveryOf(book, dead, DeliveryState.Dead)))
            .Concat(book.Log);

    private EndpointWorker? WorkerOf(long number) => _workers.FirstOrDefault(worker => worker.Number == number);

    private static bool Is(RemovedEndpoint removed, RemovedEndpoint? asked) =>
        asked is not null && removed.RequestId == asked.RequestId && removed.Principal == asked.Principal;

    private NotifierReply Done(EndpointBook book, NotifierOutcome outcome) => new()
    {
        Outcome = outcome,
        Endpoints = { BookRules.EndpointOf(book, services.Time.GetUtcNow()) },
    };

    private static NotifierReply Of(NotifierOutcome outcome) => new() { Outcome = outcome };

    private static void Require(bool isWritten)
    {
        if (!isWritten) throw new InvalidOperationException("somebody else wrote the records of this tenant");
    }

    private static partial class Log
    {
        [LoggerMessage(3602, LogLevel.Warning, "Notices of {Tenant} could not be administered; nothing is lost")]
        public static partial void NotDone(ILogger logger, string tenant, Exception fault);

        [LoggerMessage(3603, LogLevel.Warning,
            "The ledger of {Tenant} ends at {Sequence}, and endpoint {Number} was told up to {Position}: it goes on "
            + "from there")]
        public static partial void LedgerIsShorter(
            ILogger logger, string tenant, long sequence, long number, long position);
    }
}
