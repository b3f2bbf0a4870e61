using AgentBudget.Cli.Reconciling;

namespace AgentBudget.Cli.Tests;

/// <summary>Exports of providers, as they are read, and what comes of comparing them.</summary>
public sealed class ReconcileTests
{
    private static readonly DateOnly Day = new(2026, 11, 2);

    private const string OpenAiUsage = """
        {"data":[{"start_time":1793577600,"end_time":1793664000,"results":[
          {"input_tokens":12000,"input_cached_tokens":2000,"output_tokens":500,"num_model_requests":3,
           "model":"gpt","batch":true}]}]}
        """;

    private const string OpenAiCosts = """
        {"data":[{"start_time":1793577600,"results":[
          {"amount":{"value":0.0300000001,"currency":"usd"},"line_item":"gpt, input"},
          {"amount":{"value":2e-3,"currency":"usd"},"line_item":"gpt, cached input"},
          {"amount":{"value":1,"currency":"usd"},"line_item":"web search"}]}]}
        """;

    private const string AnthropicUsage = """
        {"data":[{"starting_at":"2026-11-02T00:00:00Z","results":[
          {"uncached_input_tokens":10,"cache_read_input_tokens":20,"output_tokens":30,"model":"claude",
           "service_tier":"batch","cache_creation":{"ephemeral_5m_input_tokens":40,"ephemeral_1h_input_tokens":50}}]}]}
        """;

    private const string AnthropicCosts = """
        {"data":[{"starting_at":"2026-11-02T00:00:00Z","results":[
          {"amount":"123.45","currency":"USD","model":"claude","token_type":"output_tokens","service_tier":"standard"},
          {"amount":"5","currency":"USD","cost_type":"web_search"}]}]}
        """;

    private const string Azure = """
        Date,MeterName,Quantity,UnitOfMeasure,CostInBillingCurrency,BillingCurrency
        11/02/2026,"gpt 4o 0806 Inp glbl Tokens",12.5,1K,0.03125,USD
        2026-11-02,gpt 4o 0806 cached Inp glbl Tokens,2,1M,2.5,USD
        2026-11-02,"Standard ""SSD"", E10",1,1/Month,9,USD
        """;

    private const string Bedrock = """
        line_item_usage_start_date,line_item_usage_type,line_item_usage_amount,line_item_unblended_cost,pricing_unit
        2026-11-02T05:00:00Z,USE1-Claude4.6Sonnet-output-tokens,3,0.045,1K tokens
        2026-11-02T05:00:00Z,USE1-Claude4.6Sonnet-cache-write-1h-tokens-batch,2,0.02,1M tokens
        2026-11-02T05:00:00Z,USE1-BoxUsage:t3.micro,24,0.2,Hrs
        """;

    [Fact]
    public void Usage_and_costs_of_each_provider_are_read_to_the_last_digit()
    {
        Assert.Equal(
            [
                new(Day, "gpt", "input", "batch", 10_000, null), new(Day, "gpt", "cache_read", "batch", 2_000, null),
                new(Day, "gpt", "output", "batch", 500, null),
            ],
            OpenAi(OpenAiUsage).Lines);
        Assert.Equal(
            [
                new(Day, "gpt", "input", "", null, 0.0300000001m), new(Day, "gpt", "cache_read", "", null, 0.002m),
                new(Day, "web search", "", "", null, 1),
            ],
            OpenAi(OpenAiCosts).Lines);
        Assert.Equal(
            [
                new(Day, "claude", "input", "batch", 10, null), new(Day, "claude", "cache_read", "batch", 20, null),
                new(Day, "claude", "output", "batch", 30, null),
                new(Day, "claude", "cache_write_5m", "batch", 40, null),
                new(Day, "claude", "cache_write_1h", "batch", 50, null),
            ],
            Anthropic(AnthropicUsage).Lines);
        ProviderExport costs = Anthropic(AnthropicCosts);
        Assert.Equal([new(Day, "claude", "output", "standard", null, 1.2345m)], costs.Lines); // Told in cents.
        Assert.Equal(1, costs.Skipped);
        ProviderExport azure = CsvExports.ReadAzure(Azure, "USD");
        Assert.Equal(
            [
                new(Day, "gpt 4o 0806 Inp glbl Tokens", "input", "standard", 12_500, 0.03125m),
                new(Day, "gpt 4o 0806 cached Inp glbl Tokens", "cache_read", "standard", 2_000_000, 2.5m),
            ],
            azure.Lines);
        Assert.Equal(1, azure.Skipped);
        Assert.Equal(
            [
                new(Day, "Claude4.6Sonnet-output-tokens", "output", "standard", 3_000, 0.045m),
                new(Day, "Claude4.6Sonnet-cache-write-1h-tokens-batch", "cache_write_1h", "batch", 2_000_000, 0.02m),
            ],
            CsvExports.ReadBedrock(Bedrock, "USD").Lines);
    }

