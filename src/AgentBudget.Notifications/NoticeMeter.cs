using System.Diagnostics.Metrics;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Notifications;

/// <summary>What happens to notices. Each silo of a process has its own.</summary>
public sealed class NoticeMeter : IDisposable
{
    private readonly Counter<long> _attempts;

    /// <summary>Counts from now on.</summary>
    public NoticeMeter() => _attempts = Meter.CreateCounter<long>(
        "agentbudget.notice.attempts", "{attempt}", "Attempts to send a notice, by how they ended.");

    /// <summary>What is measured here.</summary>
    public Meter Meter { get; } = new("AgentBudget.Notifications");

    /// <inheritdoc/>
    public void Dispose() => Meter.Dispose();

    /// <summary>An attempt ended.</summary>
    /// <param name="kind">The endpoint's kind.</param>
    /// <param name="result">"taken", "failed", or "given_up" for the last one.</param>
    internal void Tried(EndpointKind kind, string result) => _attempts.Add(
        1,
        new("endpoint", kind switch
        {
            EndpointKind.Webhook => "webhook",
            EndpointKind.Slack => "slack",
            EndpointKind.Teams => "teams",
            EndpointKind.Email => "email",
            EndpointKind.Unspecified => "unspecified",
        }),
        new("result", result));
}
