using System.Diagnostics.Metrics;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Notifications;

/// <summary>What happens to notices. Each silo of a process has its own.</summary>
public sealed class NoticeMeter : IDisposable
{
    private static readonly (EndpointKind Kind, string Word)[] Kinds =
    [
        (EndpointKind.Webhook, "webhook"), (EndpointKind.Slack, "slack"), (EndpointKind.Teams, "teams"),
        (EndpointKind.Email, "email"),
    ];

    private static readonly string[] Results = ["taken", "failed", "given_up"];

    private readonly long[,] _attempts = new long[Kinds.Length, Results.Length];

    /// <summary>Counts from now on.</summary>
    public NoticeMeter() => Meter.CreateObservableCounter(
        "agentbudget.notice.attempts", ReadAttempts, "{attempt}", "Attempts to send a notice, by how they ended.");

    /// <summary>What is measured here.</summary>
    public Meter Meter { get; } = new("AgentBudget.Notifications");

    /// <inheritdoc/>
    public void Dispose() => Meter.Dispose();

    /// <summary>An attempt ended.</summary>
    /// <param name="kind">The endpoint's kind.</param>
    /// <param name="result">"taken", "failed", or "given_up" for the last one.</param>
    internal void Tried(EndpointKind kind, string result)
    {
        int place = Array.FindIndex(Kinds, known => known.Kind == kind);
        Interlocked.Increment(ref _attempts[place, Array.IndexOf(Results, result)]);
    }

    private IEnumerable<Measurement<long>> ReadAttempts()
    {
        for (int kind = 0; kind < Kinds.Length; kind++)
        {
            for (int result = 0; result < Results.Length; result++)
            {
                yield return new Measurement<long>(
                    Interlocked.Read(ref _attempts[kind, result]),
                    new KeyValuePair<string, object?>("endpoint", Kinds[kind].Word),
                    new KeyValuePair<string, object?>("result", Results[result]));
            }
        }
    }
}
