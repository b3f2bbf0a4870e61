using AgentBudget.Protocol.Notifier.V1;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Notifications.Notices;

/// <summary>
/// Of a budget that refuses again and again the first refusal is told at once, and what follows within 15 minutes
/// together, under the id of the last one that was counted. Goes by log time, so that the same events make the same
/// notices.
/// </summary>
internal static class RefusalWindows
{
    /// <summary>Long enough for a person to act, short enough to see that it goes on.</summary>
    internal static readonly TimeSpan Length = TimeSpan.FromMinutes(15);

    /// <summary>Budgets that refuse at once; the one that began first is told when there are more.</summary>
    internal const int WindowsMax = 32;

    /// <summary>Takes a refusal; answers what is to be told now.</summary>
    public static IEnumerable<Notice> Take(EndpointBook book, Notice refusal)
    {
        RefusalWindow? window = book.Refusals.FirstOrDefault(known => IsOf(known.Last, refusal));
        if (window is not null)
        {
            window.Count += refusal.Count;
            if (refusal.Grain.Length > 0) window.Last = refusal;
            else MoveTo(window.Last, refusal);
            return [];
        }

        // Refusals that were counted together name no grain, and follow one that does.
        if (refusal.Grain.Length == 0) return [];
        List<Notice> told = [];
        if (book.Refusals.Count == WindowsMax)
        {
            told.AddRange(Rest(book.Refusals[0]));
            book.Refusals.RemoveAt(0);
        }

        book.Refusals.Add(new RefusalWindow { Last = refusal, EndMs = EndOf(refusal.Time.ToDateTimeOffset()) });
        told.Add(refusal);
        return told;
    }

    /// <summary>Ends the windows whose time is over; answers what is to be told of them.</summary>
    public static IEnumerable<Notice> End(EndpointBook book, DateTimeOffset now)
    {
        List<Notice> told = [];
        for (int index = book.Refusals.Count - 1; index >= 0; index--)
        {
            RefusalWindow window = book.Refusals[index];
            if (window.EndMs > now.ToUnixTimeMilliseconds()) continue;
            told.AddRange(Rest(window));
            if (window.Count == 0)
            {
                book.Refusals.RemoveAt(index);
                continue;
            }

            window.Count = 0;
            window.EndMs = EndOf(now);
        }

        return told;
    }

    /// <summary>When the first of the windows ends; null for none.</summary>
    public static DateTimeOffset? NextEnd(EndpointBook book) => book.Refusals.Count == 0
        ? null
        : DateTimeOffset.FromUnixTimeMilliseconds(book.Refusals.Min(window => window.EndMs));

    private static Notice[] Rest(RefusalWindow window) =>
        window.Count == 0 ? [] : [NoticeMaker.Counted(window.Last, window.Count)];

    private static long EndOf(DateTimeOffset begin) => (begin + Length).ToUnixTimeMilliseconds();

    private static bool IsOf(Notice known, Notice refusal)
    {
        if (known.Refusal != refusal.Refusal) return false;
        if (refusal.Grain.Length > 0) return known.Grain == refusal.Grain && known.Window == refusal.Window;
        string[] path = [refusal.Agent, refusal.UseCase, refusal.BusinessUnit];
        return refusal.Refusal == Reason.TenantBudget
            || path.Any(name => name.Length > 0
                && (known.Grain == name || known.Grain.StartsWith(name + "/", StringComparison.Ordinal)));
    }

    private static void MoveTo(Notice last, Notice refusal)
    {
        last.Id = refusal.Id;
        last.Time = refusal.Time;
        last.Sequence = refusal.Sequence;
    }
}
