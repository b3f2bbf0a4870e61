using AgentBudget.Protocol.V1;
using Google.Protobuf.Collections;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Ledger.Requests;

/// <summary>128 bits that stand for an operation and its request id.</summary>
internal readonly record struct RequestKey(ulong High, ulong Low)
{
    // Two independent starting points make two independent 64-bit halves.
    private const ulong HighSeed = 0x243F_6A88_85A3_08D3;
    private const ulong LowSeed = 0x1319_8A2E_0370_7344;

    public static RequestKey For(Operation operation, string requestId) => new(
        new Fingerprint(HighSeed).Add((long)operation).Add(requestId).Value,
        new Fingerprint(LowSeed).Add((long)operation).Add(requestId).Value);

    public static RequestKey For(Operation operation, long number) => new(
        new Fingerprint(HighSeed).Add((long)operation).Add(number).Value,
        new Fingerprint(LowSeed).Add((long)operation).Add(number).Value);
}

/// <summary>
/// A 64-bit hash over the decoded fields of a request: the same on every machine and in every release, because it is
/// stored in ledger events. Not cryptographic: it tells a caller's retry from a caller's mistake, within that caller's
/// own session.
/// </summary>
internal readonly struct Fingerprint
{
    // Odd constants from the digits of pi; the mix is multiply, fold high into low.
    private const ulong Multiplier = 0xA409_3822_299F_31D1;
    private const ulong Increment = 0x082E_FA98_EC4E_6C89;

    private readonly ulong _state;

    public Fingerprint(ulong seed) => _state = seed;

    /// <summary>The hash; never 0, which stands for none.</summary>
    public ulong Value => Mix(_state, Increment) | 1;

    public Fingerprint Add(long value) => new(Mix(_state ^ (ulong)value, Multiplier) + Increment);

    public Fingerprint Add(bool value) => Add(value ? 1L : 0L);

    public Fingerprint Add(string value)
    {
        Fingerprint hash = Add((long)value.Length);
        ReadOnlySpan<char> rest = value;
        for (; rest.Length >= 4; rest = rest[4..]) hash = hash.Add(Pack(rest[0], rest[1], rest[2], rest[3]));
        return rest.Length switch
        {
            0 => hash,
            1 => hash.Add(Pack(rest[0], '\0', '\0', '\0')),
            2 => hash.Add(Pack(rest[0], rest[1], '\0', '\0')),
            _ => hash.Add(Pack(rest[0], rest[1], rest[2], '\0')),
        };
    }

    /// <summary>Of a field that requests had not always: without it, it is as if it were not asked about.</summary>
    public Fingerprint AddIfAny(string text) => text.Length == 0 ? this : Add(text);

    /// <summary>Counts of buckets that requests had not always.</summary>
    public Fingerprint AddIfAny(long first, long second, long third) =>
        (first | second | third) == 0 ? this : Add(first).Add(second).Add(third);

    public Fingerprint Add(Duration? value) => value is null ? Add(-1L) : Add(value.Seconds).Add(value.Nanos);

    public Fingerprint Add(Timestamp? value) => value is null ? Add(-1L) : Add(value.Seconds).Add(value.Nanos);

    public Fingerprint Add(Money? value) => value is null ? Add(-1L) : Add(value.Units).Add(value.Nanos);

    public Fingerprint Add(RepeatedField<string> values)
    {
        Fingerprint hash = Add((long)values.Count);
        for (int index = 0; index < values.Count; index++) hash = hash.Add(values[index]);
        return hash;
    }

    /// <summary>Entries in any order give the same hash.</summary>
    public Fingerprint Add(MapField<string, string> values)
    {
        if (values.Count == 0) return Add(0L);
        ulong sum = 0;
        foreach (KeyValuePair<string, string> pair in values)
        {
            sum += new Fingerprint(Increment).Add(pair.Key).Add(pair.Value).Value;
        }

        return Add((long)values.Count).Add((long)sum);
    }

    public Fingerprint Add(TokenEstimate? estimate)
    {
        if (estimate is null) return Add(-1L);
        return Add(estimate.Items).Add(estimate.InputTokens).Add(estimate.MaxOutputTokens).Add(estimate.CacheReadTokens)
            .Add(estimate.CacheWrite5MTokens).Add(estimate.CacheWrite1HTokens).Add(estimate.ReasoningTokens)
            .Add(estimate.InputAudioTokens).Add(estimate.OutputAudioTokens).Add(estimate.InputImageTokens)
            .AddIfAny(estimate.CacheReadAudioTokens, estimate.CacheWriteAudioTokens, estimate.OutputImageTokens)
            .AddIfAny(estimate is { HasMaxOutputTokens: true, MaxOutputTokens: 0 } ? "none" : "");
    }

    /// <summary>Items in any order give the same hash; without any, it is as if they were not asked about.</summary>
    public Fingerprint Add(RepeatedField<CountedItem> items)
    {
        if (items.Count == 0) return this;
        ulong sum = 0;
        for (int index = 0; index < items.Count; index++)
            sum += new Fingerprint(Increment).Add(items[index].Sku).Add(items[index].Count).Value;
        return Add((long)items.Count).Add((long)sum);
    }

    public Fingerprint Add(TokenUsage usage) =>
        Add(usage.Items).Add(usage.InputTokens).Add(usage.OutputTokens).Add(usage.CacheReadTokens)
            .Add(usage.CacheWrite5MTokens).Add(usage.CacheWrite1HTokens).Add(usage.ReasoningTokens)
            .Add(usage.InputAudioTokens).Add(usage.OutputAudioTokens).Add(usage.InputImageTokens)
            .AddIfAny(usage.CacheReadAudioTokens, usage.CacheWriteAudioTokens, usage.OutputImageTokens);

    private static long Pack(char first, char second, char third, char fourth) =>
        (long)(first | ((ulong)second << 16) | ((ulong)third << 32) | ((ulong)fourth << 48));

    private static ulong Mix(ulong left, ulong right)
    {
        ulong high = Math.BigMul(left ^ Multiplier, right, out ulong low);
        return high ^ low;
    }
}
