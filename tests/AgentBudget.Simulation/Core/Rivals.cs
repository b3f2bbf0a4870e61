using AgentBudget.Simulation.Clients;
using AgentBudget.Simulation.Silos;

namespace AgentBudget.Simulation.Core;

/// <summary>
/// Two activations of one tenant, on purpose: callers are sent to a silo that does not own it, as by a directory that
/// names two owners for a moment.
/// </summary>
internal static class Rivals
{
    private const int MeetingsMax = 8;
    private const int CommandsMax = 6;

    /// <summary>Callers of one tenant reach all silos at the same moments.</summary>
    public static void Meet(SimWorld world, SimRandom random)
    {
        TenantModel tenant = random.Any(world.Tenants);
        SimClient client = random.Any(world.Clients);
        long meetings = random.Spread(1, MeetingsMax);
        for (int i = 0; i < meetings; i++)
        {
            world.Scheduler.After(random.Spread(0, SimScheduler.Second), () =>
            {
                foreach (SimSilo silo in world.Silos) Ask(silo, client, tenant, random);
            });
        }
    }

    /// <summary>A process stands still: what its tenant's callers ask in this time reaches another silo.</summary>
    public static void TakeOver(SimWorld world, SimProcess paused, string tenant, long pauseTicks, SimRandom random)
    {
        SimSilo[] others = [.. world.Silos.Where(silo => !ReferenceEquals(silo.Process, paused))];
        SimSilo other = random.Any(others);
        SimClient client = random.Any(world.Clients);
        TenantModel model = world.Tenants.First(candidate => candidate.Name == tenant);
        world.Scheduler.After(random.Between(1, pauseTicks / 2), () => Ask(other, client, model, random));
    }

    private static void Ask(SimSilo silo, SimClient client, TenantModel tenant, SimRandom random)
    {
        long commands = random.Spread(1, CommandsMax);
        for (int i = 0; i < commands; i++) client.SendTo(silo, tenant, tenant.Next());
    }
}
