using System.Globalization;
using System.Numerics;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Reporting.Tests;

/// <summary>The report, the slow and obvious way: every event looked at, sums without bounds, keys as text.</summary>
internal static class NaiveChargeback
{
    private sealed record Part(
        string Model,
        string Tool,
        string Sku,
        long Cost = 0,
        long Overrun = 0,
        int Calls = 0,
        int Refused = 0,
        long Quantity = 0,
        TokenUsage? Usage = null,
        string Bucket = "",
        string Tier = "",
        string Region = "",
        long Adjusted = 0,
        long Late = 0,
        long OfBucket = 0);

    private sealed class Group
    {
        public readonly BigInteger[] Numbers = new BigInteger[20];
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
            foreach (var part in PartsOf(ledgerEvent).Where(part => Counts(ledgerEvent, request, part)))
            {
                string keys = string.Join(
                    ';', request.GroupBy.Order().Select(name => $"{name}={Key(ledgerEvent, part, name, zone)}"));
                if (!groups.TryGetValue(keys, out var group)) groups.Add(keys, group = new Group());
                Add(group, ledgerEvent, part);
                Add(total, ledgerEvent, part);
            }
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

    // What one event is about: one part for its model, and one for each counted item of it.
    private static IEnumerable<Part> PartsOf(LedgerEvent ledgerEvent)
    {
        if (ledgerEvent.ReservationHeld is { } held) yield return new Part(held.Model, held.Tool, "", Calls: 1);
        if (ledgerEvent.ReservationRefused is { } refused)
            yield return new Part(refused.Model, refused.Tool, refused.Sku, Refused: 1);
        if (ledgerEvent.CostRecorded is { } cost)
        {
            string tool = cost.ToolCalls > 0 ? cost.Sku : "";
            yield return new Part("", tool, cost.Sku, cost.CostNanos, 0, Calls: 1, Quantity: cost.QuantityMillionths);
        }

        foreach (AdjustmentLine line in ledgerEvent.SpendAdjusted?.Lines ?? Enumerable.Empty<AdjustmentLine>())
            yield return new Part(line.Model, "", "", line.Nanos, Adjusted: line.Nanos);
        if (ledgerEvent.ReservationSettled is not { } settled) yield break;
        foreach (Part part in PartsOf(settled)) yield return settled.Late ? part with { Late = part.Cost } : part;
    }

    private static IEnumerable<Part> PartsOf(ReservationSettled settled)
    {
        string tier = settled.PricedTier == ServiceTier.Batch ? "batch" : "standard";
        long rest = settled.CostNanos;
        foreach (var item in settled.ItemCosts?.Items ?? [])
        {
            rest -= item.CostNanos;
            string tool = item.Tool ? item.Sku : settled.Tool;
            yield return new Part(
                settled.Model, tool, item.Sku, item.CostNanos, Quantity: item.Count * 1_000_000, Tier: tier,
                Region: settled.PricedRegion);
        }

        foreach (TokenBucket bucket in TokenBuckets.All)
        {
            long tokens = TokenBuckets.CountOf(settled.Usage, bucket);
            if (tokens == 0) continue;
            long cost = settled.Lines.Where(line => line.Bucket == bucket).Sum(line => line.CostNanos);
            rest -= cost;
            var usage = new TokenUsage();
            TokenBuckets.Set(usage, bucket, tokens);
            yield return new Part(
                settled.Model, settled.Tool, "", cost, Usage: usage, Bucket: TokenBuckets.NameOf(bucket), Tier: tier,
                Region: settled.PricedRegion, OfBucket: cost);
        }

        yield return new Part(settled.Model, settled.Tool, "", Overrun: settled.OverrunNanos);
        if (rest == 0) yield break;
        yield return new Part(
            settled.Model, settled.Tool, "", rest, Tier: tier, Region: settled.PricedRegion);
    }

    /// <summary>The quarter of an hour that a time is in.</summary>
    public static DateTimeOffset QuarterOf(DateTimeOffset time) =>
        new(time.Year, time.Month, time.Day, time.Hour, time.Minute / 15 * 15, 0, TimeSpan.Zero);

