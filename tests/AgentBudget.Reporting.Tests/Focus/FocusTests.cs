using System.Numerics;
using System.Text;
using AgentBudget.Protocol.V1;
using AgentBudget.Reporting.Focus;

namespace AgentBudget.Reporting.Tests.Focus;

public sealed class FocusTests : IDisposable
{
    private readonly ReportFile _file = new();
    private readonly Aggregator _aggregator;

    public FocusTests() => _aggregator = Aggregator.Open(_file.Path);

    public void Dispose()
    {
        _aggregator.Dispose();
        _file.Dispose();
    }

    [Theory]
    [InlineData("anthropic/claude-sonnet-4-5/input", "standard/ordinary", "500000.0", "3.0", "0.5", "1.5", "1.5")]
    [InlineData("anthropic/claude-sonnet-4-5/cache-write", "5m", "2000000.0", "3.75", "2.0", "7.5", "7.5")]
    [InlineData("anthropic/claude-sonnet-4-5/cache-write", "1h", "250000.0", "6.0", "0.25", "1.5", "1.5")]
    [InlineData("anthropic/claude-sonnet-4-5/cache-read", "", "8000000.0", "0.3", "8.0", "2.4", "2.4")]
    [InlineData("anthropic/claude-sonnet-4-5/output", "", "1500000.0", "15.0", "1.5", "22.5", "22.5")]
    [InlineData(
        "anthropic/claude-sonnet-4-5/input", "batch/ordinary", "400000.0", "1.5", "0.4", "0.6000000000000001", "0.6")]
    [InlineData("anthropic/claude-sonnet-4-5/input", "standard/above-200000", "250000.0", "6.0", "0.25", "1.5", "1.5")]
    [InlineData("acme/search.web", "", "37.0", "0.01", "37.0", "0.37", "0.37")]
    [InlineData("acme/sandbox.minute", "", "12.5", "0.004", "12.5", "0.05", "0.05")]
    [InlineData("self/tiny/input", "", "3.0", "0.01875", "0.000003", "0.00000005625", "0.000000057")]
    public void A_golden_row(
        string sku, string priceId, string consumed, string price, string quantity, string list, string billed)
    {
        FocusFile file = Export(FocusLedger.Golden(), new FocusRequest(null));

        IList<FocusFile.Cell> row = Assert.Single(
            file.Rows,
            row => file[row, "SkuId"] == sku && file[row, "SkuPriceId"].Contains(priceId, StringComparison.Ordinal));
        Assert.Equal(
            (consumed, price, price, quantity, list, list, billed, billed),
            (file[row, "ConsumedQuantity"], file[row, "ListUnitPrice"], file[row, "ContractedUnitPrice"],
                file[row, "PricingQuantity"], file[row, "ListCost"], file[row, "ContractedCost"],
                file[row, "BilledCost"], file[row, "EffectiveCost"]));
    }

    [Fact]
    public void Ten_golden_charges_are_ten_rows_and_a_batch_costs_exactly_what_is_asked_for()
    {
        FocusFile file = Export(FocusLedger.Golden(), new FocusRequest(null, IsExact: true));

        Assert.Equal(10, file.Rows.Count);
        Assert.Equal(["0.6"], file.Rows.Where(IsBatch).Select(row => file[row, "ListCost"]));

        bool IsBatch(IList<FocusFile.Cell> row) =>
            file[row, "SkuPriceId"].Contains("/batch/", StringComparison.Ordinal);
    }

    [Fact]
    public void Corrections_of_money_have_no_price_and_one_of_a_month_that_was_over_says_so()
    {
        FocusFile file = Export(FocusLedger.Everything(), new FocusRequest(null));

        IList<FocusFile.Cell> row = Assert.Single(file.Rows, row => file[row, "x_CorrectionOf"] == "r17");
        Assert.Equal(
            ("-0.12", "-0.12", "-0.12", "-0.12"),
            (file[row, "BilledCost"], file[row, "EffectiveCost"], file[row, "ListCost"],
                file[row, "ContractedCost"]));
        Assert.Equal(
            ("Correction", "2026-10-12T00:00:00Z", "2026-11-01T00:00:00Z"),
            (file[row, "ChargeClass"], file[row, "ChargePeriodStart"], file[row, "BillingPeriodStart"]));
        Assert.All(
            ["SkuId", "SkuPriceId", "SkuPriceDetails", "SkuMeter", "ListUnitPrice", "PricingQuantity", "PricingUnit",
                "ConsumedQuantity", "ConsumedUnit", "PricingCategory"],
            column => Assert.Equal("", file[row, column]));
        IList<FocusFile.Cell> negative = Assert.Single(
            file.Rows, row => file[row, "SkuMeter"] == "Audio Input Tokens");
        Assert.Equal(
            ("-20000.0", "-0.02", "-0.1"),
            (file[negative, "ConsumedQuantity"], file[negative, "PricingQuantity"], file[negative, "BilledCost"]));
    }

