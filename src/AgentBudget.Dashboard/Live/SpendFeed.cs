using System.Threading.Channels;
using AgentBudget.Client;
using AgentBudget.Protocol.V1;
using Grpc.Core;

namespace AgentBudget.Dashboard.Live;

/// <summary>How a feed stands.</summary>
public enum FeedState
{
    /// <summary>On its way.</summary>
    Connecting,

    /// <summary>What happens arrives.</summary>
    Live,

    /// <summary>The connection was lost; it is tried again.</summary>
    Lost,

    /// <summary>The credential is not taken any more.</summary>
    SignedOut,

    /// <summary>The credential may not see it.</summary>
    Forbidden,
}

/// <summary>
/// The events of the ledger that a page follows, gap-free over lost connections. They wait here until the page takes
/// them; a page that is slow slows the stream and grows nothing.
/// </summary>
internal sealed class SpendFeed : IAsyncDisposable
{
    private const int WaitingMax = 4096; // What a page folds in a few milliseconds.
    private static readonly TimeSpan RetryPace = TimeSpan.FromMilliseconds(500);

    private readonly Channel<LedgerEvent> _waiting = Channel.CreateBounded<LedgerEvent>(
        new BoundedChannelOptions(WaitingMax) { SingleReader = true, SingleWriter = true });
    private readonly CancellationTokenSource _stopping;
    private readonly AgentBudgetClient _client;
    private readonly SpendFilter _filter;
    private readonly TimeProvider _time;
    private readonly Action _onChange;
    private readonly Task _running;
    private long _next;

    /// <summary>Starts to follow.</summary>
    /// <param name="client">Whoever looks.</param>
    /// <param name="filter">What.</param>
    /// <param name="from">The first sequence; 0 for from now on.</param>
    /// <param name="time">The clock of pauses.</param>
    /// <param name="onChange">Called, on any thread, when events wait or the state changed.</param>
    /// <param name="stopping">Ends it.</param>
    internal SpendFeed(
        AgentBudgetClient client,
        SpendFilter filter,
        long from,
        TimeProvider time,
        Action onChange,
        CancellationToken stopping)
    {
        _client = client;
        _filter = filter;
        _next = from;
        _time = time;
        _onChange = onChange;
        _stopping = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        _running = RunAsync(_stopping.Token);
    }

    /// <summary>How it stands.</summary>
    internal FeedState State { get; private set; }

    /// <summary>Takes the next event that waits.</summary>
    internal bool TryTake(out LedgerEvent? taken) => _waiting.Reader.TryRead(out taken);

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stopping.Dispose();
    }

    private async Task RunAsync(CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await FollowAsync(stopping);
            }
            catch (AgentBudgetException fault) when (fault.StatusCode == StatusCode.Unauthenticated)
            {
                Become(FeedState.SignedOut);
                return;
            }
            catch (AgentBudgetException fault) when (fault.StatusCode == StatusCode.PermissionDenied)
            {
                Become(FeedState.Forbidden);
                return;
            }
            catch (Exception fault) when (fault is AgentBudgetException or ObjectDisposedException)
            {
                if (!stopping.IsCancellationRequested) Become(FeedState.Lost);
            }

            await Task.Delay(RetryPace, _time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    // The snapshot is not read: it comes at once, and says that what follows is live.
    private async Task FollowAsync(CancellationToken stopping)
    {
        WatchSpendRequest request = new() { Filter = _filter, FromSequence = _next, Snapshot = true };
        await foreach (WatchSpendResponse message in _client.WatchSpendAsync(request, stopping))
        {
            Become(FeedState.Live);
            if (message.MessageCase == WatchSpendResponse.MessageOneofCase.Progress)
                _next = message.Progress.Sequence + 1;
            if (message.MessageCase != WatchSpendResponse.MessageOneofCase.Event) continue;
            await _waiting.Writer.WriteAsync(message.Event, stopping);
            _next = message.Event.Sequence + 1;
            _onChange();
        }
    }

    private void Become(FeedState state)
    {
        if (State == state) return;
        State = state;
        _onChange();
    }
}
