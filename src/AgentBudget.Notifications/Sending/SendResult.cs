using AgentBudget.Protocol.Notifier.V1;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Notifications.Sending;

/// <summary>How an attempt ended.</summary>
/// <param name="IsTaken">The receiver has it.</param>
/// <param name="Status">What it answered; 0 for no answer.</param>
/// <param name="Error">Why it failed; empty where it did not.</param>
internal sealed record SendResult(bool IsTaken, int Status, string Error)
{
    /// <summary>The receiver is gone for good.</summary>
    public bool IsGone { get; init; }

    /// <summary>The receiver has too much to do: everything for it waits.</summary>
    public bool IsSlow { get; init; }

    /// <summary>How long the receiver asks to be left alone.</summary>
    public TimeSpan? RetryAfter { get; init; }
}

/// <summary>Sends one notice to one endpoint, once.</summary>
internal interface INoticeSender
{
    /// <summary>Never throws but for a cancellation: what goes wrong is a result.</summary>
    Task<SendResult> SendAsync(
        string tenant, EndpointBook endpoint, Notice notice, CancellationToken cancellationToken);
}
