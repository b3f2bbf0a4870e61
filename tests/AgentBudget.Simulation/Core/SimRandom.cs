namespace AgentBudget.Simulation.Core;

/// <summary>
/// Random numbers from a seed, the same on every machine and in every release of the platform (SplitMix64, Steele,
/// Lea and Flood 2014).
/// </summary>
internal sealed class SimRandom(ulong seed)
{
    private ulong _state = seed;

    public ulong Next()
    {
        _state += 0x9E37_79B9_7F4A_7C15;
        ulong mixed = (_state ^ (_state >> 30)) * 0xBF58_476D_1CE4_E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D0_49BB_1331_11EB;
        return mixed ^ (mixed >> 31);
    }

    /// <summary>0 to <paramref name="bound"/> − 1.</summary>
    public int Below(int bound) => (int)(Next() % (ulong)bound);

    /// <summary>Both ends included.</summary>
    public long Between(long low, long high) => low + (long)(Next() % (ulong)(high - low + 1));

    /// <summary>True as often in a thousand.</summary>
    public bool Chance(int permille) => Below(1000) < permille;

    public bool Coin() => (Next() & 1) == 0;

    public T Any<T>(IReadOnlyList<T> items) => items[Below(items.Count)];

    /// <summary>Small numbers are as likely as large ones: each power of two has the same share.</summary>
    public long Spread(long low, long high)
    {
        long width = high - low;
        int bits = Below(65 - System.Numerics.BitOperations.LeadingZeroCount((ulong)width));
        return low + Math.Min(width, (long)(Next() & ((1UL << bits) - 1)));
    }

    /// <summary>Another stream of its own, so that one more number here changes nothing there.</summary>
    public SimRandom Fork() => new(Next());
}
