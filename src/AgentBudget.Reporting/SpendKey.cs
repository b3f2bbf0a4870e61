namespace AgentBudget.Reporting;

/// <summary>What spend is summed by: a quarter of an hour and everything a report can group by.</summary>
internal readonly record struct SpendKey(
    long Quarter,
    string BusinessUnit,
    string UseCase,
    string Agent,
    string Session,
    string Model,
    string Tool,
    string Sku,
    string User = "",
    string Tags = "")
{
    /// <summary>
    /// Seconds of one bucket. A quarter of an hour, because every time zone's offset is a multiple of it: local days
    /// and months are exact everywhere, and so is a report from one local midnight to another.
    /// </summary>
    public const int QuarterSeconds = 900;

    /// <summary>Compares by all fields.</summary>
    public static IEqualityComparer<SpendKey> Comparer { get; } = new KeyComparer();

    private sealed class KeyComparer : IEqualityComparer<SpendKey>
    {
        public bool Equals(SpendKey x, SpendKey y) => x.Equals(y);

        // A session has one agent, use case and business unit nearly always, so hashing these adds cost and no spread.
        public int GetHashCode(SpendKey key) => HashCode.Combine(
            key.Quarter,
            string.GetHashCode(key.Session, StringComparison.Ordinal),
            string.GetHashCode(key.Model, StringComparison.Ordinal),
            string.GetHashCode(key.Sku, StringComparison.Ordinal));
    }
}
