using System.Runtime.CompilerServices;

namespace AgentBudget.Reporting;

/// <summary>What spend is summed by: a quarter of an hour and everything a report can group by.</summary>
internal readonly record struct SpendKey(
    long Quarter,
    string BusinessUnit,
    string UseCase,
    string Agent,
    string Session,
    string Run,
    string User,
    string Tags,
    SpendItem Item)
{
    /// <summary>
    /// Seconds of one bucket. A quarter of an hour, because every time zone's offset is a multiple of it: local days
    /// and months are exact everywhere, and so is a report from one local midnight to another.
    /// </summary>
    public const int QuarterSeconds = 900;

    /// <summary>Compares by all fields; items by identity, of which <see cref="SpendItems"/> has one each.</summary>
    public static IEqualityComparer<SpendKey> Comparer { get; } = new KeyComparer();

    private sealed class KeyComparer : IEqualityComparer<SpendKey>
    {
        public bool Equals(SpendKey x, SpendKey y) =>
            ReferenceEquals(x.Item, y.Item) && x.Quarter == y.Quarter && x.Session == y.Session && x.Tags == y.Tags
            && x.Agent == y.Agent && x.UseCase == y.UseCase && x.BusinessUnit == y.BusinessUnit && x.Run == y.Run
            && x.User == y.User;

        // A session has one agent, use case and business unit nearly always, so hashing these adds cost and no spread.
        public int GetHashCode(SpendKey key) => HashCode.Combine(
            key.Quarter,
            string.GetHashCode(key.Session, StringComparison.Ordinal),
            RuntimeHelpers.GetHashCode(key.Item));
    }
}
