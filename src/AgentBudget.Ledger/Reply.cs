namespace AgentBudget.Ledger;

/// <summary>Why a tenant did not answer a command.</summary>
public enum TenantFault
{
    /// <summary>The silo is starting or stopping, or the tenant is being loaded. No effect; retry.</summary>
    NotReady,

    /// <summary>Too many commands wait for this tenant. No effect; retry later.</summary>
    Busy,

    /// <summary>The store did not say whether the write is durable. Retry with the same request id.</summary>
    OutcomeUnknown,

    /// <summary>The store has no space; reads are served, writes are not. No effect.</summary>
    StoreFull,

    /// <summary>The tenant's journal is damaged and it is halted; the message names the place.</summary>
    JournalDamaged,

    /// <summary>A bug stopped this command before any effect; the tenant was reloaded.</summary>
    Defect,
}

/// <summary>What comes of a command: an answer whose events are durable, or why there is none.</summary>
/// <param name="Answer">The answer; nothing while there is a fault.</param>
/// <param name="Fault">Why there is none.</param>
/// <param name="Message">The fault in a sentence; empty without one.</param>
public readonly record struct Reply(Answer Answer, TenantFault? Fault = null, string Message = "");
