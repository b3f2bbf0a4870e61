using AgentBudget.Simulation.Core;
using AgentBudget.Simulation.Silos;
using AgentBudget.Simulation.Store;
using AgentBudget.Storage;
using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Snapshots;

namespace AgentBudget.Simulation.Mutants;

/// <summary>Callers are answered when a group is sent, not when it is durable.</summary>
internal sealed class AckBeforeDurable : Mutant
{
    public override ILedgerStore Store(SimWorld world, SimProcess process, ILedgerStore inner) => new Broken(inner);

    private sealed class Broken(ILedgerStore inner) : StoreDecorator(inner)
    {
        public override void BeginAppend(JournalGroup group, IAppendCompletion completion)
        {
            Inner.BeginAppend(group, Unheard.Instance);
            completion.AppendCompleted(AppendOutcome.Appended);
        }
    }

    private sealed class Unheard : IAppendCompletion
    {
        public static readonly Unheard Instance = new();

        public void AppendCompleted(AppendOutcome outcome)
        {
        }
    }
}

/// <summary>An append of unknown outcome is simply sent again.</summary>
internal sealed class BlindReAppend : Mutant
{
    public override ILedgerStore Store(SimWorld world, SimProcess process, ILedgerStore inner) => new Broken(inner);

    private sealed class Broken(ILedgerStore inner) : StoreDecorator(inner)
    {
        public override void BeginAppend(JournalGroup group, IAppendCompletion completion) =>
            Inner.BeginAppend(group, new Again(Inner, group, completion));
    }

    private sealed class Again(ILedgerStore store, JournalGroup group, IAppendCompletion completion) : IAppendCompletion
    {
        public void AppendCompleted(AppendOutcome outcome)
        {
            if (outcome == AppendOutcome.Unknown) store.BeginAppend(group, completion);
            else completion.AppendCompleted(outcome);
        }
    }
}

/// <summary>The head is read by the statement that acquires, which sees the journal as it was before.</summary>
internal sealed class HeadReadInAcquire : Mutant
{
    public override ILedgerStore Store(SimWorld world, SimProcess process, ILedgerStore inner) => new Broken(inner);

    private sealed class Broken(ILedgerStore inner) : StoreDecorator(inner)
    {
        private readonly Dictionary<string, JournalHead> _heads = new(StringComparer.Ordinal);

        public override async ValueTask<long> AcquireAsync(string tenant, CancellationToken cancellationToken)
        {
            _heads[tenant] = await Inner.ReadHeadAsync(tenant, cancellationToken);
            return await Inner.AcquireAsync(tenant, cancellationToken);
        }

        public override ValueTask<JournalHead> ReadHeadAsync(string tenant, CancellationToken cancellationToken) =>
            _heads.Remove(tenant, out JournalHead head)
                ? ValueTask.FromResult(head)
                : Inner.ReadHeadAsync(tenant, cancellationToken);
    }
}

/// <summary>What a snapshot covers is dropped from the journal before the snapshot was read back.</summary>
internal sealed class TruncateBeforeVerify : Mutant
{
    public override ILedgerStore Store(SimWorld world, SimProcess process, ILedgerStore inner) =>
        new Broken(world, inner);

    private sealed class Broken(SimWorld world, ILedgerStore inner) : StoreDecorator(inner)
    {
        public override async ValueTask<bool> SaveSnapshotAsync(
            string tenant, long epoch, StoredSnapshot snapshot, CancellationToken cancellationToken)
        {
            bool isSaved = await Inner.SaveSnapshotAsync(tenant, epoch, snapshot, cancellationToken);
            if (isSaved) world.Database.TruncateBefore(tenant, snapshot.Head.LastEvent);
            return isSaved;
        }
    }
}

/// <summary>An owner that acquires again keeps its epoch, so what it sent before is not kept out.</summary>
internal sealed class RenewWithoutEpoch : Mutant
{
    public override DatabaseRules Rules { get; } = new() { RaisesEpochOnRenewal = false };
}

/// <summary>A new owner gets the epoch of the one before it.</summary>
internal sealed class AcquireWithoutEpoch : Mutant
{
    public override DatabaseRules Rules { get; } = new() { RaisesEpoch = false };
}

/// <summary>An append is not compared with the epoch.</summary>
internal sealed class AppendWithoutFence : Mutant
{
    public override DatabaseRules Rules { get; } = new() { HasFence = false };
}
