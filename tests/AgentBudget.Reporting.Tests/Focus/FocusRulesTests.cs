using System.Numerics;
using AgentBudget.Reporting.Focus;

namespace AgentBudget.Reporting.Tests.Focus;

/// <summary>Every rule of the validator is broken once, to see that it is found.</summary>
public sealed class FocusRulesTests
{
    private static readonly Lazy<(FocusFile File, BigInteger Nanos)> Sound = new(MakeSound);

    // By rule, what is done to a sound file.
    private static readonly Dictionary<int, Action<FocusFile>> Breaks = new()
    {
        [1] = file => file.Remove("ServiceName"),
        [2] = file => file.Remove("Tags"),
        [3] = file => file.Add("Tags", "", place: 3),
        [4] = file => file.Add("Late", "", file.Header.Count),
        [5] = file => file.Add("x_lower", "", file.Header.Count),
        [6] = file => file.Rows[0].RemoveAt(0),
        [8] = file => file.Set(0, "BilledCost", "1"),
        [9] = file => file.Set(0, "ChargePeriodStart", "2026-11-31T00:00:00Z"),
        [10] = file => file.Set(0, "Tags", "{\"a\":{\"b\":1}}"),
        [11] = file => file.Set(0, "x_UseCaseId", " "),
        [12] = file => file.Set(0, "x_UseCaseId", "N/A"),
        [13] = file => file.Set(0, "ProviderName", ""),
        [14] = file => file.Set(0, "ChargePeriodEnd", file[file.Rows[0], "ChargePeriodStart"]),
        [15] = file => file.Set(0, "BillingPeriodEnd", file[file.Rows[0], "BillingPeriodStart"]),
        [16] = file => file.Set(0, "BillingPeriodEnd", "2026-11-02T00:00:00Z"),
        [17] = file => file.Set(0, "ChargePeriodEnd", "2026-11-21T13:00:00Z"),
        [18] = file => file.Set(0, "ChargeCategory", "Spend"),
        [19] = file => file.Set(0, "ChargeClass", "Regular"),
        [20] = file => file.Set(0, "ChargeFrequency", "Daily"),
        [21] = file => file.Set(0, "PricingCategory", "List"),
        [22] = file => file.Set(0, "ServiceCategory", "Robots"),
        [23] = file => file.Set(0, "ServiceCategory", "Other"),
        [24] = file => file.Set(0, "ServiceCategory", "Other"),
        [25] = file => file.Set(0, "BillingCurrency", "EUR"),
        [26] = file => file.Set(0, "PricingUnit", ""),
        [27] = file => file.Set(0, "SkuId", ""),
        [28] = file => file.Set(0, "ListUnitPrice", "-3.0"),
        [29] = file => file.Set(0, "ListCost", "1.4999"),
        [30] = file => file.Set(0, "ContractedCost", "1.4999"),
        [31] = file => file.Set(0, "BilledCost", "1.000000001"),
        [32] = file => file.Set(0, "ConsumedQuantity", "1.0"),
        [33] = file => file.Set(0, "PricingUnit", "per 1000000 tokens"),
        [34] = file => file.Set(0, "SkuId", ""),
        [35] = file => file.Set(0, "SkuPriceId", file[file.Rows[1], "SkuPriceId"]),
        [36] = file => file.Set(0, "SkuPriceId", file[file.Rows[1], "SkuPriceId"]),
        [37] = file => file.Set(0, "SubAccountName", ""),
        [38] = file => file.Set(0, "ResourceType", ""),
        [39] = file => file.Set(0, "SkuPriceId", ""),
        [40] = file => file.Rows.RemoveAt(0),
        [41] = file => file.Rows.Add(file.Rows[0]),
        [42] = file => file.Set(0, "ChargeClass", "Correction"),
    };

    public static TheoryData<int> Rules => [.. Breaks.Keys];

    [Theory]
    [MemberData(nameof(Rules))]
    public void A_file_that_breaks_it_is_found(int rule)
    {
        FocusFile file = Sound.Value.File.Copy();

        Breaks[rule](file);

        Assert.Contains(rule, FocusRules.Check(file, is13: true, Sound.Value.Nanos, []).Keys);
    }

    [Fact]
    public void Bytes_that_are_no_text_are_found()
    {
        var found = FocusRules.Check(Sound.Value.File, is13: true, Sound.Value.Nanos, [0xC3, 0x28]);
        Assert.Equal([7], found.Keys);
    }

    [Fact]
    public void Every_rule_is_broken_once()
    {
        Assert.Equal(Enumerable.Range(1, 42).Except([7]), Breaks.Keys.Order());
        Assert.Empty(FocusRules.Check(Sound.Value.File, is13: true, Sound.Value.Nanos, "a"u8.ToArray()));
    }

    private static (FocusFile File, BigInteger Nanos) MakeSound()
    {
        using var report = new ReportFile();
        using var aggregator = Aggregator.Open(report.Path);
        var events = FocusLedger.Golden();
        aggregator.Fold(Ledgers.Tenant, events);
        string text = FocusTests.Text(aggregator, new FocusRequest(null, FocusVersion.V13));
        var file = FocusFile.Read(text);
        IList<FocusFile.Cell> first = file.Rows.Single(
            row => file[row, "SkuPriceId"].EndsWith("/input/standard/ordinary/any-region", StringComparison.Ordinal)
                && file[row, "ProviderName"] == "anthropic");
        file.Rows.Remove(first);
        file.Rows.Insert(0, first);
        return (file, FocusLedger.SettledNanos(events));
    }
}
