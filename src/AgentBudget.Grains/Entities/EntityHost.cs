using System.Runtime.CompilerServices;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Grains.Abstractions.Entities;
using AgentBudget.Grains.Tenants;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Grains.Entities;

/// <summary>
/// The tenants as callers see them: what names one entity goes to its grain, and everything else, spends above all,
/// takes the lane of its tenant.
/// </summary>
internal sealed partial class EntityHost(
    SiloTenants tenants,
    IGrainFactory grains,
    [FromKeyedServices(TimeProviderNames.Grains)] TimeProvider time,
    ILogger<EntityHost> logger) : ITenantHost
{
    /// <summary>A watch that broke is begun again after this: its tenant may be moving.</summary>
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(100);

    /// <inheritdoc/>
    public IReadOnlyList<string> Tenants => tenants.Tenants;

    /// <inheritdoc/>
    public void Submit(string tenant, Command command, PendingCommand pending)
    {
        ArgumentNullException.ThrowIfNull(pending);
        if (EntityKey.Of(tenant, command)?.Grain(grains) is not { } entity)
        {
            tenants.Submit(tenant, command, pending);
            return;
        }

        pending.Ask(command);
        _ = AskAsync(entity, pending);
    }

    /// <inheritdoc/>
    public ValueTask<long> DurableSequenceAsync(string tenant, CancellationToken cancellationToken) =>
        tenants.DurableSequenceAsync(tenant, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<LedgerEvent>> ReadAsync(
        string tenant, long fromSequence, int eventsMax, CancellationToken cancellationToken) =>
        tenants.ReadAsync(tenant, fromSequence, eventsMax, cancellationToken);

    /// <inheritdoc/>
    public IAsyncEnumerable<IReadOnlyList<LedgerEvent>> WatchAsync(
        string tenant, long fromSequence, CancellationToken cancellationToken) =>
        tenants.WatchAsync(tenant, fromSequence, cancellationToken);

    /// <inheritdoc/>
    public async IAsyncEnumerable<Reply> WatchSessionAsync(
        string tenant, long session, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ISessionGrain grain = grains.GetGrain<ISessionGrain>(new EntityKey(tenant, Names.Session(session)).ToString());
        bool hasTold = false;
        while (!tenants.Stopping.IsCancellationRequested)
        {
            await using IAsyncEnumerator<Reply> replies = grain.Watch(cancellationToken)
                .GetAsyncEnumerator(cancellationToken);
            while (true)
            {
                try
                {
                    if (!await replies.MoveNextAsync()) yield break;
                }
                catch (Exception fault) when (!cancellationToken.IsCancellationRequested)
                {
                    Log.Broke(logger, session, tenant, fault);
                    break;
                }

                Reply reply = replies.Current;
                // A session that was seen is there: its grain goes on elsewhere.
                if (hasTold && reply.Fault == TenantFault.NotReady) break;
                yield return reply;
                hasTold = true;
            }

            await Task.Delay(RetryDelay, time, cancellationToken);
        }

        yield return new Reply(default, TenantFault.NotReady, "the silo is stopping");
    }

    private async Task AskAsync(IEntityGrain entity, PendingCommand pending)
    {
        Reply reply;
        try
        {
            reply = await entity.Ask(pending.Command);
        }
        catch (Exception fault)
        {
            Log.Lost(logger, entity, fault);
            pending.Lose();
            return;
        }

        pending.Complete(reply);
    }

    private static partial class Log
    {
        [LoggerMessage(3331, LogLevel.Debug, "The watch of session {Session} of {Tenant} broke, and begins again")]
        public static partial void Broke(ILogger logger, long session, string tenant, Exception fault);

        [LoggerMessage(3332, LogLevel.Warning, "Nobody knows what became of a command to {Entity}")]
        public static partial void Lost(ILogger logger, IEntityGrain entity, Exception fault);
    }
}
