using System.Runtime.CompilerServices;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Grains.Placement;
using AgentBudget.Grains.Tenants;
using AgentBudget.Runtime.Events;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Streams;
using Orleans.Streams.Core;

namespace AgentBudget.Grains.Feeds;

/// <summary>
/// Reads a tenant's ledger for those who follow it: recent events from the tenant's memory, older ones from the
/// journal. Woken by hints; a look at the journal every second makes up for lost ones.
/// </summary>
[TenantPlacement]
[ImplicitStreamSubscription(LedgerHint.StreamNamespace)]
internal sealed class LedgerFeedGrain(
    LedgerPages pages,
    SiloTenants tenants,
    [FromKeyedServices(TimeProviderNames.Grains)] TimeProvider time)
    : Grain, ILedgerFeedGrain, IStreamSubscriptionObserver, IAsyncObserver<LedgerHint>
{
    /// <summary>What a lost hint costs at most.</summary>
    internal static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    private readonly EventHub _head = new(eventsMax: 1); // Where the ledger ends, and who waits for more.

    private string Tenant => this.GetPrimaryKeyString();

    /// <inheritdoc/>
    public Task OnSubscribed(IStreamSubscriptionHandleFactory handleFactory) =>
        handleFactory.Create<LedgerHint>().ResumeAsync(this);

    /// <inheritdoc/>
    public Task OnNextAsync(LedgerHint item, StreamSequenceToken? token = null)
    {
        if (item.DurableSequence > _head.DurableSequence) _head.Loaded(item.DurableSequence);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task OnErrorAsync(Exception ex) => Task.CompletedTask;

    /// <inheritdoc/>
    public async IAsyncEnumerable<EventPage> Follow(
        long fromSequence, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // A grain does not leave while somebody waits for it, and so a silo would not: they go on at the next one.
        using CancellationTokenSource ending =
            CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, tenants.Stopping);
        long next = fromSequence;
        while (!ending.IsCancellationRequested)
        {
            if (next > _head.DurableSequence && !await IsThereAsync(next, ending.Token)) continue;
            EventPage page = await pages.ReadAsync(Tenant, next, _head.DurableSequence, cancellationToken);
            if (page.Events.Length == 0) continue;
            next += page.Events.Length;
            yield return page;
        }
    }

    private async Task<bool> IsThereAsync(long sequence, CancellationToken cancellationToken)
    {
        using CancellationTokenSource look = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task<bool> hinted = _head.WaitAsync(sequence - 1, look.Token).AsTask();
        await Task.WhenAny(hinted, Task.Delay(LookInterval, time, look.Token));
        await look.CancelAsync();
        if (_head.DurableSequence >= sequence) return true;
        if (cancellationToken.IsCancellationRequested) return false;
        long stored = await pages.HeadAsync(Tenant);
        if (stored > _head.DurableSequence) _head.Loaded(stored);
        return stored >= sequence;
    }
}
