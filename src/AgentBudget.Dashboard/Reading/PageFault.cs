using AgentBudget.Client;
using Grpc.Core;

namespace AgentBudget.Dashboard.Reading;

/// <summary>Why a page or an act has no answer, and what to do.</summary>
/// <param name="Title">What is the matter.</param>
/// <param name="Advice">What to do about it.</param>
/// <param name="IsSignedOut">The credential is not taken any more.</param>
public sealed record PageFault(string Title, string Advice, bool IsSignedOut = false)
{
    internal static PageFault Forbidden { get; } = new(
        "Not for this role", "Your credential may not see or do this. Ask an administrator for one that may.");

    internal static PageFault Of(AgentBudgetException fault) => fault.StatusCode switch
    {
        StatusCode.Unauthenticated => new(
            "You are signed out", "The credential was revoked or has expired. Sign in with another.", true),
        StatusCode.PermissionDenied => Forbidden,
        StatusCode.NotFound when fault.Reason == "TENANT_NOT_FOUND" => new(
            "No catalog yet",
            "This silo knows no tenant. Apply a catalog: agentbudget catalog apply silo-config/demo-catalog.yaml"),
        StatusCode.NotFound => new("Not here", SentenceOf(fault)),
        StatusCode.Unavailable or StatusCode.DeadlineExceeded => new(
            "The silo does not answer", "It may be starting. Try again in a moment."),
        _ => new("That did not work", SentenceOf(fault)),
    };

    /// <summary>The same of a stream, which is not tried again.</summary>
    internal static PageFault Of(RpcException fault) => fault.StatusCode switch
    {
        StatusCode.PermissionDenied => Forbidden,
        StatusCode.Unavailable or StatusCode.DeadlineExceeded => new(
            "The silo does not answer", "It may be starting. Try again in a moment."),
        _ => new("That did not work", fault.Status.Detail),
    };

    // Without the status, which is for programs.
    private static string SentenceOf(AgentBudgetException fault)
    {
        string message = fault.Message;
        int end = message.IndexOf(": ", StringComparison.Ordinal);
        return end > 0 && message.StartsWith(fault.StatusCode.ToString(), StringComparison.Ordinal)
            ? message[(end + 2)..]
            : message;
    }
}
