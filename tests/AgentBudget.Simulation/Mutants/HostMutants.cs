using AgentBudget.Grains.Abstractions;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Simulation.Checks;
using AgentBudget.Simulation.Core;
using AgentBudget.Simulation.Silos;
using AgentBudget.Storage;
using AgentBudget.Storage.Journal;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Simulation.Mutants;

/// <summary>Streams show a group as it is sent.</summary>
internal sealed class StreamBeforeDurable : Mutant
{
    private readonly Dictionary<string, List<LedgerEvent>> _sent = new(StringComparer.Ordinal);

    public override ILedgerStore Store(SimWorld world, SimProcess process, ILedgerStore inner) =>
        new Broken(this, inner);

    public override async IAsyncEnumerable<IReadOnlyList<LedgerEvent>> Watch(
        ITenantHost host, string tenant, long fromSequence)
    {
        long next = fromSequence;
        await foreach (IReadOnlyList<LedgerEvent> batch in
            host.WatchAsync(tenant, fromSequence, CancellationToken.None).ConfigureAwait(true))
        {
            List<LedgerEvent> shown = [.. batch.Where(ledgerEvent => ledgerEvent.Sequence >= next)];
            long expected = next + shown.Count;
            if (_sent.TryGetValue(tenant, out List<LedgerEvent>? sent) && sent[0].Sequence == expected)
                shown.AddRange(sent);
            next += shown.Count;
            if (shown.Count > 0) yield return shown;
        }
    }

    private sealed class Broken(StreamBeforeDurable mutant, ILedgerStore inner) : StoreDecorator(inner)
    {
        public override void BeginAppend(JournalGroup group, IAppendCompletion completion)
        {
            ReadOnlyMemory<byte>[] events = group.ToStored().ReadEvents(group.Tenant);
            mutant._sent[group.Tenant] = [.. events.Select(bytes => LedgerEvent.Parser.ParseFrom(bytes.Span))];
            Inner.BeginAppend(group, completion);
        }
    }
}

/// <summary>Answers are kept by request id, whoever's request it was.</summary>
internal sealed class CrossTenantCache : Mutant
{
    private readonly Dictionary<RequestIdentity, Answer> _answers = [];

    public override async ValueTask<Answer> SubmitAsync(ITenantHost host, string tenant, Command command)
    {
        RequestIdentity? identity = RequestIdentity.Of("", command, session => session);
        if (identity is { } known && _answers.TryGetValue(known, out Answer answer)) return answer;
        answer = await host.SubmitAsync(tenant, command);
        if (identity is { } asked && answer is { Outcome: Outcome.Done, Event.Sequence: > 0 }) _answers[asked] = answer;
        return answer;
    }
}

/// <summary>A caller whose outcome is not known is told that nothing happened.</summary>
internal sealed class UnknownToldAsRefused : Mutant
{
    public override async ValueTask<Answer> SubmitAsync(ITenantHost host, string tenant, Command command)
    {
        try
        {
            return await host.SubmitAsync(tenant, command);
        }
        catch (TenantException exception) when (exception.Fault == TenantFault.OutcomeUnknown)
        {
            throw new TenantException(TenantFault.NotReady, "nothing was recorded", exception);
        }
    }
}
