using AgentBudget.Grains.Abstractions.Peers;
using AgentBudget.Grains.Tenants;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Runtime.Services;

namespace AgentBudget.Grains.Peers;

/// <summary>See <see cref="ISiloNews"/>. A silo on which nobody listens has nothing to learn.</summary>
internal sealed class SiloNews(
    GrainId id, Orleans.Runtime.Silo silo, ILoggerFactory loggers, IServiceProvider services)
    : GrainService(id, silo, loggers), ISiloNews
{
    /// <inheritdoc/>
    public Task Credentials(string tenant, long sequence) =>
        services.GetService<ISiloListener>()?.CredentialsAsync(tenant, sequence) ?? Task.CompletedTask;

    /// <inheritdoc/>
    public Task SigningKeys() => services.GetService<ISiloListener>()?.SigningKeysAsync() ?? Task.CompletedTask;

    /// <inheritdoc/>
    public Task Tenant(string tenant)
    {
        services.GetRequiredService<SiloTenants>().AddTenant(tenant);
        return Task.CompletedTask;
    }
}

/// <summary>Reaches the service of one silo.</summary>
internal sealed class SiloNewsClient(IServiceProvider services) : GrainServiceClient<ISiloNews>(services)
{
    internal ISiloNews At(SiloAddress silo) => GetGrainService(silo);
}
