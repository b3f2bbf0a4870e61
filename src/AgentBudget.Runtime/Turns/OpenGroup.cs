using AgentBudget.Protocol.V1;
using AgentBudget.Storage.Journal;
using Google.Protobuf;

namespace AgentBudget.Runtime.Turns;

/// <summary>A group that turns are added to: its bytes, its events, and who waits for it.</summary>
internal sealed class OpenGroup(string tenant) : IDisposable
{
    /// <summary>A group that has as many takes no further turn: one group fits one row of the smallest store.</summary>
    public const int EventsPerGroupMax = 4096;

    /// <summary>A group that has as many takes no further turn: a row is written within milliseconds.</summary>
    public const int BytesPerGroupMax = 1024 * 1024;

    public JournalGroup Group { get; } = new(tenant);

    public List<LedgerEvent> Events { get; } = [];

    /// <summary>Turns whose answers rest on this group.</summary>
    public List<WaitingTurn> Waiting { get; } = [];

    /// <summary>The state as it is after this group, if it is to be kept.</summary>
    public CapturedState? Captured { get; set; }

    public bool HasRoom => Events.Count < EventsPerGroupMax && Group.Body.Length < BytesPerGroupMax;

    /// <summary>Adds a turn's events, all or none: an exception leaves the group as it was.</summary>
    public void Add(List<LedgerEvent> events)
    {
        GroupMark mark = Group.Mark();
        int count = Events.Count;
        try
        {
            foreach (LedgerEvent added in events)
            {
                added.WriteTo(Group.AddEvent(added.CalculateSize()));
                Events.Add(added);
            }
        }
        catch
        {
            Group.Rewind(mark);
            Events.RemoveRange(count, Events.Count - count);
            throw;
        }
    }

    public void Reset()
    {
        Group.Reset();
        Events.Clear();
        Captured = null;
    }

    public void Dispose() => Group.Dispose();
}
