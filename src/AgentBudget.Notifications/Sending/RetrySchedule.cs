using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace AgentBudget.Notifications.Sending;

/// <summary>When a notice is tried again, as Standard Webhooks 1.0 propose it.</summary>
internal static class RetrySchedule
{
    /// <summary>A receiver that asks for more has asked for the longest wait.</summary>
    internal static readonly TimeSpan RetryAfterMax = TimeSpan.FromHours(24);

    /// <summary>How long a receiver that has too much to do is left alone, where it does not say.</summary>
    internal static readonly TimeSpan SlowTime = TimeSpan.FromSeconds(30);

    private const double JitterMax = 0.1; // Receivers that came back are not met by all at once.

    // The wait before each attempt.
    private static readonly TimeSpan[] Waits =
    [
        TimeSpan.Zero, TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(30),
        TimeSpan.FromHours(2), TimeSpan.FromHours(5), TimeSpan.FromHours(10), TimeSpan.FromHours(14),
        TimeSpan.FromHours(20), TimeSpan.FromHours(24),
    ];

    /// <summary>Attempts, after which a notice is given up.</summary>
    public static int AttemptsMax => Waits.Length;

    /// <summary>How long to wait after an attempt; null where there is no other.</summary>
    /// <param name="id">The notice, which spreads the waits: the same for the same notice and attempt.</param>
    /// <param name="attempts">Attempts made, at least one.</param>
    /// <param name="retryAfter">What the receiver asks for.</param>
    public static TimeSpan? WaitAfter(string id, int attempts, TimeSpan? retryAfter)
    {
        if (attempts >= Waits.Length) return null;
        uint spread = BinaryPrimitives.ReadUInt32LittleEndian(
            SHA256.HashData(Encoding.UTF8.GetBytes($"{id} {attempts}")));
        TimeSpan wait = Waits[attempts] * (1 + (JitterMax * (spread / (double)uint.MaxValue)));
        if (retryAfter is not { } asked || asked <= wait) return wait;
        return asked < RetryAfterMax ? asked : RetryAfterMax;
    }
}
