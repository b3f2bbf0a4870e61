namespace AgentBudget.Ledger;

/// <summary>
/// How a command ended. A refusal of money is <see cref="Done"/> with a refusal event: it is an answer.
/// </summary>
public enum Outcome
{
    /// <summary>Decided; the answer is in the event or the view.</summary>
    Done,

    /// <summary>The request id was used with other content. No effect.</summary>
    KeyReused,

    /// <summary>The tenant has no catalog yet.</summary>
    TenantNotFound,

    /// <summary>No such session.</summary>
    SessionNotFound,

    /// <summary>No such reservation in this session.</summary>
    ReservationNotFound,

    /// <summary>The catalog has no such account.</summary>
    GrainNotFound,

    /// <summary>The catalog has no such agent.</summary>
    AgentNotFound,

    /// <summary>The catalog has no such use case.</summary>
    UseCaseNotFound,

    /// <summary>No such credential.</summary>
    CredentialNotFound,

    /// <summary>
    /// What the call came with was ended while it was under way: its credential, its token, or what its user gave.
    /// </summary>
    CredentialEnded,

    /// <summary>No such dispute, or it was decided.</summary>
    DisputeNotFound,

    /// <summary>No such request for more, or its answer is forgotten.</summary>
    ExtensionRequestNotFound,

    /// <summary>The request for more is answered.</summary>
    ExtensionRequestDecided,

    /// <summary>Tokens are granted to who asks for money, or money to who asks for tokens.</summary>
    AmountKindInvalid,

    /// <summary>The agent is suspended or decommissioned.</summary>
    AgentNotActive,

    /// <summary>The reservation is settled, released or expired and cannot change again.</summary>
    ReservationTerminal,

    /// <summary>
    /// Tokens were used on a hold of counted items alone, and the commit names no model that the price book knows.
    /// </summary>
    ModelMissing,

    /// <summary>
    /// An estimate does not say the most output, and the catalog does not know the model's; the fault names the field.
    /// </summary>
    EstimateIncomplete,

    /// <summary>The session has ended, expired or been revoked.</summary>
    SessionNotOpen,

    /// <summary>The agent may not work for the use case.</summary>
    UseCaseOutOfScope,

    /// <summary>The parent's agent may not delegate to this agent; the faults name it.</summary>
    AgentNotDelegated,

    /// <summary>The parent's agent may not delegate to this use case; the faults name it.</summary>
    UseCaseNotDelegated,

    /// <summary>A tool asked for is outside the agent's scope; the faults name it.</summary>
    ToolOutOfScope,

    /// <summary>A model asked for is outside the agent's scope; the faults name it.</summary>
    ModelOutOfScope,

    /// <summary>A tag is not declared, or its value is not allowed; the faults name it.</summary>
    TagInvalid,

    /// <summary>A money field is in another currency than the tenant's; the faults name it.</summary>
    CurrencyInvalid,

    /// <summary>The account has no such limit in the catalog to extend.</summary>
    NoBudget,

    /// <summary>The time given is not after now, or beyond the year 2262.</summary>
    TimeInvalid,

    /// <summary>The catalog is inconsistent; the faults say where.</summary>
    CatalogInvalid,

    /// <summary>The catalog removes what open sessions or holds refer to; the faults name it.</summary>
    CatalogInUse,

    /// <summary>A sum would overflow; nothing changed.</summary>
    AmountOverflow,

    /// <summary>A named bound is reached; the faults name it.</summary>
    BoundReached,

    /// <summary>The user asked for is not the parent session's; the faults name it.</summary>
    UserOutOfScope,

    /// <summary>A run ceiling leaves room for fewer subagents than planned; the fault says how many.</summary>
    RunCeilingReached,

    /// <summary>The session, or one above it, is suspended.</summary>
    SessionSuspended,

    /// <summary>The session to resume is not suspended.</summary>
    SessionNotSuspended,

    /// <summary>More would be credited than was settled.</summary>
    AdjustmentTooLarge,

    /// <summary>The price book has and had no such version.</summary>
    PriceVersionNotFound,

    /// <summary>Spend was rated again by somebody else meanwhile; nothing changed.</summary>
    ReratingOutdated,

    /// <summary>A patch is based on another catalog than the one in force; the fault says which that is.</summary>
    CatalogOutdated,
}
