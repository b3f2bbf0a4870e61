using AgentBudget.Notifications.Sending;
using AgentBudget.Protocol.Notifier.V1;
using AgentBudget.Protocol.V1;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Notifications;

/// <summary>
/// One endpoint at work: makes notices of the ledger, writes them with the position they reach to, sends what is due
/// and writes how it went. Only what was written is sent, so a notice has one content however often it is sent. What
/// fails is tried again from what was written.
/// </summary>
internal sealed partial class EndpointWorker : IAsyncDisposable
{
    /// <summary>Receivers of one's own are sent so many subjects at once.</summary>
    private const int AtOnceMax = 4;

    /// <summary>Events that may be read again after a crash, where none of them made a notice.</summary>
    private const long UnwrittenEventsMax = 16_384;

    /// <summary>Slack and Teams take a message a second.</summary>
    private static readonly TimeSpan ChatPace = TimeSpan.FromSeconds(1);

    /// <summary>A store that cannot be reached is tried again after this.</summary>
    private static readonly TimeSpan StoreRetry = TimeSpan.FromSeconds(5);

    private readonly NotifierServices _services;
    private readonly ILedgerSource _source;
    private readonly int _slot;
    private readonly EndpointFold _fold;
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly CancellationTokenSource _stopping = new();
    private readonly Func<long> _head;
    private TaskCompletionSource _wake = NewWake();
    private EndpointBook _book;
    private long _version;
    private long _writtenPosition;
    private bool _isStale; // What is in memory may not be what is written.
    private DateTimeOffset _notBefore = DateTimeOffset.MinValue;
    private Task _running = Task.CompletedTask;

    public EndpointWorker(
        NotifierServices services, ILedgerSource source, int slot, long version, EndpointBook book, Func<long> head)
    {
        _services = services;
        _source = source;
        _slot = slot;
        _head = head;
        _fold = new EndpointFold(source, services.Time);
        _book = book;
        _version = version;
        _writtenPosition = book.Position;
        Number = book.Number;
    }

    public long Number { get; }

    public int Slot => _slot;

    /// <summary>As it is now; do not change it.</summary>
    public EndpointBook Book => Volatile.Read(ref _book);

    /// <summary>Version of what is written.</summary>
    public long Version => Interlocked.Read(ref _version);

    public void Start() => _running = RunAsync();

    /// <summary>Something may be there to do.</summary>
    public void Wake() => Interlocked.Exchange(ref _wake, NewWake()).TrySetResult();

    /// <summary>
    /// Changes the record, if the change says that there is something to write, and completes once it is written.
    /// </summary>
    public async Task<T> ChangeAsync<T>(
        Func<EndpointBook, EndpointFold, Task<(bool IsChanged, T Answer)>> change, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            await ReloadIfStaleAsync(cancellationToken);
            EndpointBook next = _book.Clone();
            (bool isChanged, T answer) = await change(next, _fold);
            if (isChanged) await WriteAsync(next, cancellationToken);
            return answer;
        }
        finally
        {
            _gate.Release();
            Wake();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _running;
        _stopping.Dispose();
        _gate.Dispose();
    }

    private static TaskCompletionSource NewWake() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task RunAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            Task woken = Volatile.Read(ref _wake).Task;
            DateTimeOffset next;
            try
            {
                next = await StepAsync(_stopping.Token);
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception fault)
            {
                Log.Failed(_services.Logger, Number, _source.Tenant, fault);
                _isStale = true;
                next = _services.Time.GetUtcNow() + StoreRetry;
            }

            await WaitAsync(woken, next);
        }
    }

    private async Task WaitAsync(Task woken, DateTimeOffset next)
    {
        TimeSpan delay = next - _services.Time.GetUtcNow();
        if (delay <= TimeSpan.Zero) return;
        if (delay > EndpointFold.CredentialLook) delay = EndpointFold.CredentialLook;
        using CancellationTokenSource over = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token);
        await Task.WhenAny(woken, Task.Delay(delay, _services.Time, over.Token));
        await over.CancelAsync();
    }

    // Answers when there is something to do next.
    private async Task<DateTimeOffset> StepAsync(CancellationToken cancellationToken)
    {
        bool isMore = await FoldAsync(cancellationToken);
        DateTimeOffset now = _services.Time.GetUtcNow();
        IReadOnlyList<WaitingNotice> due = now < _notBefore ? [] : Outbox.Due(Book, now, AtOnce);
        if (due.Count > 0)
        {
            await SendAsync(due, cancellationToken);
            return DateTimeOffset.MinValue;
        }

        if (isMore) return DateTimeOffset.MinValue;
        DateTimeOffset next = _fold.NextTime(Book);
        if (Outbox.NextTime(Book) is { } retry && retry < next) next = retry;
        return next > _notBefore ? next : _notBefore;
    }

    private async Task<bool> FoldAsync(CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            await ReloadIfStaleAsync(cancellationToken);
            EndpointBook next = _book.Clone();
            bool isMore = await _fold.StepAsync(next, _head(), cancellationToken);
            bool isWorthWriting = next.Outbox.Count != _book.Outbox.Count
                || next.Position - _writtenPosition >= UnwrittenEventsMax;
            if (isWorthWriting) await WriteAsync(next, cancellationToken);
            else _book = next;
            return isMore;
        }
        finally
        {
            _gate.Release();
        }
    }

    private async Task SendAsync(IReadOnlyList<WaitingNotice> due, CancellationToken cancellationToken)
    {
        EndpointBook endpoint = Book;
        SendResult[] results = await Task.WhenAll(due.Select(
            waiting => _services.Sender.SendAsync(_source.Tenant, endpoint, waiting.Notice, cancellationToken)));
        DateTimeOffset now = _services.Time.GetUtcNow();
        if (endpoint.Kind is EndpointKind.Slack or EndpointKind.Teams) _notBefore = now + ChatPace;
        await ChangeAsync(
            (book, _) =>
            {
                foreach ((WaitingNotice waiting, SendResult result) in due.Zip(results))
                    _services.Meter.Tried(book.Kind, Outbox.Apply(book, waiting.Notice.Id, result, now));
                return Task.FromResult((true, true));
            },
            cancellationToken);
    }

    private int AtOnce => Book.Kind == EndpointKind.Webhook ? AtOnceMax : 1;

    private async Task WriteAsync(EndpointBook next, CancellationToken cancellationToken)
    {
        _isStale = true; // Until the store says that it is written.
        if (!await _services.Books.TryWriteAsync(_source.Tenant, _slot, _version, next, cancellationToken))
            throw new InvalidOperationException("somebody else wrote this endpoint's record");
        _version++;
        _writtenPosition = next.Position;
        _book = next;
        _isStale = false;
    }

    private async Task ReloadIfStaleAsync(CancellationToken cancellationToken)
    {
        if (!_isStale) return;
        (long version, EndpointBook book) = await _services.Books.ReadAsync(_source.Tenant, _slot, cancellationToken);
        if (book.Number != Number)
        {
            await _stopping.CancelAsync();
            throw new OperationCanceledException("the endpoint was removed elsewhere");
        }

        (_version, _book, _writtenPosition, _isStale) = (version, book, book.Position, false);
    }

    private static partial class Log
    {
        [LoggerMessage(3601, LogLevel.Warning,
            "Notices for endpoint {Number} of {Tenant} are tried again from what was written")]
        public static partial void Failed(ILogger logger, long number, string tenant, Exception fault);
    }
}
