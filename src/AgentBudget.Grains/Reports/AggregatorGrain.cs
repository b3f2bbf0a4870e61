using AgentBudget.Grains.Abstractions;
using AgentBudget.Grains.Feeds;
using AgentBudget.Grains.Placement;
using AgentBudget.Reporting;
using Microsoft.Extensions.Logging;
using Orleans.Streams;
using Orleans.Streams.Core;

namespace AgentBudget.Grains.Reports;

/// <summary>See <see cref="IAggregatorGrain"/>. What a lost hint leaves behind a look at the journal finds.</summary>
[TenantPlacement]
[ImplicitStreamSubscription(LedgerHint.StreamNamespace)]
internal sealed partial class AggregatorGrain(
    Aggregator aggregator, LedgerPages pages, ILogger<AggregatorGrain> logger)
    : Grain, IAggregatorGrain, IStreamSubscriptionObserver, IAsyncObserver<LedgerHint>
{
    /// <summary>What a lost hint costs those who do not ask.</summary>
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(5);

    /// <summary>Pages of one turn: well below what a call may take, and callers of other reports wait for it.</summary>
    private const int PagesPerTurnMax = 32;

    private IGrainTimer? _look;

    private string Tenant => this.GetPrimaryKeyString();

    /// <inheritdoc/>
    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _look = this.RegisterGrainTimer(LookAsync, new GrainTimerCreationOptions(TimeSpan.Zero, LookInterval));
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task OnSubscribed(IStreamSubscriptionHandleFactory handleFactory) =>
        handleFactory.Create<LedgerHint>().ResumeAsync(this);

    /// <inheritdoc/>
    public Task OnNextAsync(LedgerHint item, StreamSequenceToken? token = null) => TryFoldAsync(item.DurableSequence);

    /// <inheritdoc/>
    public Task OnErrorAsync(Exception ex) => Task.CompletedTask;

    /// <inheritdoc/>
    public async Task<long> FoldTo(long sequence)
    {
        for (int page = 0; page < PagesPerTurnMax && aggregator.Position(Tenant) < sequence; page++)
        {
            long position = aggregator.Position(Tenant);
            EventPage events = await pages.ReadAsync(Tenant, position + 1, sequence, CancellationToken.None);
            if (events.Events.Length == 0) break;
            aggregator.TryFold(Tenant, position, events.Events);
        }

        return aggregator.Position(Tenant);
    }

    private async Task LookAsync(CancellationToken cancellationToken)
    {
        try
        {
            long durable = await pages.HeadAsync(Tenant);
            if (durable < aggregator.Position(Tenant))
            {
                Log.Reset(logger, Tenant, durable);
                aggregator.Reset(Tenant);
            }

            // Others have their turn between two parts of a long way.
            if (await FoldTo(durable) < durable) _look!.Change(TimeSpan.Zero, LookInterval);
        }
        catch (Exception fault)
        {
            Log.Failed(logger, Tenant, fault);
        }
    }

    // A hint that fails would be told again for a minute, and others behind it would wait.
    private async Task TryFoldAsync(long sequence)
    {
        try
        {
            await FoldTo(sequence);
        }
        catch (Exception fault)
        {
            Log.Failed(logger, Tenant, fault);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(3341, LogLevel.Warning, "The reports of {Tenant} fell behind and are tried again")]
        public static partial void Failed(ILogger logger, string tenant, Exception fault);

        [LoggerMessage(
            3342,
            LogLevel.Warning,
            "The ledger of {Tenant} ends at {Sequence}, before its reports: these are built again")]
        public static partial void Reset(ILogger logger, string tenant, long sequence);
    }
}
