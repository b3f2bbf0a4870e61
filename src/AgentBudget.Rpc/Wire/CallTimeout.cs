using System.Globalization;

namespace AgentBudget.Rpc.Wire;

/// <summary>Reads and writes the timeouts of gRPC (<c>grpc-timeout</c>) and Connect
/// (<c>connect-timeout-ms</c>).</summary>
internal static class CallTimeout
{
    // Longer timeouts are cut to this: a timer holds 49 days, and nobody waits for a call that long.
    internal static readonly TimeSpan Longest = TimeSpan.FromDays(24);

    // Both protocols bound the digits; more are malformed.
    private const int GrpcDigitsMax = 8;
    private const int ConnectDigitsMax = 10;
    private const int NanosPerTick = 100;

    internal static bool TryParseGrpc(string text, out TimeSpan timeout)
    {
        timeout = default;
        if (text.Length is < 2 or > GrpcDigitsMax + 1 || !TryParseDigits(text.AsSpan()[..^1], out long value))
            return false;
        long ticks = text[^1] switch
        {
            'H' => value * TimeSpan.TicksPerHour,
            'M' => value * TimeSpan.TicksPerMinute,
            'S' => value * TimeSpan.TicksPerSecond,
            'm' => value * TimeSpan.TicksPerMillisecond,
            'u' => value * TimeSpan.TicksPerMicrosecond,
            'n' => (value + NanosPerTick - 1) / NanosPerTick,
            _ => -1,
        };
        timeout = new TimeSpan(Math.Min(ticks, Longest.Ticks));
        return ticks >= 0;
    }

    internal static bool TryParseConnect(string text, out TimeSpan timeout)
    {
        timeout = default;
        if (text.Length is 0 or > ConnectDigitsMax || !TryParseDigits(text, out long milliseconds))
            return false;
        timeout = new TimeSpan(Math.Min(milliseconds * TimeSpan.TicksPerMillisecond, Longest.Ticks));
        return true;
    }

    /// <summary>The timeout in the finest unit that its digits allow.</summary>
    internal static string FormatGrpc(TimeSpan timeout)
    {
        const long valueMax = 99_999_999;
        long ticks = Math.Clamp(timeout.Ticks, 0, Longest.Ticks);
        (long value, char unit) = ticks switch
        {
            <= valueMax / NanosPerTick => (ticks * NanosPerTick, 'n'),
            <= valueMax * TimeSpan.TicksPerMicrosecond => (ticks / TimeSpan.TicksPerMicrosecond, 'u'),
            <= valueMax * TimeSpan.TicksPerMillisecond => (ticks / TimeSpan.TicksPerMillisecond, 'm'),
            _ => (ticks / TimeSpan.TicksPerSecond, 'S'),
        };
        return string.Create(CultureInfo.InvariantCulture, $"{value}{unit}");
    }

    private static bool TryParseDigits(ReadOnlySpan<char> text, out long value) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
}
