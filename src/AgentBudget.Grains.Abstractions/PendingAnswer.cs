using AgentBudget.Ledger;

namespace AgentBudget.Grains.Abstractions;

/// <summary>The answer to a command as a task.</summary>
internal sealed class PendingAnswer : PendingResult<PendingAnswer, Answer>
{
    public static ValueTask<Answer> SubmitAsync(ITenantHost host, string tenant, Command command)
    {
        PendingAnswer pending = Take();
        ValueTask<Answer> task = pending.Completion;
        host.Submit(tenant, command, pending);
        return task;
    }

    /// <inheritdoc/>
    protected override Answer Result() => Failure is null ? Decided : throw Failure;
}
