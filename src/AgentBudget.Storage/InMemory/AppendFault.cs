namespace AgentBudget.Storage.InMemory;

/// <summary>What is to go wrong with an append.</summary>
public enum AppendFault
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>The answer is Unknown and nothing is written, now or later.</summary>
    UnknownNotWritten,

    /// <summary>The answer is Unknown and the group is durable.</summary>
    UnknownWritten,

    /// <summary>
    /// The answer is Unknown now; the write is tried when <see cref="InMemoryFaults.LandLateWrites"/> is called.
    /// </summary>
    UnknownLandsLate,

    /// <summary>Another owner takes the tenant just before the write.</summary>
    FenceLost,

    /// <summary>There is no space.</summary>
    NoSpace,
}
