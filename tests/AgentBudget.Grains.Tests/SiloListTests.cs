using AgentBudget.Grains.Abstractions.Peers;
using AgentBudget.Grains.Tests.Support;
using AgentBudget.Protocol.V1;
using Microsoft.Extensions.DependencyInjection;
using State = AgentBudget.Protocol.V1.SiloMember.Types.State;

namespace AgentBudget.Grains.Tests;

/// <summary>What a silo says of the silos of its cluster.</summary>
public sealed class SiloListTests
{
    [Fact]
    public async Task Each_silo_names_all_and_itself_and_one_that_stopped_is_dead()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        ClusterSilo[] silos = [.. cluster.Silos];
        List<string> answering = [];
        foreach (ClusterSilo silo in silos)
        {
            IReadOnlyList<SiloMember> listed = await ListAsync(silo);
            Assert.Equal(silos.Length, listed.Count(member => member.State == State.Serving));
            answering.Add(Assert.Single(listed, member => member.IsAnswering).Address);
        }

        Assert.Equal(silos.Length, answering.Distinct(StringComparer.Ordinal).Count());

        await cluster.StopAsync(silos[2]);

        IReadOnlyList<SiloMember> left = await ListAsync(silos[0]);
        Assert.Equal(answering[2], Assert.Single(left, member => member.State == State.Dead).Address);
        Assert.Equal(silos.Length - 1, left.Count(member => member.State == State.Serving));
    }

    private static Task<IReadOnlyList<SiloMember>> ListAsync(ClusterSilo silo) =>
        silo.Handle.ServiceProvider.GetRequiredService<ISiloPeers>().ListAsync();
}
