using AgentBudget.Protocol.V1;
using Google.Protobuf.Collections;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Ledger.Requests;

/// <summary>
/// Hashes all that a request asks, over its decoded fields, with SHA-256 (FIPS 180-4): two requests that differ and
/// hash alike are not to be found, so nobody can have one request answered with another's event. Beside it what former
/// releases hashed, which journals before this one have. Every field says whether it is there, so no two requests are
/// written alike.
/// </summary>
internal readonly struct ContentHash
{
    private readonly Operation _operation;
    private readonly Fingerprint _former;
    private readonly ContentBytes _bytes;

    public ContentHash(Operation operation)
        : this(operation, new Fingerprint((ulong)operation), ContentBytes.Begin(operation))
    {
    }

    private ContentHash(Operation operation, Fingerprint former, ContentBytes bytes) =>
        (_operation, _former, _bytes) = (operation, former, bytes);

    /// <summary>The request, once all of it is added.</summary>
    public AskedRequest Of(string principal, string requestId) =>
        new(_operation, principal, requestId, _bytes.Hash(), new FormerContent(_former.Value, _bytes));

    public ContentHash Add(long value) => With(_former.Add(value)).Write(value);

    public ContentHash Add(bool value) => Add(value ? 1L : 0L);

    public ContentHash Add(string value) => With(_former.Add(value)).Write(value);

    /// <summary>Of a field that the fingerprint of former releases had not always.</summary>
    public ContentHash AddIfAny(string text) => With(_former.AddIfAny(text)).Write(text);

    /// <summary>Of a number that the fingerprint of former releases had only where it is not 0.</summary>
    public ContentHash AddIfAny(long value) => With(value == 0 ? _former : _former.Add(value)).Write(value);

    /// <summary>Of what the fingerprint of former releases did not have.</summary>
    public ContentHash AddNew(long value) => Write(value);

    public ContentHash Add(Duration? value) => With(_former.Add(value))
        .Write(value is not null)
        .Write(value?.Seconds ?? 0)
        .Write(value?.Nanos ?? 0);

    public ContentHash Add(Timestamp? value) => With(_former.Add(value))
        .Write(value is not null)
        .Write(value?.Seconds ?? 0)
        .Write(value?.Nanos ?? 0);

    public ContentHash Add(Money? value) => With(_former.Add(value)).WriteMoney(value);

    /// <summary>Of money that the fingerprint of former releases had not always.</summary>
    public ContentHash AddIfAny(Money? value) => With(value is null ? _former : _former.Add(value)).WriteMoney(value);

    public ContentHash Add(RepeatedField<string> values)
    {
        ContentHash hash = With(_former.Add(values)).Write(values.Count);
        for (int index = 0; index < values.Count; index++) hash.Write(values[index]);
        return hash;
    }

    /// <summary>Entries in any order give the same hash.</summary>
    public ContentHash Add(MapField<string, string> values)
    {
        ContentHash hash = With(_former.Add(values)).Write(values.Count);
        if (values.Count == 0) return hash;
        foreach (KeyValuePair<string, string> pair in InOrder(values)) hash.Write(pair.Key).Write(pair.Value);
        return hash;
    }

    public ContentHash Add(TokenEstimate? estimate)
    {
        ContentHash hash = With(_former.Add(estimate)).Write(estimate is not null);
        if (estimate is null) return hash;
        return hash.WriteItems(estimate.Items)
            .Write(estimate.InputTokens).Write(estimate.HasMaxOutputTokens).Write(estimate.MaxOutputTokens)
            .Write(estimate.CacheReadTokens).Write(estimate.CacheWrite5MTokens).Write(estimate.CacheWrite1HTokens)
            .Write(estimate.ReasoningTokens).Write(estimate.InputAudioTokens).Write(estimate.OutputAudioTokens)
            .Write(estimate.InputImageTokens).Write(estimate.CacheReadAudioTokens)
            .Write(estimate.CacheWriteAudioTokens).Write(estimate.OutputImageTokens);
    }

    public ContentHash Add(TokenUsage usage) => With(_former.Add(usage)).WriteItems(usage.Items)
        .Write(usage.InputTokens).Write(usage.OutputTokens).Write(usage.CacheReadTokens)
        .Write(usage.CacheWrite5MTokens).Write(usage.CacheWrite1HTokens).Write(usage.ReasoningTokens)
        .Write(usage.InputAudioTokens).Write(usage.OutputAudioTokens).Write(usage.InputImageTokens)
        .Write(usage.CacheReadAudioTokens).Write(usage.CacheWriteAudioTokens).Write(usage.OutputImageTokens);

    private ContentHash With(Fingerprint former) => new(_operation, former, _bytes);

    private ContentHash Write(long value)
    {
        _bytes.Write(value);
        return this;
    }

    private ContentHash Write(bool value) => Write(value ? 1L : 0L);

    private ContentHash Write(string value)
    {
        _bytes.Write(value);
        return this;
    }

    private ContentHash WriteMoney(Money? value) => Write(value is not null)
        .Write(value?.CurrencyCode ?? "")
        .Write(value?.Units ?? 0)
        .Write(value?.Nanos ?? 0);

    private ContentHash WriteItems(RepeatedField<CountedItem> items)
    {
        Write(items.Count);
        if (items.Count == 0) return this;
        if (items.Count == 1) return Write(items[0].Sku).Write(items[0].Count);
        foreach (CountedItem item in items
            .OrderBy(item => item.Sku, StringComparer.Ordinal)
            .ThenBy(item => item.Count))
            Write(item.Sku).Write(item.Count);
        return this;
    }

    private static IEnumerable<KeyValuePair<string, string>> InOrder(MapField<string, string> values) =>
        values.Count == 1 ? values : values.OrderBy(pair => pair.Key, StringComparer.Ordinal);
}
