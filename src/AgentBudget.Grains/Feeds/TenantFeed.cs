using AgentBudget.Grains.Abstractions;
using AgentBudget.Runtime.Events;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Grains.Feeds;

/// <summary>
/// One tenant's ledger on this silo as it goes on: one enumeration of the feed grain for all who watch here. It begins
/// with the first of them and ends with the silo. Thread-safe.
/// </summary>
internal sealed partial class TenantFeed(
    string tenant, IGrainFactory grains, TimeProvider time, ILogger logger, CancellationToken stopping)
{
    /// <summary>Recent events that are kept for watchers; who falls behind them is served from the journal.</summary>
    private const int RecentEventsMax = 8_192;

    /// <summary>An enumeration that broke is begun again after this: its tenant may be moving.</summary>
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(100);

    private int _isFollowing;

    /// <summary>Completes when nothing is followed any more.</summary>
    internal Task Following { get; private set; } = Task.CompletedTask;

    internal EventHub Hub { get; } = new(RecentEventsMax);

    /// <summary>Follows from the sequence after the one that is durable now. Repeated, it does nothing.</summary>
    internal void Begin(long durableSequence)
    {
        if (Interlocked.Exchange(ref _isFollowing, 1) != 0) return;
        Hub.Loaded(durableSequence);
        Following = FollowAsync();
    }

    private async Task FollowAsync()
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await FollowOnceAsync(grains.GetGrain<ILedgerFeedGrain>(tenant));
            }
            catch (Exception) when (stopping.IsCancellationRequested)
            {
                break;
            }
            catch (Exception fault)
            {
                Log.Broke(logger, tenant, fault);
            }

            await Task.Delay(RetryDelay, time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        Hub.Complete();
    }

    // A silo that stops leaves without a word: the feed may be leaving too, and lets its followers go by itself.
    private async Task FollowOnceAsync(ILedgerFeedGrain feed)
    {
        IAsyncEnumerator<EventPage> pages =
            feed.Follow(Hub.DurableSequence + 1, CancellationToken.None).GetAsyncEnumerator(CancellationToken.None);
        while (await pages.MoveNextAsync().AsTask().WaitAsync(stopping)) Hub.Publish(pages.Current.Events);
        await pages.DisposeAsync().AsTask().WaitAsync(stopping);
    }

    private static partial class Log
    {
        [LoggerMessage(3321, LogLevel.Debug, "The feed of tenant {Tenant} broke and is followed again")]
        public static partial void Broke(ILogger logger, string tenant, Exception fault);
    }
}