    [Theory]
    [InlineData("Date,MeterName,Quantity\n", "row 1: there is no column UnitOfMeasure, and none CostInBillingCurrency")]
    [InlineData("", "row 1: the names of the columns are missing")]
    [InlineData("$names\n2026-11-02,x Inp,1,1K\n", "row 2: has 4 columns, and the names are 6")]
    [InlineData("$names\n2026-11-02,x Inp,1,1K,1,EUR\n\n", "row 2, BillingCurrency: is in EUR, and the tenant's currency")]
    [InlineData("$names\n\n2026-11-02,x Inp,1,1K,1,USD\n", "row 2: has 1 columns, and the names are 6")]
    [InlineData("$names\n2026-11-02,x Inp,-1,1K,1,USD\n", "row 2, Quantity: -1 is below zero")]
    [InlineData("$names\n2026-11-02,x Inp,many,1K,1,USD\n", "row 2, Quantity: 'many' is no number")]
    [InlineData("$names\nyesterday,x Inp,1,1K,1,USD\n", "row 2, Date: must be a day")]
    [InlineData("$names\n2026-11-02,x Inp,1,1 Hour?,1,USD\n2026-11-02,x Inp,1,10K,1,USD\n", "row 3, UnitOfMeasure: '10K'")]
    [InlineData("$names\n2026-11-02,\"x Inp,1,1K,1,USD\n", "row 2: a quotation mark has no end")]
    public void A_bad_row_is_named_with_its_column(string text, string fault)
    {
        text = text.Replace(
            "$names", "Date,MeterName,Quantity,UnitOfMeasure,CostInBillingCurrency,BillingCurrency",
            StringComparison.Ordinal);

        ExportException thrown = Assert.Throws<ExportException>(() => CsvExports.ReadAzure(text, "USD"));

        Assert.Contains(fault, thrown.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{}", "data: is missing")]
    [InlineData("""{"data":[{"results":[]}]}""", "data[0].start_time: must be a time")]
    [InlineData("""{"data":[{"start_time":1,"results":[{"input_tokens":1}]}]}""", "data[0].results[0].model: is missing")]
    [InlineData("""{"data":[{"start_time":1,"results":[{"model":"m","input_tokens":1,"input_cached_tokens":2,"output_tokens":0}]}]}""", "input_cached_tokens: must be part of input_tokens")]
    [InlineData("""{"data":[{"start_time":1,"results":[{"model":"m","input_tokens":-1}]}]}""", "input_tokens: -1 is below zero")]
    [InlineData("""{"data":[{"start_time":1,"results":[{"amount":{"value":1,"currency":"eur"},"line_item":"m"}]}]}""", "amount.currency: is in eur")]
    public void A_bad_field_is_named_by_its_path(string text, string fault)
    {
        ExportException thrown = Assert.Throws<ExportException>(() => OpenAi(text));

        Assert.Contains(fault, thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_difference_is_split_exactly_in_quantity_and_price()
    {
        ReconciledLine line = Only(Ours(10_000, 3), new ProviderLine(Day, "m", "input", "", 15_000, 6));

        Assert.Equal(ReconciledAs.Differs, line.As);
        Assert.Equal((1.5m, 1.5m), (line.ByQuantity, line.ByPrice)); // 5,000 more at 0.0003; 15,000 at 0.0001 more.
        Assert.Equal(line.TheirCost - line.Cost, line.ByQuantity + line.ByPrice);
        line = Only(Ours(7, 1), new ProviderLine(Day, "m", "input", "", 100_007, 20_000.123456789m));
        Assert.Equal(line.TheirCost - line.Cost, line.ByQuantity + line.ByPrice);
    }

    [Theory]
    [InlineData(200_000, 20, 201_000, 20.19, "Matched")] // 0.5 % and 1 %.
    [InlineData(200_000, 20, 201_100, 20.19, "Differs")]
    [InlineData(200_000, 20, 200_000, 20.21, "Differs")]
    [InlineData(10, 0, 1_010, 0.01, "Matched")] // 1,000 tokens and a hundredth.
    [InlineData(0, 0, 1_001, 0, "MissingHere")]
    [InlineData(1_001, 0.02, 0, 0, "MissingThere")]
    public void What_is_near_matches(double tokens, double cost, double theirTokens, double theirCost, string expected)
    {
        ReconciledLine line = Only(
            Ours((decimal)tokens, (decimal)cost),
            new ProviderLine(Day, "m", "input", "", (decimal)theirTokens, (decimal)theirCost));

        Assert.Equal(expected, line.As.ToString());
    }

    [Fact]
    public void A_call_around_midnight_is_of_either_day()
    {
        ProviderLine[] ours = [Ours(50_000, 5), Ours(0, 0) with { Day = Day.AddDays(1) }];
        ProviderLine[] theirs = [new(Day.AddDays(1), "m", "input", "", 50_000, 5)];

        Assert.All(
            Reconciliation.Compare(ours, theirs), line => Assert.Equal(ReconciledAs.MatchedOverDays, line.As));
    }

    [Fact]
    public void What_an_export_does_not_tell_apart_is_summed_here_too()
    {
        ProviderLine[] ours = [Ours(6_000, 2), Ours(4_000, 1) with { Tier = "batch" }];

        ReconciledLine line = Assert.Single(
            Reconciliation.Compare(ours, [new(Day, "m", "input", "", 10_000, null)]));

        Assert.Equal((ReconciledAs.Matched, 10_000, 3), (line.As, line.Tokens, line.Cost));
        Assert.Null(line.TheirCost);
    }

    private static ProviderLine Ours(decimal tokens, decimal cost) => new(Day, "m", "input", "standard", tokens, cost);

    private static ReconciledLine Only(ProviderLine ours, ProviderLine theirs) =>
        Assert.Single(Reconciliation.Compare([ours], [theirs]));

    private static ProviderExport OpenAi(string text) => Read(text, JsonExports.ReadOpenAi);

    private static ProviderExport Anthropic(string text) => Read(text, JsonExports.ReadAnthropic);

    private static ProviderExport Read(string text, Func<System.Text.Json.JsonElement, string, ProviderExport> read)
    {
        using var page = System.Text.Json.JsonDocument.Parse(text);
        return read(page.RootElement, "USD");
    }
}
