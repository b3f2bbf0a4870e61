using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Grains.Abstractions;

/// <summary>The tenants that this silo serves: commands in, durable answers out, and the ledger to read.</summary>
public interface ITenantHost
{
    /// <summary>
    /// Hands a command to its tenant's turn loop, activating the tenant if needed. Completes once the answer is
    /// durable, or with a failure; a duplicate is answered with the event that the first request wrote.
    /// </summary>
    void Submit(string tenant, Command command, PendingCommand pending);

    /// <summary>Tenants that have a ledger, in ordinal order.</summary>
    IReadOnlyList<string> Tenants { get; }

    /// <summary>Sequence of the tenant's last durable event; 0 for one without a ledger.</summary>
    ValueTask<long> DurableSequenceAsync(string tenant, CancellationToken cancellationToken);

    /// <summary>
    /// Durable events from <paramref name="fromSequence"/> on, in order, at most <paramref name="eventsMax"/>; fewer
    /// only at the ledger's end or when a page is full of bytes (never zero while there is one).
    /// </summary>
    ValueTask<IReadOnlyList<LedgerEvent>> ReadAsync(
        string tenant, long fromSequence, int eventsMax, CancellationToken cancellationToken);

    /// <summary>
    /// Durable events from <paramref name="fromSequence"/> (at least 1) on, in order, gap-free and duplicate-free, in
    /// batches, without end: first from the journal, then live. A slow reader is served from the journal and slows
    /// nobody. Ends when cancelled or when the host stops. Events are shared: do not change them.
    /// </summary>
    IAsyncEnumerable<IReadOnlyList<LedgerEvent>> WatchAsync(
        string tenant, long fromSequence, CancellationToken cancellationToken);

    /// <summary>See <see cref="Entities.ISessionGrain.Watch"/>; it may say the same again.</summary>
    IAsyncEnumerable<Reply> WatchSessionAsync(string tenant, long session, CancellationToken cancellationToken);
}

/// <summary>Commands as tasks.</summary>
public static class TenantHostExtensions
{
    /// <summary>
    /// Hands a command to its tenant and waits for its answer, as <see cref="ITenantHost.Submit"/> does it. Throws
    /// <see cref="TenantException"/>. Awaited exactly once.
    /// </summary>
    public static ValueTask<Answer> SubmitAsync(this ITenantHost host, string tenant, Command command) =>
        PendingAnswer.SubmitAsync(host, tenant, command);

    /// <summary>The same with faults as replies.</summary>
    public static async ValueTask<Reply> AskAsync(this ITenantHost host, string tenant, Command command)
    {
        try
        {
            return new Reply(await host.SubmitAsync(tenant, command));
        }
        catch (TenantException fault)
        {
            return new Reply(default, fault.Fault, fault.Message);
        }
    }
}

/// <summary>A tenant could not answer.</summary>
public sealed class TenantException(TenantFault fault, string message, Exception? inner = null)
    : Exception(message, inner)
{
    /// <summary>Why.</summary>
    public TenantFault Fault { get; } = fault;
}
