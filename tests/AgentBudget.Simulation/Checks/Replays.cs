using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Simulation.Core;
using AgentBudget.Storage.Snapshots;

namespace AgentBudget.Simulation.Checks;

/// <summary>
/// Any state that was stored is what a replay of the journal comes to at its place, and goes on from there to the
/// same end.
/// </summary>
internal static class Replays
{
    public static void MustBeTheSame(SimWorld world)
    {
        foreach (TenantJournal journal in world.Journals.All)
        {
            if (journal.Report().FindingsFound > 0) journal.FailByAudit();
            try
            {
                MustBeTheSame(world, journal);
            }
            catch (InvariantException broken)
            {
                world.Fail("replay", $"{journal.Tenant} cannot be replayed: {broken.Message}");
            }
        }
    }

    private static void MustBeTheSame(SimWorld world, TenantJournal journal)
    {
        StoredSnapshot? snapshot = world.Database.ReadSnapshot(journal.Tenant, long.MaxValue);
        var replayed = new TenantLedger(journal.Tenant);
        TenantLedger? restored = null;
        foreach (LedgerEvent next in journal.Events)
        {
            replayed.Apply(next);
            restored?.Apply(next);
            if (snapshot is null || next.Sequence != snapshot.Head.LastEvent) continue;
            if (!snapshot.Body.Span.SequenceEqual(replayed.Snapshot()))
                world.Fail("replay", $"the snapshot of {journal.Tenant} at {next.Sequence} is not its replay");
            restored = TenantLedger.Restore(journal.Tenant, snapshot.Body.Span);
        }

        if (restored is not null && !restored.Snapshot().AsSpan().SequenceEqual(replayed.Snapshot()))
            world.Fail("replay", $"{journal.Tenant} from its snapshot is not {journal.Tenant} from its beginning");
    }
}
