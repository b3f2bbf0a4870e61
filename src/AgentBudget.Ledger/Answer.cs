using AgentBudget.Protocol.V1;
using Google.Protobuf;

namespace AgentBudget.Ledger;

/// <summary>What a turn answers. It may leave only after every event decided up to it is durable.</summary>
/// <param name="Outcome">How the command ended.</param>
/// <param name="Event">
/// The event that the answer is a function of; null where nothing was recorded. In a dry run its sequence is 0.
/// </param>
/// <param name="DuplicateOf">
/// When above 0, the request was handled before: the answer is that of the event with this sequence.
/// </param>
/// <param name="View">The answer of a query.</param>
/// <param name="Faults">What is wrong, where the outcome says that it names it; otherwise empty.</param>
public readonly record struct Answer(
    Outcome Outcome,
    LedgerEvent? Event = null,
    long DuplicateOf = 0,
    IMessage? View = null,
    IReadOnlyList<Fault>? Faults = null);

/// <summary>One fault of a request.</summary>
/// <param name="Field">Where: a field or a path into the catalog such as <c>useCases[1].businessUnit</c>.</param>
/// <param name="Description">What is wrong and what would be right, one sentence.</param>
/// <param name="Left">How many would still fit, where the fault is a ceiling of a run.</param>
/// <param name="Limit">That ceiling.</param>
public sealed record Fault(string Field, string Description, long? Left = null, long? Limit = null);