    private static bool Counts(LedgerEvent ledgerEvent, GetChargebackRequest request, Part part)
    {
        if (request.Period?.StartTime is { } start)
        {
            var first = start.ToDateTimeOffset();
            first = QuarterOf(first);
            if (ledgerEvent.Time.ToDateTimeOffset() < first) return false;
        }
        if (request.Period?.EndTime is { } end)
        {
            var last = end.ToDateTimeOffset();
            var whole = QuarterOf(last);
            if (whole < last) whole = whole.AddMinutes(15);
            if (ledgerEvent.Time.ToDateTimeOffset() >= whole) return false;
        }
        var spender = ledgerEvent.Spender;
        var filter = request.Filter ?? new ReportFilter();
        return (filter.BusinessUnit.Length == 0 || filter.BusinessUnit == spender.BusinessUnit)
            && (filter.UseCase.Length == 0 || filter.UseCase == spender.UseCase)
            && (filter.Agent.Length == 0 || filter.Agent == spender.Agent)
            && (filter.Session.Length == 0 || filter.Session == spender.Session)
            && (filter.Model.Length == 0 || filter.Model == part.Model)
            && (filter.Tool.Length == 0 || filter.Tool == part.Tool)
            && (filter.Run.Length == 0 || filter.Run == RunOf(spender))
            && (filter.Bucket == TokenBucket.Unspecified || TokenBuckets.NameOf(filter.Bucket) == part.Bucket)
            && (filter.Sku.Length == 0 || filter.Sku == part.Sku);
    }

    private static string RunOf(Spender spender) => spender.Run.Length > 0 ? spender.Run : spender.Session;

    private static string Key(LedgerEvent ledgerEvent, Part part, string grouping, TimeZoneInfo zone)
    {
        var time = ledgerEvent.Time.ToDateTimeOffset();
        var local = TimeZoneInfo.ConvertTime(time, zone);
        return grouping switch
        {
            "business_unit" => ledgerEvent.Spender.BusinessUnit,
            "use_case" => ledgerEvent.Spender.UseCase,
            "agent" => ledgerEvent.Spender.Agent,
            "session" => ledgerEvent.Spender.Session,
            "run" => RunOf(ledgerEvent.Spender),
            "user" => ledgerEvent.Spender.OnBehalfOf,
            "bucket" => part.Bucket,
            "service_tier" => part.Tier,
            "region" => part.Region,
            "model" => part.Model,
            "tool" => part.Tool,
            "sku" => part.Sku,
            "hour" => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH", CultureInfo.InvariantCulture) + ":00:00Z",
            "day" => local.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            "month" => local.ToString("yyyy-MM", CultureInfo.InvariantCulture),
            _ => throw new ArgumentOutOfRangeException(nameof(grouping)),
        };
    }

    private static void Add(Group group, LedgerEvent ledgerEvent, Part part)
    {
        group.Sessions.Add(ledgerEvent.Spender.Session);
        var numbers = group.Numbers;
        numbers[0] += part.Cost;
        numbers[1] += part.Overrun;
        numbers[2] += part.Calls;
        numbers[3] += part.Refused;
        long[] tokens = part.Usage is null ? [] : Tokens(part.Usage);
        for (int i = 0; i < tokens.Length; i++) numbers[4 + i] += tokens[i];
        numbers[16] += part.Quantity;
        numbers[17] += part.Adjusted;
        numbers[18] += part.Late;
        numbers[19] += part.OfBucket;
    }

    private static long[] Tokens(TokenUsage usage) =>
    [
        usage.InputTokens, usage.OutputTokens, usage.CacheReadTokens, usage.CacheWrite5MTokens,
        usage.CacheWrite1HTokens,
        usage.ReasoningTokens, usage.InputAudioTokens, usage.OutputAudioTokens, usage.InputImageTokens,
        usage.CacheReadAudioTokens, usage.CacheWriteAudioTokens, usage.OutputImageTokens,
    ];

    private static string Line(string keys, Group group) =>
        $"{keys}: {string.Join(',', group.Numbers)} in {group.Sessions.Count}";

    private static string Line(string keys, ChargebackRow row)
    {
        BigInteger[] numbers =
        [
            Nanos(row.Cost), Nanos(row.Overrun), row.Calls, row.Refused,
            .. Tokens(row.Tokens).Select(count => (BigInteger)count), (BigInteger)Math.Round(row.Quantity * 1_000_000),
            Nanos(row.Adjustments), Nanos(row.Late),
            row.Buckets.Aggregate(BigInteger.Zero, (sum, bucket) => sum + Nanos(bucket.Cost)),
        ];
        Assert.All(row.Buckets, bucket => Assert.Equal(bucket.Tokens, TokenBuckets.CountOf(row.Tokens, bucket.Bucket)));
        Assert.All([row.Cost, row.Overrun], money => Assert.Equal("USD", money.CurrencyCode));
        return $"{keys}: {string.Join(',', numbers)} in {row.Sessions}";
    }

    private static BigInteger Nanos(Money money) => ((BigInteger)money.Units * 1_000_000_000) + money.Nanos;
}
