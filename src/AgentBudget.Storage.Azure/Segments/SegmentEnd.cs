using AgentBudget.Storage.Journal;

namespace AgentBudget.Storage.Azure.Segments;

/// <summary>Where a segment ends.</summary>
/// <param name="Name">Which.</param>
/// <param name="Length">Its bytes.</param>
/// <param name="Blocks">What was appended to it.</param>
/// <param name="IsSealed">Whether it is full and the journal goes on in the next.</param>
/// <param name="Head">Where the journal ends with it.</param>
internal sealed record SegmentEnd(string Name, long Length, int Blocks, bool IsSealed, JournalHead Head);
