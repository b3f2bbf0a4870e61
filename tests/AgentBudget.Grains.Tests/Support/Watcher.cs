using AgentBudget.Grains.Abstractions;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Grains.Tests.Support;

/// <summary>Follows a tenant's ledger at one silo and keeps what it saw, in the order in which it saw it.</summary>
internal sealed class Watcher : IAsyncDisposable
{
    private readonly CancellationTokenSource _enough = new();
    private readonly List<LedgerEvent> _seen = [];
    private readonly Task _watching;

    public Watcher(ITenantHost host, long fromSequence = 1, string tenant = Acme.Tenant) =>
        _watching = Task.Run(() => WatchAsync(host, tenant, fromSequence));

    /// <summary>Everything that was seen.</summary>
    public List<LedgerEvent> Seen
    {
        get
        {
            lock (_seen) return [.. _seen];
        }
    }

    /// <summary>Ends when it is disposed or its silo stops.</summary>
    public Task Watching => _watching;

    public Task SeesAsync(long sequence) => Waiting.UntilAsync(
        () => _watching.IsFaulted || (Seen is [.., var last] && last.Sequence >= sequence),
        $"event {sequence} at a watcher");

    public async ValueTask DisposeAsync()
    {
        await _enough.CancelAsync();
        await Waiting.WithinAsync(_watching, "a watch's end");
        _enough.Dispose();
    }

    private async Task WatchAsync(ITenantHost host, string tenant, long fromSequence)
    {
        await foreach (IReadOnlyList<LedgerEvent> events in host.WatchAsync(tenant, fromSequence, _enough.Token))
        {
            lock (_seen) _seen.AddRange(events);
        }
    }
}
