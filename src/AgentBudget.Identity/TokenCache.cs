using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace AgentBudget.Identity;

/// <summary>
/// What tokens say whose signature was checked, by the SHA-256 of the whole token. Two generations: what is used moves
/// to the young one; when that is full the old one is forgotten. Only good tokens enter, so a flood of bad ones evicts
/// nothing.
/// </summary>
internal sealed class TokenCache<TValue>
    where TValue : class
{
    /// <summary>
    /// Entries of one generation: with two, the busiest silo's 100,000 open sessions stay checked, in about 100 MB.
    /// </summary>
    internal const int GenerationEntriesMax = 65_536;

    private readonly Lock _turnover = new();
    private readonly int _generationEntriesMax;
    private Generation _young = new();
    private Generation _old = new();

    internal TokenCache(int generationEntriesMax) => _generationEntriesMax = generationEntriesMax;

    /// <summary>Entries held now, in both generations.</summary>
    internal int Count => Volatile.Read(ref _young).Count + Volatile.Read(ref _old).Count;

    internal bool TryGet(in TokenHash hash, [NotNullWhen(true)] out TValue? value)
    {
        if (Volatile.Read(ref _young).Entries.TryGetValue(hash, out value))
            return true;
        if (!Volatile.Read(ref _old).Entries.TryGetValue(hash, out value))
            return false;
        Add(hash, value);
        return true;
    }

    internal void Add(in TokenHash hash, TValue value)
    {
        Generation young = Volatile.Read(ref _young);
        if (young.Entries.TryAdd(hash, value) && Interlocked.Increment(ref young.Count) >= _generationEntriesMax)
            TurnOver(young);
    }

    private void TurnOver(Generation full)
    {
        lock (_turnover)
        {
            if (_young != full)
                return;
            Volatile.Write(ref _old, full);
            Volatile.Write(ref _young, new Generation());
        }
    }

    private sealed class Generation
    {
        /// <summary>Counted apart, because counting a concurrent dictionary takes all its locks.</summary>
        internal int Count;

        internal ConcurrentDictionary<TokenHash, TValue> Entries { get; } = new();
    }
}

/// <summary>The SHA-256 of a token.</summary>
internal readonly record struct TokenHash(ulong First, ulong Second, ulong Third, ulong Fourth)
{
    internal static TokenHash Of(ReadOnlySpan<byte> token)
    {
        Span<ulong> hash = stackalloc ulong[4];
        Sha256.Hash(token, MemoryMarshal.AsBytes(hash));
        return new TokenHash(hash[0], hash[1], hash[2], hash[3]);
    }

    // Every bit of a SHA-256 is as good as another: the first word is hash enough.
    public override int GetHashCode() => (int)First;
}
