using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Audit;

/// <summary>
/// Money in nanos and tokens, in 128 bits: no sum of 64-bit numbers that a journal can hold overflows, whatever was
/// done to the journal.
/// </summary>
internal readonly record struct AuditAmount(Int128 Nanos, Int128 Tokens)
{
    public static AuditAmount operator +(AuditAmount left, AuditAmount right) =>
        new(left.Nanos + right.Nanos, left.Tokens + right.Tokens);

    public static AuditAmount operator -(AuditAmount left, AuditAmount right) =>
        new(left.Nanos - right.Nanos, left.Tokens - right.Tokens);

    /// <summary>The lower of each.</summary>
    public static AuditAmount Min(AuditAmount left, AuditAmount right) =>
        new(Int128.Min(left.Nanos, right.Nanos), Int128.Min(left.Tokens, right.Tokens));

    /// <summary>What is above zero of each.</summary>
    public AuditAmount AboveZero() => new(Int128.Max(0, Nanos), Int128.Max(0, Tokens));

    public override string ToString() => $"{Nanos} nanos and {Tokens} tokens";
}

/// <summary>Limits of money and tokens; null does not limit.</summary>
internal readonly record struct AuditLimit(Int128? Nanos, Int128? Tokens)
{
    /// <summary>
    /// Whether an amount may be held on an exposure, in place of one that is in it. What does not grow is not asked,
    /// and neither is what is nothing: a call that costs nothing fits a limit that is passed.
    /// </summary>
    public bool Admits(AuditAmount exposure, AuditAmount amount, AuditAmount? before) =>
        Admits(Nanos, exposure.Nanos, amount.Nanos, before?.Nanos)
        && Admits(Tokens, exposure.Tokens, amount.Tokens, before?.Tokens);

    /// <summary>The lower of each.</summary>
    public static AuditLimit Min(AuditLimit left, AuditLimit right) =>
        new(AuditNumbers.Min(left.Nanos, right.Nanos), AuditNumbers.Min(left.Tokens, right.Tokens));

    private static bool Admits(Int128? cap, Int128 exposure, Int128 amount, Int128? before) =>
        cap is null || amount <= (before ?? 0) || exposure - (before ?? 0) + amount <= cap;

    public override string ToString() =>
        $"{Nanos?.ToString() ?? "unlimited"} nanos and {Tokens?.ToString() ?? "unlimited"} tokens";
}

/// <summary>Messages as plain numbers.</summary>
internal static class AuditNumbers
{
    public const long NanosPerUnit = 1_000_000_000;

    public static readonly Int128 Hour = (Int128)3600 * NanosPerUnit;

    public static Int128 NanosOf(Money money) => ((Int128)money.Units * NanosPerUnit) + money.Nanos;

    public static Int128 NanosOf(Timestamp time) => ((Int128)time.Seconds * NanosPerUnit) + time.Nanos;

    public static Int128 NanosOf(Duration duration) => ((Int128)duration.Seconds * NanosPerUnit) + duration.Nanos;

    /// <summary>A count as a view shows it, in 63 bits.</summary>
    public static Int128 Shown(Int128 count) => Int128.Min(count, long.MaxValue);

    /// <summary>A sum that is in two fields: the second counts 2^63.</summary>
    public static Int128 Sum(long low, long high) => low + (high * ((Int128)long.MaxValue + 1));

    public static Int128? OptionalNanosOf(Money? money) => money is null ? null : NanosOf(money);

    public static Int128? OptionalNanosOf(Timestamp? time) => time is null ? null : NanosOf(time);

    public static AuditAmount Of(Amount? amount) =>
        amount is null ? default : new AuditAmount(amount.Cost is null ? 0 : NanosOf(amount.Cost), amount.Tokens);

    /// <summary>The lower one; null is above every number.</summary>
    public static Int128? Min(Int128? left, Int128? right) =>
        left is null ? right : right is null ? left : Int128.Min(left.Value, right.Value);

    /// <summary>A time for a sentence: ISO 8601 within the ledger's 64 bits of nanos, else its nanos.</summary>
    public static string Show(Int128? nanos)
    {
        if (nanos is null) return "never";
        if (nanos < long.MinValue || nanos > long.MaxValue) return $"{nanos} ns";
        return DateTimeOffset.UnixEpoch.AddTicks((long)(nanos.Value / 100)).ToString("O");
    }
}
