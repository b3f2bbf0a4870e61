using System.Globalization;
using System.Numerics;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Reporting.Tests;

/// <summary>The report, the slow and obvious way: every event looked at, sums without bounds, keys as text.</summary>
internal static class NaiveChargeback
{
    private sealed class Group
    {
        public readonly BigInteger[] Numbers = new BigInteger[13];
        public readonly HashSet<string> Sessions = [];
    }

    /// <summary>One line per row, sorted, the total last.</summary>
    public static List<string> Lines(IEnumerable<LedgerEvent> events, GetChargebackRequest request, string timeZone)
    {
        var zone = TimeZoneInfo.FindSystemTimeZoneById(timeZone);
        var groups = new Dictionary<string, Group>();
        var total = new Group();
        foreach (var ledgerEvent in events)
        {
            if (!Counts(ledgerEvent, request, out string model)) continue;
            string keys = string.Join(
                ';', request.GroupBy.Order().Select(name => $"{name}={Key(ledgerEvent, model, name, zone)}"));
            if (!groups.TryGetValue(keys, out var group)) groups.Add(keys, group = new Group());
            Add(group, ledgerEvent);
            Add(total, ledgerEvent);
        }
        return [.. groups.Select(pair => Line(pair.Key, pair.Value)).Order(), Line("total", total)];
    }

    /// <summary>The answer in the same form.</summary>
    public static List<string> Lines(GetChargebackResponse response) =>
    [
        .. response.Rows.Select(row => Line(KeysOf(row), row)).Order(),
        Line("total", response.Total),
    ];

    private static string KeysOf(ChargebackRow row) =>
        string.Join(';', row.Keys.OrderBy(pair => pair.Key).Select(pair => $"{pair.Key}={pair.Value}"));

    private static bool Counts(LedgerEvent ledgerEvent, GetChargebackRequest request, out string model)
    {
        model = ledgerEvent.ReservationHeld?.Model ?? ledgerEvent.ReservationRefused?.Model
            ?? ledgerEvent.ReservationSettled?.Model ?? "";
        if (model.Length == 0) return false;
        if (request.Period?.StartTime is { } start)
        {
            var first = start.ToDateTimeOffset();
            first = new DateTimeOffset(first.Year, first.Month, first.Day, first.Hour, 0, 0, TimeSpan.Zero);
            if (ledgerEvent.Time.ToDateTimeOffset() < first) return false;
        }
        if (request.Period?.EndTime is { } end)
        {
            var last = end.ToDateTimeOffset();
            var whole = new DateTimeOffset(last.Year, last.Month, last.Day, last.Hour, 0, 0, TimeSpan.Zero);
            if (whole < last) whole = whole.AddHours(1);
            if (ledgerEvent.Time.ToDateTimeOffset() >= whole) return false;
        }
        var spender = ledgerEvent.Spender;
        var filter = request.Filter ?? new ReportFilter();
        return (filter.BusinessUnit.Length == 0 || filter.BusinessUnit == spender.BusinessUnit)
            && (filter.UseCase.Length == 0 || filter.UseCase == spender.UseCase)
            && (filter.Agent.Length == 0 || filter.Agent == spender.Agent)
            && (filter.Session.Length == 0 || filter.Session == spender.Session)
            && (filter.Model.Length == 0 || filter.Model == model);
    }

    private static string Key(LedgerEvent ledgerEvent, string model, string grouping, TimeZoneInfo zone)
    {
        var time = ledgerEvent.Time.ToDateTimeOffset();
        var local = TimeZoneInfo.ConvertTime(time, zone);
        return grouping switch
        {
            "business_unit" => ledgerEvent.Spender.BusinessUnit,
            "use_case" => ledgerEvent.Spender.UseCase,
            "agent" => ledgerEvent.Spender.Agent,
            "session" => ledgerEvent.Spender.Session,
            "model" => model,
            "hour" => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH", CultureInfo.InvariantCulture) + ":00:00Z",
            "day" => local.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            "month" => local.ToString("yyyy-MM", CultureInfo.InvariantCulture),
            _ => throw new ArgumentOutOfRangeException(nameof(grouping)),
        };
    }

    private static void Add(Group group, LedgerEvent ledgerEvent)
    {
        group.Sessions.Add(ledgerEvent.Spender.Session);
        var numbers = group.Numbers;
        if (ledgerEvent.ReservationHeld is not null) numbers[2]++;
        if (ledgerEvent.ReservationRefused is not null) numbers[3]++;
        if (ledgerEvent.ReservationSettled is not { } settled) return;
        numbers[0] += settled.CostNanos;
        numbers[1] += settled.OverrunNanos;
        long[] tokens = Tokens(settled.Usage);
        for (int i = 0; i < tokens.Length; i++) numbers[4 + i] += tokens[i];
    }

    private static long[] Tokens(TokenUsage usage) =>
    [
        usage.InputTokens, usage.OutputTokens, usage.CacheReadTokens, usage.CacheWrite5MTokens,
        usage.CacheWrite1HTokens,
        usage.ReasoningTokens, usage.InputAudioTokens, usage.OutputAudioTokens, usage.InputImageTokens,
    ];

    private static string Line(string keys, Group group) =>
        $"{keys}: {string.Join(',', group.Numbers)} in {group.Sessions.Count}";

    private static string Line(string keys, ChargebackRow row)
    {
        BigInteger[] numbers =
        [
            Nanos(row.Cost), Nanos(row.Overrun), row.Calls, row.Refused,
            .. Tokens(row.Tokens).Select(count => (BigInteger)count),
        ];
        Assert.All([row.Cost, row.Overrun], money => Assert.Equal("USD", money.CurrencyCode));
        return $"{keys}: {string.Join(',', numbers)} in {row.Sessions}";
    }

    private static BigInteger Nanos(Money money) => ((BigInteger)money.Units * 1_000_000_000) + money.Nanos;
}
