using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Audit;

/// <summary>One place where a journal breaks a rule.</summary>
/// <param name="Rule">The rule.</param>
/// <param name="Sequence">The event; for a damaged group, the first one that could not be trusted.</param>
/// <param name="Group">The group that the event is in; 0 when events were audited without a store.</param>
/// <param name="Sentence">What is there and what should be, one sentence.</param>
public sealed record AuditFinding(AuditRule Rule, long Sequence, long Group, string Sentence);

/// <summary>An account at the end of the journal, as the audit has it.</summary>
/// <param name="Account">Name, "useCases/promo".</param>
/// <param name="SettledNanos">Settled in its current period.</param>
/// <param name="HeldNanos">Held now.</param>
/// <param name="OverrunNanos">Settled above what was held for it, in the period.</param>
/// <param name="LifetimeNanos">Settled over all periods.</param>
/// <param name="LimitNanos">Its limit with extensions; null without one.</param>
/// <param name="HardCapNanos">Where grants stop; null without a limit.</param>
/// <param name="SettledTokens">The same in tokens.</param>
/// <param name="HeldTokens">Held tokens.</param>
/// <param name="OverrunTokens">Overrun in tokens.</param>
/// <param name="LifetimeTokens">Tokens over all periods.</param>
/// <param name="LimitTokens">Token limit; null without one.</param>
/// <param name="HardCapTokens">Where grants of tokens stop; null without a limit.</param>
/// <param name="Window">Which window of the account this is, by its period; empty for a session.</param>
/// <param name="Windows">The other windows of the account; a spend has to fit all of them.</param>
/// <param name="DisputedNanos">Money that nobody has decided about.</param>
/// <param name="DisputedTokens">Tokens likewise.</param>
public sealed record AuditBalance(
    string Account,
    Int128 SettledNanos,
    Int128 HeldNanos,
    Int128 OverrunNanos,
    Int128 LifetimeNanos,
    Int128? LimitNanos,
    Int128? HardCapNanos,
    Int128 SettledTokens,
    Int128 HeldTokens,
    Int128 OverrunTokens,
    Int128 LifetimeTokens,
    Int128? LimitTokens,
    Int128? HardCapTokens,
    string Window,
    IReadOnlyList<AuditBalance> Windows,
    Int128 DisputedNanos,
    Int128 DisputedTokens);

/// <summary>Sums over a whole journal.</summary>
/// <param name="SettledNanos">Settled money.</param>
/// <param name="SettledTokens">Settled tokens.</param>
/// <param name="OverrunNanos">Settled money above what was held for it.</param>
/// <param name="HeldNanos">Money held at the end.</param>
/// <param name="HeldTokens">Tokens held at the end.</param>
/// <param name="OpenHolds">Holds open at the end.</param>
/// <param name="Granted">Holds granted.</param>
/// <param name="Refused">Spends refused.</param>
/// <param name="Sessions">Sessions opened.</param>
/// <param name="OpenSessions">Sessions open at the end.</param>
public sealed record AuditTotals(
    Int128 SettledNanos,
    Int128 SettledTokens,
    Int128 OverrunNanos,
    Int128 HeldNanos,
    Int128 HeldTokens,
    long OpenHolds,
    long Granted,
    long Refused,
    long Sessions,
    long OpenSessions);

/// <summary>What an audit of one tenant's journal found.</summary>
/// <param name="Tenant">Whose.</param>
/// <param name="Currency">ISO 4217 of its money; empty before the first catalog.</param>
/// <param name="Events">Events audited.</param>
/// <param name="Groups">Groups verified; 0 when events were audited without a store.</param>
/// <param name="FirstTime">Log time of the first event; null without events.</param>
/// <param name="LastTime">Log time of the last one.</param>
/// <param name="HeadHash">
/// Hash of the last group that was verified, 64 hexadecimal digits; null when events were audited without a store.
/// </param>
/// <param name="Totals">Sums.</param>
/// <param name="Balances">Every account of the catalogs, then open sessions, each by ordinal order of its name.</param>
/// <param name="Findings">The first findings in order, at most <see cref="FindingsMax"/>.</param>
/// <param name="FindingsFound">How many there were.</param>
public sealed record AuditReport(
    string Tenant,
    string Currency,
    long Events,
    long Groups,
    Timestamp? FirstTime,
    Timestamp? LastTime,
    string? HeadHash,
    AuditTotals Totals,
    IReadOnlyList<AuditBalance> Balances,
    IReadOnlyList<AuditFinding> Findings,
    long FindingsFound)
{
    /// <summary>Findings that are kept: the first ones tell the cause, a damaged journal can have millions.</summary>
    public const int FindingsMax = 100;

    /// <summary>What became of the checkpoints that the journal was compared with, in the order given.</summary>
    public IReadOnlyList<CheckpointResult> Checkpoints { get; init; } = [];

    /// <summary>Whether nothing was found.</summary>
    public bool IsClean => FindingsFound == 0;
}
