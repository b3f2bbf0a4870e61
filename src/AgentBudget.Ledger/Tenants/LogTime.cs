using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Ledger.Tenants;

/// <summary>Log time is nanos since the Unix epoch, UTC. On the wire it is a Timestamp.</summary>
public static class LogTime
{
    /// <summary>Nanos in a second.</summary>
    public const long NanosPerSecond = 1_000_000_000;

    /// <summary>Nanos in an hour.</summary>
    public const long NanosPerHour = 3600 * NanosPerSecond;

    /// <summary>Nanos in a tick of <see cref="DateTime"/>.</summary>
    public const long NanosPerTick = 100;

    /// <summary>A new message for this time.</summary>
    public static Timestamp ToTimestamp(long nanos)
    {
        long seconds = Math.DivRem(nanos, NanosPerSecond, out long rest);
        return new Timestamp { Seconds = seconds, Nanos = (int)rest };
    }

    /// <summary>The message, or null for 0, which stands for never.</summary>
    public static Timestamp? ToOptionalTimestamp(long nanos) => nanos == 0 ? null : ToTimestamp(nanos);

    /// <summary>
    /// The time of a message. Times beyond the year 2262 do not fit and are an <see cref="OverflowException"/>.
    /// </summary>
    public static long FromTimestamp(Timestamp timestamp)
    {
        ArgumentNullException.ThrowIfNull(timestamp);
        return checked((timestamp.Seconds * NanosPerSecond) + timestamp.Nanos);
    }

    /// <summary>Reads a time; false if it does not fit 64 bits of nanos.</summary>
    public static bool TryFromTimestamp(Timestamp timestamp, out long nanos)
    {
        ArgumentNullException.ThrowIfNull(timestamp);
        Int128 total = ((Int128)timestamp.Seconds * NanosPerSecond) + timestamp.Nanos;
        bool fits = total >= long.MinValue && total <= long.MaxValue;
        nanos = fits ? (long)total : 0;
        return fits;
    }

    /// <summary>The time of a message, 0 for none.</summary>
    public static long FromOptionalTimestamp(Timestamp? timestamp) => timestamp is null ? 0 : FromTimestamp(timestamp);

    /// <summary>The length of a duration. Beyond 292 years it is an <see cref="OverflowException"/>.</summary>
    public static long FromDuration(Duration duration)
    {
        ArgumentNullException.ThrowIfNull(duration);
        return checked((duration.Seconds * NanosPerSecond) + duration.Nanos);
    }
}
