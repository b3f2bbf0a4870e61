using AgentBudget.Api.OAuth;
using AgentBudget.Grains;
using AgentBudget.Identity;
using AgentBudget.Silo.Options;
using Microsoft.Extensions.DependencyInjection;

namespace AgentBudget.Silo.Hosting;

/// <summary>
/// Proofs and assertions, which are used once: remembered by a silo by itself in its own memory and data folder, with
/// no hop; in a cluster by all silos together.
/// </summary>
internal static class UsedOnce
{
    /// <summary>Throws <see cref="OptionsException"/> for a file that holds something else.</summary>
    internal static IServiceCollection AddUsedOnce(
        this IServiceCollection services, SharedKeys? shared, DataFolder folder, TimeProvider time, Issuer issuer)
    {
        if (shared is not null)
        {
            services.AddClusterReplayMemory(shared);
        }
        else
        {
            AddOwn(services, ReplayKind.Proofs, folder.UsedProofsFile);
            AddOwn(services, ReplayKind.Assertions, folder.UsedAssertionsFile);
        }

        return services
            .AddSingleton(provider => new DpopProofs(time, MemoryOf(provider, ReplayKind.Proofs), issuer.Name))
            .AddSingleton(provider => new ClientAssertions(time, MemoryOf(provider, ReplayKind.Assertions)));
    }

    private static void AddOwn(IServiceCollection services, ReplayKind kind, string path)
    {
        try
        {
            services.AddKeyedSingleton<IReplayMemory>(kind.Name, ReplayMemory.Open(kind, path));
        }
        catch (InvalidDataException fault)
        {
            throw new OptionsException(fault.Message);
        }
    }

    private static IReplayMemory MemoryOf(IServiceProvider provider, ReplayKind kind) =>
        provider.GetRequiredKeyedService<IReplayMemory>(kind.Name);
}
