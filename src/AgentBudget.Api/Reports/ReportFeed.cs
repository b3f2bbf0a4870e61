using System.Collections.Concurrent;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Protocol.V1;
using AgentBudget.Reporting;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Api.Reports;

/// <summary>
/// Brings each tenant's ledger to the aggregator, from the aggregator's own position on: what was folded before a crash
/// is not folded again, and what was not is.
/// </summary>
public sealed partial class ReportFeed : IAsyncDisposable
{
    /// <summary>A feed that failed tries again after this; the ledger waits for it.</summary>
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, Lazy<RepeatedWork>> _feeds = new(StringComparer.Ordinal);
    private readonly ITenantHost _host;
    private readonly Aggregator _aggregator;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;

    /// <summary>Feeds nothing yet. Neither host nor aggregator is disposed with it.</summary>
    public ReportFeed(ITenantHost host, Aggregator aggregator, TimeProvider time, ILogger<ReportFeed> logger)
    {
        _host = host;
        _aggregator = aggregator;
        _time = time;
        _logger = logger;
    }

    /// <summary>
    /// Follows a tenant that has a ledger, from now until the feed is disposed. Repeated, it does nothing.
    /// </summary>
    public void Follow(string tenant)
    {
        ArgumentException.ThrowIfNullOrEmpty(tenant);
        if (!_feeds.ContainsKey(tenant))
            _ = _feeds.GetOrAdd(tenant, name => new Lazy<RepeatedWork>(() => FeedOf(name))).Value;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() =>
        await Task.WhenAll(_feeds.Values.Select(feed => feed.Value.DisposeAsync().AsTask()));

    private RepeatedWork FeedOf(string tenant) => new(
        stopping => FollowAsync(tenant, stopping), RetryDelay, _time, fault => Log.Failed(_logger, tenant, fault));

    private async Task FollowAsync(string tenant, CancellationToken stopping)
    {
        long durable = await _host.DurableSequenceAsync(tenant, stopping);
        if (durable < _aggregator.Position(tenant))
        {
            Log.Reset(_logger, tenant, durable);
            _aggregator.Reset(tenant);
        }

        long fromSequence = _aggregator.Position(tenant) + 1;
        await foreach (IReadOnlyList<LedgerEvent> events in _host.WatchAsync(tenant, fromSequence, stopping))
            _aggregator.Fold(tenant, events);
    }

    private static partial class Log
    {
        [LoggerMessage(40, LogLevel.Warning, "The reports of {Tenant} fell behind and are tried again")]
        internal static partial void Failed(ILogger logger, string tenant, Exception fault);

        [LoggerMessage(
            41,
            LogLevel.Warning,
            "The ledger of {Tenant} ends at {Sequence}, before its reports: these are built again")]
        internal static partial void Reset(ILogger logger, string tenant, long sequence);
    }
}
