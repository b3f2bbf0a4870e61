using System.Globalization;
using AgentBudget.Storage.Journal;

namespace AgentBudget.Storage.Azure.Segments;

/// <summary>
/// The name of a segment: its tenant, and where it begins. It follows from the end of the segment before it, so whoever
/// reads a sealed segment knows the next; and names sort as the journal goes.
/// </summary>
internal static class SegmentName
{
    private const int DigitsOfNumber = 19; // Those of the largest long.

    /// <summary>What all segments of a tenant begin with.</summary>
    public static string PrefixOf(string key) => $"journal/{key}/";

    /// <summary>The segment that goes on behind a place of the journal.</summary>
    public static string After(string key, JournalHead head) => string.Create(
        CultureInfo.InvariantCulture, $"{PrefixOf(key)}{head.Sequence + 1:D19}-{head.LastEvent + 1:D19}");

    /// <summary>The first event of a segment; 0 for a name that is none of a segment's.</summary>
    public static long FirstEventOf(string name) =>
        name.Length > DigitsOfNumber
            && long.TryParse(name.AsSpan()[^DigitsOfNumber..], NumberStyles.None, CultureInfo.InvariantCulture,
                out long first)
            ? first
            : 0;
}
