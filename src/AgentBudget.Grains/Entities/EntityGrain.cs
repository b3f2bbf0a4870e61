using System.Runtime.CompilerServices;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Grains.Abstractions.Entities;
using AgentBudget.Grains.Placement;
using AgentBudget.Grains.Tenants;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Grains.Entities;

/// <summary>
/// What the grains of all entities do: carry commands to their tenant, which they stand beside, and leave memory when
/// there is no such entity, so that names that nobody has cost nothing.
/// </summary>
[TenantPlacement]
internal abstract class EntityGrain(SiloTenants tenants) : Grain, IEntityGrain
{
    protected SiloTenants Tenants => tenants;

    protected EntityKey Key => EntityKey.Parse(this.GetPrimaryKeyString());

    /// <inheritdoc/>
    public async Task<Reply> Ask(Command command)
    {
        EntityKey key = Key;
        if (EntityKey.Of(key.Tenant, command) != key)
            throw new ArgumentException($"{command.GetType().Name} is not about {key.Name}", nameof(command));
        Reply reply = await tenants.AskAsync(key.Tenant, command);
        if (IsLast(reply)) DeactivateOnIdle();
        return reply;
    }

    /// <summary>Whether nothing more is to be expected of the entity.</summary>
    protected virtual bool IsLast(in Reply reply) => reply.Answer.Outcome != Ledger.Outcome.Done;
}

/// <summary>See <see cref="IAgentGrain"/>.</summary>
internal sealed class AgentGrain(SiloTenants tenants) : EntityGrain(tenants), IAgentGrain;

/// <summary>See <see cref="IUseCaseGrain"/>.</summary>
internal sealed class UseCaseGrain(SiloTenants tenants) : EntityGrain(tenants), IUseCaseGrain;

/// <summary>See <see cref="IBusinessUnitGrain"/>.</summary>
internal sealed class BusinessUnitGrain(SiloTenants tenants) : EntityGrain(tenants), IBusinessUnitGrain;

/// <summary>See <see cref="ISessionGrain"/>. There are many of them, so they do not stay long.</summary>
[CollectionAgeLimit(Minutes = 2)]
internal sealed class SessionGrain(SiloTenants tenants) : EntityGrain(tenants), ISessionGrain
{
    private long Number => Names.TryParseSession(Key.Name, out long number)
        ? number
        : throw new ArgumentException($"{Key.Name} is no session");

    /// <inheritdoc/>
    public async Task<TurnReplies> Spend(TurnBatch spends)
    {
        string tenant = Key.Tenant;
        long number = Number;
        if (!Array.TrueForAll(spends.Commands, command => command is SpendCommand spend && spend.Session == number))
            throw new ArgumentException($"not all of them are spends of {Key.Name}", nameof(spends));
        Task<Reply>[] replies = Array.ConvertAll(spends.Commands, spend => Tenants.AskAsync(tenant, spend).AsTask());
        return new TurnReplies(await Task.WhenAll(replies));
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<Reply> Watch([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (Reply reply in Tenants.WatchSessionAsync(Key.Tenant, Number, cancellationToken))
            yield return reply;
    }

    /// <inheritdoc/>
    protected override bool IsLast(in Reply reply) =>
        base.IsLast(reply) || reply.Answer.Event?.FactCase == LedgerEvent.FactOneofCase.SessionClosed;
}
