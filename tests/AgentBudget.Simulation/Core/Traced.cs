namespace AgentBudget.Simulation.Core;

/// <summary>What a trace says happened.</summary>
internal enum Traced
{
    AppendBegun = 1,
    Acquired,
    Landed,
    Sent,
    Arrived,
    Answered,
    Watched,
    Started,
    Killed,
    Stopped,
    Paused,
    ClockMoved,
    SpaceChanged,
    Healed,
}
