using AgentBudget.Identity;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Api.Sessions;

/// <summary>Checks that several methods of the service share.</summary>
internal static class SessionChecks
{
    /// <summary>
    /// A session's life is narrowed to the agent's anyway; a longer wish than a year is a slip of the pen.
    /// </summary>
    private const long TtlSecondsMax = 365L * 24 * 3600;

    internal static void Ttl(ref FieldFaults faults, Duration? ttl) =>
        FieldChecks.Ttl(ref faults, ttl, TtlSecondsMax, "must be 1 s to 365 days");

    /// <summary>The name of a user in its one spelling; empty for none.</summary>
    internal static string User(ref FieldFaults faults, string user)
    {
        if (user.Length == 0)
            return user;
        if (UserNames.TryNormalize(user, out string normalized))
            return normalized;
        faults.Add(
            "on_behalf_of",
            "must be at most 256 visible characters: no control, format or filling ones, no space around it");
        return user;
    }

    internal static void Outcome(ref FieldFaults faults, Outcome? outcome)
    {
        if (outcome is null)
            return;
        FieldChecks.Defined(ref faults, "outcome.status", outcome.Status);
        if (outcome.Metrics.Count > FieldRules.MapEntriesMax)
            faults.Add("outcome.metrics", "must be at most 32");
        foreach (KeyValuePair<string, double> metric in outcome.Metrics)
        {
            if (metric.Key.Length > FieldRules.IdCharsMax || !FieldRules.IsWord(metric.Key))
                faults.Add("outcome.metrics", "must have names of 1 to 64 printable ASCII characters without spaces");
            else if (!FieldRules.IsStatistic(metric.Value))
                faults.Add($"outcome.metrics[{metric.Key}]", FieldRules.StatisticDescription);
        }
    }
}
