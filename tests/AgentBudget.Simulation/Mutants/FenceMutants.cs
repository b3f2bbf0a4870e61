using AgentBudget.Grains.Abstractions;
using AgentBudget.Ledger;
using AgentBudget.Simulation.Core;
using AgentBudget.Simulation.Silos;
using AgentBudget.Simulation.Store;
using AgentBudget.Storage;
using AgentBudget.Storage.Journal;

namespace AgentBudget.Simulation.Mutants;

/// <summary>An owner takes no notice of its lost fence and goes on.</summary>
internal sealed class LoserGoesOn : Mutant
{
    public override ILedgerStore Store(SimWorld world, SimProcess process, ILedgerStore inner) =>
        new OutcomeChanged(inner, AppendOutcome.FenceLost, AppendOutcome.Appended);
}

/// <summary>An append of unknown outcome is taken for one that the fence refused.</summary>
internal sealed class UnknownCountedAsFenced : Mutant
{
    public override ILedgerStore Store(SimWorld world, SimProcess process, ILedgerStore inner) =>
        new OutcomeChanged(inner, AppendOutcome.Unknown, AppendOutcome.FenceLost);
}

/// <summary>Whoever waited at an owner that lost its tenant is told that nobody knows.</summary>
internal sealed class LoserTellsUnknown : Mutant
{
    public override async ValueTask<Answer> SubmitAsync(ITenantHost host, string tenant, Command command)
    {
        try
        {
            return await host.SubmitAsync(tenant, command);
        }
        catch (TenantException exception) when (exception.Fault == TenantFault.NotReady)
        {
            throw new TenantException(TenantFault.OutcomeUnknown, "nobody knows", exception);
        }
    }
}

/// <summary>The epoch is compared when an append is sent, and not in the write.</summary>
internal sealed class FenceBeforeWrite : Mutant
{
    public override DatabaseRules Rules { get; } = new() { HasFence = false };

    public override ILedgerStore Store(SimWorld world, SimProcess process, ILedgerStore inner) =>
        new Broken(world, inner);

    private sealed class Broken(SimWorld world, ILedgerStore inner) : StoreDecorator(inner)
    {
        public override void BeginAppend(JournalGroup group, IAppendCompletion completion)
        {
            if (world.Database.EpochOf(group.Tenant) == group.Epoch) Inner.BeginAppend(group, completion);
            else completion.AppendCompleted(AppendOutcome.FenceLost);
        }
    }
}

/// <summary>An owner takes the head that it knows for the journal's: a former one goes on answering queries.</summary>
internal sealed class FormerOwnerAnswers : Mutant
{
    public override ILedgerStore Store(SimWorld world, SimProcess process, ILedgerStore inner) => new Broken(inner);

    private sealed class Broken(ILedgerStore inner) : StoreDecorator(inner)
    {
        private readonly Dictionary<string, JournalHead> _heads = new(StringComparer.Ordinal);

        public override ValueTask<long> AcquireAsync(string tenant, CancellationToken cancellationToken)
        {
            _heads.Remove(tenant);
            return Inner.AcquireAsync(tenant, cancellationToken);
        }

        public override async ValueTask<JournalHead> ReadHeadAsync(string tenant, CancellationToken cancellationToken)
        {
            if (_heads.TryGetValue(tenant, out JournalHead known)) return known;
            return _heads[tenant] = await Inner.ReadHeadAsync(tenant, cancellationToken);
        }

        public override void BeginAppend(JournalGroup group, IAppendCompletion completion) =>
            Inner.BeginAppend(group, new Completion(completion, outcome =>
            {
                if (outcome == AppendOutcome.Appended) _heads[group.Tenant] = group.Head;
                return outcome;
            }));
    }
}

/// <summary>A store that says one outcome of an append for another.</summary>
internal sealed class OutcomeChanged(ILedgerStore inner, AppendOutcome from, AppendOutcome to) : StoreDecorator(inner)
{
    public override void BeginAppend(JournalGroup group, IAppendCompletion completion) =>
        Inner.BeginAppend(group, new Completion(completion, outcome => outcome == from ? to : outcome));
}

/// <summary>Who waits for an append, behind what is made of its outcome.</summary>
internal sealed class Completion(IAppendCompletion inner, Func<AppendOutcome, AppendOutcome> of) : IAppendCompletion
{
    public void AppendCompleted(AppendOutcome outcome) => inner.AppendCompleted(of(outcome));
}
