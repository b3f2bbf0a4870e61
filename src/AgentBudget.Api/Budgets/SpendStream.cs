using AgentBudget.Protocol.V1;
using Grpc.Core;

namespace AgentBudget.Api.Budgets;

/// <summary>
/// One gateway's stream: a reader that starts items and a writer that sends what is answered. Neither waits for an
/// item: the reader takes all that has arrived before it waits for more, and the writer sends all that was answered
/// meanwhile with one flush, so what turns decide in groups travels in groups too.
/// </summary>
internal sealed class SpendStream(
    SpendItems items, IAsyncStreamReader<SpendRequest> requests, IServerStreamWriter<SpendResponse> responses, ApiCall call)
{
    /// <summary>
    /// Items that were read and whose answers have not been taken by the connection. As many as one group of the
    /// journal holds: more would only wait, and a caller who reads no answers costs some MiB.
    /// </summary>
    internal const int ItemsInFlightMax = 4096;

    private static readonly WriteOptions Buffered = new(WriteFlags.BufferHint | WriteFlags.NoCompress);
    private static readonly WriteOptions Flushed = new(WriteFlags.NoCompress);

    private readonly Lock _gate = new();
    private readonly Wakeup _answered = new();
    private readonly Wakeup _hasRoom = new();
    private readonly Stack<SpendItem> _idle = new();
    private List<SpendResponse> _answers = [];
    private List<SpendResponse> _sending = [];
    private int _inFlight;
    private volatile bool _isReadToEnd;
    private volatile bool _isBroken;

    internal ApiCall Call => call;

    /// <summary>
    /// Ends when the caller has closed its side and everything is answered, or with what ended the reading: then too
    /// what was read is answered first, as long as somebody is there to be told.
    /// </summary>
    internal async Task RunAsync()
    {
        await call.StartResponseAsync();
        Task reading = ReadAsync();
        try
        {
            await WriteAsync();
        }
        catch (Exception failure)
        {
            // What was read runs to its end by itself; only the reader must be gone, and a defect does not wait for it.
            _isBroken = true;
            _hasRoom.Set();
            if (failure is not OperationCanceledException)
                throw;
            await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }

        await reading;
    }

    private async Task ReadAsync()
    {
        try
        {
            while (await requests.MoveNext(call.Cancellation))
            {
                Start(requests.Current);
                while (Volatile.Read(ref _inFlight) >= ItemsInFlightMax && !_isBroken)
                    await _hasRoom.WaitAsync();
                if (_isBroken)
                    return;
            }
        }
        finally
        {
            _isReadToEnd = true;
            _answered.Set();
        }
    }

    private void Start(SpendRequest request)
    {
        Interlocked.Increment(ref _inFlight);
        SpendItem? item;
        lock (_gate)
            _idle.TryPop(out item);
        item ??= new SpendItem(items, this);
        item.Start(request);
    }

    /// <summary>Takes the answer of an item, which is free from then on.</summary>
    internal void Add(SpendResponse response, SpendItem item)
    {
        bool isFirst;
        lock (_gate)
        {
            isFirst = _answers.Count == 0;
            _answers.Add(response);
            _idle.Push(item);
        }

        if (isFirst)
            _answered.Set();
    }

    private async Task WriteAsync()
    {
        while (true)
        {
            // In this order: when nothing is read any more, nothing new can come into flight.
            bool isReadToEnd = _isReadToEnd;
            lock (_gate)
                (_answers, _sending) = (_sending, _answers);
            if (_sending.Count == 0)
            {
                if (isReadToEnd && Volatile.Read(ref _inFlight) == 0)
                    return;
                await _answered.WaitAsync();
                continue;
            }

            for (int i = 0; i < _sending.Count; i++)
            {
                responses.WriteOptions = i < _sending.Count - 1 ? Buffered : Flushed;
                await responses.WriteAsync(_sending[i]);
            }

            Interlocked.Add(ref _inFlight, -_sending.Count);
            _sending.Clear();
            _hasRoom.Set();
        }
    }
}
