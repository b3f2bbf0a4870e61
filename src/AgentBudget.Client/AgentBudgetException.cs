using Grpc.Core;

namespace AgentBudget.Client;

/// <summary>
/// A call that has no answer: the service refused it as an error, or it could not be reached in time. A refusal of
/// money is no exception but an answer (<c>Decision.Deny</c>).
/// </summary>
public class AgentBudgetException : Exception
{
    internal AgentBudgetException(string message, CallFault fault, string requestId, Exception? inner = null)
        : base(message, inner)
    {
        Fault = fault;
        RequestId = requestId;
    }

    /// <summary>The status of the call.</summary>
    public StatusCode StatusCode => Fault.StatusCode;

    /// <summary>
    /// The reason as <c>errors.proto</c> names it, such as <c>KEY_REUSED</c>; empty where the service gave none, as
    /// when it could not be reached.
    /// </summary>
    public string Reason => Fault.Reason;

    /// <summary>
    /// Whether the call may have had its effect all the same. Sent again with the same request id and content, it has
    /// one effect.
    /// </summary>
    public bool MayHaveHadEffect => Fault.MayHaveHadEffect;

    /// <summary>
    /// When the service says that a call may have room again, counted from its answer; null where it says nothing. The
    /// client has waited so long itself where waiting alone helps.
    /// </summary>
    public TimeSpan? RetryAfter => Fault.RetryAfter;

    /// <summary>The request id that the call was sent with; empty for a call that only reads.</summary>
    public string RequestId { get; }

    /// <summary>What is wrong with the fields of the request, where the service said so.</summary>
    public IReadOnlyList<FieldFault> FieldFaults => Fault.FieldFaults;

    internal CallFault Fault { get; }
}

/// <summary>A call whose time ran out. <see cref="Exception.InnerException"/> says what its last attempt met.</summary>
public sealed class AgentBudgetTimeoutException : AgentBudgetException
{
    internal AgentBudgetTimeoutException(string message, CallFault fault, string requestId, Exception? inner)
        : base(message, fault, requestId, inner)
    {
    }
}

/// <summary>What is wrong with one field of a request.</summary>
/// <param name="Field">The field's path, such as <c>estimate.input_tokens</c>, or a line of a document.</param>
/// <param name="Description">What is wrong with it.</param>
public sealed record FieldFault(string Field, string Description);
