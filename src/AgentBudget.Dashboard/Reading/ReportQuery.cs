using System.Globalization;
using AgentBudget.Dashboard.Text;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Dashboard.Reading;

/// <summary>A report as its address says it: which period, by what, of what.</summary>
public sealed record ReportQuery
{
    /// <summary>What a report may be grouped by, without tags.</summary>
    internal static readonly IReadOnlyList<(string Key, string Text)> Groupings =
    [
        ("business_unit", "unit"), ("use_case", "use case"), ("agent", "agent"), ("model", "model"), ("tool", "tool"),
        ("sku", "SKU"), ("user", "user"), ("session", "session"), ("day", "day"), ("month", "month"), ("hour", "hour"),
    ];

    /// <summary>What its period may be.</summary>
    internal static readonly IReadOnlyList<(string Key, string Text)> Periods =
        [("today", "24 h"), ("week", "7 days"), ("month", "30 days"), ("quarter", "90 days"), ("all", "all")];

    /// <summary>The periods of reports that look for what stands out.</summary>
    internal static readonly IReadOnlyList<(string Key, string Text)> LongPeriods =
        [("month", "30 days"), ("quarter", "90 days"), ("year", "a year")];

    // What a row leads to: what it is of, looked at one level further down.
    private static readonly string[] Ladder = ["business_unit", "use_case", "agent", "model", "session"];

    private const string TagPrefix = "tag:";
    private const int GroupsMax = 4;

    internal string Period { get; init; } = "month";

    internal IReadOnlyList<string> By { get; init; } = ["business_unit"];

    /// <summary>What is looked at alone, by grouping.</summary>
    internal IReadOnlyDictionary<string, string> Of { get; init; } = new Dictionary<string, string>();

    /// <summary>Reads the query of an address; what it does not know is left out.</summary>
    internal static ReportQuery Read(string? period, string? by, string? of)
    {
        string[] groups =
        [
            .. (by ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                .Where(IsGrouping).Distinct().Take(GroupsMax),
        ];
        Dictionary<string, string> only = [];
        foreach (string part in (of ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] pair = part.Split('=', 2);
            if (pair.Length == 2 && IsFilter(pair[0])) only[pair[0]] = pair[1];
        }

        return new ReportQuery
        {
            Period = Periods.Any(one => one.Key == period) ? period! : "month",
            By = groups.Length > 0 ? groups : ["business_unit"],
            Of = only,
        };
    }

    /// <summary>The query of its own address.</summary>
    internal string ToAddress()
    {
        string of = string.Join('\n', Of.Select(pair => $"{pair.Key}={pair.Value}"));
        string only = of.Length > 0 ? "&of=" + Names.Escaped(of) : "";
        return $"period={Period}&by={Names.Escaped(string.Join(',', By))}{only}";
    }

    /// <summary>The same of one row alone, by what is next below it; null where nothing is.</summary>
    internal ReportQuery? Below(ChargebackRow row)
    {
        Dictionary<string, string> only = new(Of);
        foreach (string key in By.Where(IsFilter))
            if (row.Keys.TryGetValue(key, out string? value) && value.Length > 0) only[key] = value;
        if (only.Count == Of.Count) return null;
        string? next = Ladder.FirstOrDefault(key => !only.ContainsKey(key));
        return next is null ? null : this with { By = [next], Of = only };
    }

    internal GetChargebackRequest ToRequest(DateTimeOffset now)
    {
        GetChargebackRequest request = new() { Filter = ToFilter(), Period = ToPeriod(now) };
        request.GroupBy.Add(By);
        return request;
    }

    internal ReportPeriod ToPeriod(DateTimeOffset now) => PeriodOf(Period, now);

    /// <summary>The time up to now that a period's key names.</summary>
    internal static ReportPeriod PeriodOf(string key, DateTimeOffset now)
    {
        TimeSpan? span = key switch
        {
            "today" => TimeSpan.FromDays(1),
            "week" => TimeSpan.FromDays(7),
            "month" => TimeSpan.FromDays(30),
            "quarter" => TimeSpan.FromDays(90),
            "year" => TimeSpan.FromDays(365),
            _ => null,
        };
        return span is { } back ? new ReportPeriod { StartTime = Timestamp.FromDateTimeOffset(now - back) } : new();
    }

    internal ReportFilter ToFilter() => new()
    {
        BusinessUnit = Of.GetValueOrDefault("business_unit", ""),
        UseCase = Of.GetValueOrDefault("use_case", ""),
        Agent = Of.GetValueOrDefault("agent", ""),
        Session = Of.GetValueOrDefault("session", ""),
        Model = Of.GetValueOrDefault("model", ""),
        Tool = Of.GetValueOrDefault("tool", ""),
        Sku = Of.GetValueOrDefault("sku", ""),
    };

    /// <summary>A grouping in words.</summary>
    internal static string TextOf(string key) =>
        Groupings.FirstOrDefault(one => one.Key == key).Text
        ?? (key.StartsWith(TagPrefix, StringComparison.Ordinal) ? key[TagPrefix.Length..] : key);

    /// <summary>What stands for a key that a row does not have.</summary>
    internal static string NoneOf(string key) => key switch
    {
        "user" => "nobody",
        "tool" => "no tool",
        "sku" => "tokens",
        _ => "none",
    };

    private static bool IsGrouping(string key) => Groupings.Any(one => one.Key == key)
        || (key.StartsWith(TagPrefix, StringComparison.Ordinal) && key.Length > TagPrefix.Length);

    private static bool IsFilter(string key) =>
        key is "business_unit" or "use_case" or "agent" or "session" or "model" or "tool" or "sku";

    /// <summary>Amounts of a report are whole: finance adds them up.</summary>
    internal static string Whole(Money? money) => money is null ? "0.00" : Amounts.Whole(Amounts.Of(money));

    internal static string Count(long count) => count.ToString(CultureInfo.InvariantCulture);
}
