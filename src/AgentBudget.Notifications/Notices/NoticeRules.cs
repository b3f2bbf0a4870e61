using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Notifications.Notices;

/// <summary>Which notices an endpoint gets.</summary>
internal static class NoticeRules
{
    /// <summary>Whether a filter lets a notice pass; one that is absent lets all pass.</summary>
    public static bool Lets(NoticeFilter? filter, Notice notice)
    {
        if (filter is null) return true;
        if (filter.Kinds.Count > 0 && !filter.Kinds.Contains(notice.Kind)) return false;
        return filter.Grains.Count == 0 || filter.Grains.Any(grain => Concerns(notice, grain));
    }

    /// <summary>Whether a filter asks for business units or use cases, which a notice may not name by itself.</summary>
    public static bool AsksForUnits(NoticeFilter? filter) => filter?.Grains.Any(
        grain => grain.StartsWith(Names.BusinessUnitPrefix, StringComparison.Ordinal)) ?? false;

    private static bool Concerns(Notice notice, string grain)
    {
        if (grain == notice.BusinessUnit || grain == notice.UseCase || grain == notice.Agent) return true;
        string about = Names.TryParsePart(notice.Grain, out string account, out _, out _) ? account : notice.Grain;
        return about == grain || notice.Session == grain;
    }
}
