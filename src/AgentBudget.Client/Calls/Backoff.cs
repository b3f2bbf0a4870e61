using System.Security.Cryptography;

namespace AgentBudget.Client;

/// <summary>Pauses before retries: doubled each time up to a bound, with jitter so that callers spread.</summary>
internal sealed class Backoff(TimeSpan first, TimeSpan most)
{
    private const int DoublingsMax = 20; // Beyond any bound that the options allow.
    private const int ScatterSteps = 1 << 16;

    /// <summary>The pause before retry number 1, 2, …; never below what the service asked for.</summary>
    public TimeSpan Pause(int retry, TimeSpan? asked)
    {
        double doubled = first.TotalMilliseconds * (1 << Math.Clamp(retry - 1, 0, DoublingsMax));
        double bounded = Math.Min(doubled, most.TotalMilliseconds);
        double scatter = RandomNumberGenerator.GetInt32(ScatterSteps) / (double)ScatterSteps;
        double own = bounded * (0.5 + (scatter / 2));
        return TimeSpan.FromMilliseconds(
            asked is { } least && least.TotalMilliseconds > own ? least.TotalMilliseconds * (1 + (scatter / 4)) : own);
    }
}
