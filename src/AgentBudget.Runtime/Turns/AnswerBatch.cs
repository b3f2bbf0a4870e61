namespace AgentBudget.Runtime.Turns;

/// <summary>
/// Answers on their way out of a step. They leave as one work item: what callers do with an answer is short, so
/// handing each to the pool on its own would cost more than it does.
/// </summary>
internal sealed class AnswerBatch : IThreadPoolWorkItem
{
    /// <summary>Answers in a batch: enough to make the hand-over cheap, few enough to spread over cores.</summary>
    public const int AnswersMax = 32;

    private CommandList _commands;
    private int _count;

    public bool IsFull => _count == AnswersMax;

    public void Add(PendingCommand command)
    {
        _commands.Add(command);
        _count++;
    }

    public void Execute()
    {
        while (_commands.TryTake(out PendingCommand? command)) command.Complete();
    }
}
