namespace AgentBudget.Simulation.Tests.Properties;

/// <summary>What one step of a sequence does.</summary>
internal enum StepKind
{
    Reserve,
    Commit,
    CommitPart,
    Release,
    Amend,
    Advance,
    Open,
    OpenChild,
    End,
    Extend,
    Repeat,
    ReuseOtherwise,
    Suspend,
    Resume,
    AuthorizeTool,
    Renew,
}

/// <summary>
/// One step, in numbers that mean something whatever came before it, so that a sequence stays one when steps are left
/// out: which of the sessions or holds so far, and which of the amounts or times at the edges.
/// </summary>
/// <param name="Kind">What.</param>
/// <param name="Which">Of the sessions or holds so far, from the newest.</param>
/// <param name="Size">Of the amounts or times.</param>
internal sealed record LedgerStep(StepKind Kind, int Which, int Size)
{
    public override string ToString() => $"{Kind}({Which}, {Size})";
}