    [Fact]
    public void Reasoning_without_a_rate_of_its_own_is_output()
    {
        FocusFile file = Export(FocusLedger.Everything(), new FocusRequest(null));

        IList<FocusFile.Cell> row = Assert.Single(
            file.Rows,
            row => file[row, "SkuMeter"] == "Output Tokens" && file[row, "RegionId"].Length == 0
                && file[row, "x_UsageSource"] == "PROVIDER");
        Assert.Equal("1500150.0", file[row, "ConsumedQuantity"]);
    }

    [Fact]
    public void Formulas_quotes_newlines_and_other_letters_are_text()
    {
        FocusFile file = Export(FocusLedger.Everything(), new FocusRequest(null, HasSessions: true));

        IList<FocusFile.Cell> row = Assert.Single(
            file.Rows, row => file[row, "x_OnBehalfOf"].Length > 0);
        Assert.Equal("'+\"kim\",\r\n\\u00c5sa", file[row, "x_OnBehalfOf"]);
        Assert.Equal("'=cmd|' /C calc'!A0", file[row, "x_ToolId"]);
        Assert.Equal("{\"note\":\"=1\\u002B1,\\u0022\\n\\u00E9\"}", file[row, "Tags"]);
        Assert.Equal("sessions/s2", file[row, "x_RunId"]);
    }

    [Theory]
    [InlineData(FocusVersion.V12, false, false)]
    [InlineData(FocusVersion.V12, true, true)]
    [InlineData(FocusVersion.V13, false, true)]
    [InlineData(FocusVersion.V13, true, false)]
    public void No_rule_is_broken(FocusVersion version, bool isHourly, bool hasSessions)
    {
        var request = new FocusRequest(null, version, isHourly, hasSessions);
        foreach (List<LedgerEvent> events in (List<LedgerEvent>[])[FocusLedger.Everything(), Ledgers.Random(5, 2_000)])
        {
            using var file = new ReportFile();
            using var aggregator = Aggregator.Open(file.Path);
            aggregator.Fold(Ledgers.Tenant, events);
            string text = Text(aggregator, request);
            BigInteger settled = FocusLedger.SettledNanos(events);
            SortedDictionary<int, string> broken = FocusRules.Check(
                FocusFile.Read(text), version == FocusVersion.V13, settled, Encoding.UTF8.GetBytes(text));
            Assert.True(broken.Count == 0, string.Join('\n', broken));
        }
    }

    [Theory]
    [InlineData(FocusVersion.V12, 42)]
    [InlineData(FocusVersion.V13, 44)]
    public void A_version_has_its_columns_and_twelve_of_our_own(FocusVersion version, int count)
    {
        FocusFile file = Export(FocusLedger.Golden(), new FocusRequest(null, version));

        Assert.Equal(count, file.Header.Count(name => !name.StartsWith("x_", StringComparison.Ordinal)));
        Assert.Equal(12, file.Header.Count(name => name.StartsWith("x_", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_file_is_of_one_position_whatever_is_folded_while_it_is_read()
    {
        List<LedgerEvent> events = [Ledgers.Catalog(1, FocusLedger.Start, "UTC")];
        for (int i = 2; i < FocusExport.RowsPerPage + 500; i++)
            events.Add(Ledgers.Settled(i, FocusLedger.Start, i, $"sessions/s{i}"));
        _aggregator.Fold(Ledgers.Tenant, events);
        var text = new StringBuilder();
        using FocusExport export = _aggregator.ExportFocus(Ledgers.Tenant, new FocusRequest(null, HasSessions: true));
        int parts = 0;
        while (export.Next() is { } part)
        {
            text.Append(part);
            parts++;
            _aggregator.Fold(Ledgers.Tenant, [Ledgers.Settled(events.Count + parts, FocusLedger.Start, 1_000_000)]);
            _aggregator.GetChargeback(Ledgers.Tenant, new GetChargebackRequest());
        }

        var file = FocusFile.Read(text.ToString());
        Assert.Equal(3, parts);
        Assert.Equal(events.Count, export.Sequence);
        BigInteger billed = 0;
        foreach (IList<FocusFile.Cell> row in file.Rows) billed += FocusRules.Nanos(file[row, "BilledCost"]);
        Assert.Equal(FocusLedger.SettledNanos(events), billed);
    }

    private FocusFile Export(List<LedgerEvent> events, FocusRequest request)
    {
        _aggregator.Fold(Ledgers.Tenant, events);
        return FocusFile.Read(Text(_aggregator, request));
    }

    internal static string Text(Aggregator aggregator, FocusRequest request)
    {
        var text = new StringBuilder();
        using FocusExport export = aggregator.ExportFocus(Ledgers.Tenant, request);
        while (export.Next() is { } part) text.Append(part);
        return text.ToString();
    }
}
