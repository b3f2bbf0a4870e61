using AgentBudget.Protocol.V1;

namespace AgentBudget.Reporting.Focus;

/// <summary>Versions of the FinOps Open Cost and Usage Specification that are written.</summary>
public enum FocusVersion
{
    /// <summary>1.2.</summary>
    V12,

    /// <summary>1.3.</summary>
    V13,
}

/// <summary>What to export.</summary>
/// <param name="Period">When; widened to whole hours or days of UTC, as charge periods are.</param>
/// <param name="Version">Which columns and rules.</param>
/// <param name="IsHourly">A charge period is an hour, and a day otherwise.</param>
/// <param name="HasSessions">A row for each session, run and user of their own.</param>
/// <param name="IsExact">
/// List and contracted costs are the exact decimal, and not the product as 64-bit floating point has it, which is what
/// the official validator compares them with.
/// </param>
public sealed record FocusRequest(
    ReportPeriod? Period,
    FocusVersion Version = FocusVersion.V12,
    bool IsHourly = false,
    bool HasSessions = false,
    bool IsExact = false)
{
    internal const long QuartersPerHour = 4;
    internal const long QuartersPerDay = 96;

    internal long QuartersPerPeriod => IsHourly ? QuartersPerHour : QuartersPerDay;
}
