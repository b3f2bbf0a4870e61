using AgentBudget.Dashboard.SigningIn;

namespace AgentBudget.Dashboard.Reading;

/// <summary>The reports, and who is offered which: as the API's policy has it.</summary>
internal static class ReportViews
{
    internal const string Chargeback = "chargeback";
    internal const string UnitCosts = "units";
    internal const string Forecast = "forecast";
    internal const string Anomalies = "anomalies";
    internal const string Savings = "savings";
    internal const string Adjacency = "adjacency";
    internal const string Runs = "runs";
    internal const string Initiatives = "initiatives";
    internal const string Focus = "focus";

    /// <summary>The reports of a role, with what each is called.</summary>
    internal static IEnumerable<(string View, string Text)> Of(ViewerRole role)
    {
        if (!role.ReadsSpend()) yield break;
        yield return (Chargeback, "Chargeback");
        yield return (UnitCosts, "Unit costs");
        yield return (Forecast, "Forecast");
        yield return (Initiatives, "Initiatives");
        if (!role.ReadsFindings()) yield break;
        yield return (Anomalies, "Anomalies");
        yield return (Savings, "Savings");
        yield return (Adjacency, "Adjacency");
        yield return (Runs, "Run costs");
        yield return (Focus, "FOCUS");
    }

    /// <summary>Where a report is, of the same period where it has one.</summary>
    internal static string AddressOf(string view, ReportQuery query) => view switch
    {
        Chargeback => $"reports?{query.ToAddress()}",
        UnitCosts => $"reports?{query.ToAddress()}&view=units",
        Forecast or Initiatives or Focus => $"reports/{view}",
        _ => $"reports/{view}?period={LongPeriodOf(query.Period)}",
    };

    /// <summary>A period of those that look for what stands out: a month or more.</summary>
    internal static string LongPeriodOf(string? period) =>
        ReportQuery.LongPeriods.Any(one => one.Key == period) ? period! : "month";
}
