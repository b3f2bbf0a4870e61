using AgentBudget.Ledger;

namespace AgentBudget.Grains.Abstractions.Entities;

/// <summary>The key of an entity's grain.</summary>
/// <param name="Tenant">The tenant's id.</param>
/// <param name="Name">The entity's resource name: <c>agents/promo-writer</c>, <c>sessions/s17</c>.</param>
public readonly record struct EntityKey(string Tenant, string Name)
{
    /// <summary>Where the tenant ends: no tenant's id has it.</summary>
    public const char Separator = '/';

    /// <summary>
    /// The entity that a command is about and whose grain carries it; null for spends, whose hop would cost more than
    /// the turn, and for what is about a tenant as a whole.
    /// </summary>
    public static EntityKey? Of(string tenant, Command command) => NameOf(command) is { } name
        ? new EntityKey(tenant, name)
        : null;

    /// <summary>Reads what <see cref="ToString"/> wrote.</summary>
    public static EntityKey Parse(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        int end = key.IndexOf(Separator, StringComparison.Ordinal);
        return new EntityKey(key[..end], key[(end + 1)..]);
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Tenant}{Separator}{Name}";

    /// <summary>The entity's grain; null for a name that is none of an entity with a grain.</summary>
    public IEntityGrain? Grain(IGrainFactory grains)
    {
        ArgumentNullException.ThrowIfNull(grains);
        string key = ToString();
        return Name switch
        {
            _ when Names.TryParseSession(Name, out _) => grains.GetGrain<ISessionGrain>(key),
            _ when Is(Names.AgentPrefix) => grains.GetGrain<IAgentGrain>(key),
            _ when Is(Names.UseCasePrefix) => grains.GetGrain<IUseCaseGrain>(key),
            _ when Is(Names.BusinessUnitPrefix) => grains.GetGrain<IBusinessUnitGrain>(key),
            _ => null,
        };
    }

    private bool Is(string prefix) => Name.StartsWith(prefix, StringComparison.Ordinal);

    private static string? NameOf(Command command) => command switch
    {
        SpendCommand => null,
        OpenSessionCommand open => open.Request.Agent,
        RenewSessionCommand renew => Names.Session(renew.Session),
        EndSessionCommand end => Names.Session(end.Session),
        RevokeSessionCommand revoke => Names.Session(revoke.Session),
        SuspendSessionCommand suspend => Names.Session(suspend.Session),
        ResumeSessionCommand resume => Names.Session(resume.Session),
        ResetBreakerCommand reset => reset.Request.Grain,
        SessionQuery query => Names.Session(query.Session),
        SuspendAgentCommand suspend => suspend.Request.Agent,
        ResumeAgentCommand resume => resume.Request.Agent,
        DecommissionAgentCommand decommission => decommission.Request.Agent,
        ExtendBudgetCommand extend => extend.Request.Grain,
        BalanceQuery { Account.Length: > 0 } balance => balance.Account,
        _ => null,
    };
}
