using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Reporting.Focus;

/// <summary>What a column holds.</summary>
internal enum FocusType
{
    /// <summary>A decimal.</summary>
    Decimal,

    /// <summary>A text.</summary>
    Text,

    /// <summary>An instant.</summary>
    Time,

    /// <summary>A JSON object.</summary>
    Json,
}

/// <summary>A column: its name, what it holds, since which version, and its cell; an empty one is null.</summary>
internal sealed record FocusColumn(string Name, FocusType Type, FocusVersion Since, Func<FocusRow, string> Cell);

/// <summary>
/// The columns of FOCUS 1.2 and 1.3 that a ledger of agents has, in the order of the file, and our own behind them.
/// What they may hold: https://focus.finops.org/focus-specification/.
/// </summary>
internal static class FocusColumns
{
    private const int MillionthsDigits = 6;
    private const string BusinessUnitPrefix = "businessUnits/";

    private static readonly JsonSerializerOptions Ascii = new() { Encoder = JavaScriptEncoder.Default };

    /// <summary>The columns of a version.</summary>
    public static IReadOnlyList<FocusColumn> Of(FocusVersion version) =>
        [.. All.Where(column => column.Since <= version)];

    private static IReadOnlyList<FocusColumn> All { get; } =
    [
        Decimal("BilledCost", row => FocusText.Money(row.CostNanos)),
        Decimal("EffectiveCost", row => FocusText.Money(row.CostNanos)),
        Decimal("ListCost", ListCostOf),
        Decimal("ContractedCost", ListCostOf),
        Text("BillingCurrency", row => row.Currency),
        Text("BillingAccountId", row => $"tenants/{row.Tenant}"),
        Text("BillingAccountName", row => row.Tenant),
        Time("BillingPeriodStart", row => row.BillingStart),
        Time("BillingPeriodEnd", row => row.BillingStart.AddMonths(1)),
        Time("ChargePeriodStart", row => row.ChargeStart),
        Time("ChargePeriodEnd", row => row.ChargeEnd),
        Text("ChargeCategory", row => row.IsPriced ? "Usage" : "Adjustment"),
        Text("ChargeClass", row => row.IsCorrection ? "Correction" : ""),
        Text("ChargeDescription", FocusSku.DescriptionOf),
        Text("InvoiceIssuerName", row => row.Tenant),
        Text("ProviderName", FocusSku.ProviderOf),
        Text("PublisherName", FocusSku.ProviderOf),
        Text("ServiceName", FocusSku.ServiceOf),
        Text("ServiceCategory", _ => "AI and Machine Learning"),
        Decimal("PricingQuantity", PricingQuantityOf),
        Text("PricingUnit", FocusSku.UnitOf),
        Decimal("ConsumedQuantity", ConsumedQuantityOf),
        Text("ConsumedUnit", FocusSku.ConsumedUnitOf),
        Decimal("ListUnitPrice", UnitPriceOf),
        Decimal("ContractedUnitPrice", UnitPriceOf),
        Text("PricingCategory", row => row.IsPriced ? "Standard" : ""),
        Text("SkuId", FocusSku.IdOf),
        Text("SkuPriceId", FocusSku.PriceIdOf),
        Text("SkuMeter", FocusSku.MeterOf),
        Json("SkuPriceDetails", FocusSku.DetailsOf),
        Json("Tags", TagsOf),
        Text("ResourceId", row => row.Spender.Agent),
        Text("ResourceType", row => row.Spender.Agent.Length > 0 ? "Agent" : ""),
        Text("ResourceName", _ => ""),
        Text("SubAccountId", row => row.Spender.BusinessUnit),
        Text("SubAccountName", row => NameOf(row.Spender.BusinessUnit)),
        Text("SubAccountType", row => row.Spender.BusinessUnit.Length > 0 ? "Business Unit" : ""),
        Text("RegionId", row => row.Item.Region),
        Text("RegionName", row => row.Item.Region),
        Text("ChargeFrequency", _ => "Usage-Based"),
        Text("ServiceSubcategory", _ => "Generative AI"),
        Text("InvoiceId", _ => ""), // Of an open month: nobody closes a month here.
        Text("ServiceProviderName", FocusSku.ProviderOf, FocusVersion.V13),
        Text("HostProviderName", FocusSku.HostOf, FocusVersion.V13),
        Text("x_UseCaseId", row => row.Spender.UseCase),
        Text("x_SessionId", row => row.Spender.Session),
        Text("x_RunId", row => row.Spender.Run),
        Text("x_OnBehalfOf", row => row.Spender.User),
        Text("x_Outcome", row => row.Spender.Outcome),
        Text("x_ToolId", row => row.Item.Tool),
        Text("x_PricedAs", row => row.Item.PricedAs),
        Text("x_PriceVersion", row => row.Item.PriceVersion > 0 ? Number(row.Item.PriceVersion) : ""),
        Text("x_UsageSource", row => SourceOf(row.Item.Source)),
        Text("x_Lines", row => Number(row.Lines)),
        Text("x_LastSequence", row => Number(row.LastSequence)),
        Text("x_CorrectionOf", row => row.Item.CorrectionOf > 0 ? $"r{Number(row.Item.CorrectionOf)}" : ""),
    ];

    private static FocusColumn Decimal(string name, Func<FocusRow, string> cell) =>
        new(name, FocusType.Decimal, FocusVersion.V12, cell);

    private static FocusColumn Text(
        string name, Func<FocusRow, string> cell, FocusVersion since = FocusVersion.V12) =>
        new(name, FocusType.Text, since, row => FocusText.Ascii(cell(row)));

    private static FocusColumn Time(string name, Func<FocusRow, DateTimeOffset> cell) =>
        new(name, FocusType.Time, FocusVersion.V12, row => FocusText.Time(cell(row)));

    private static FocusColumn Json(string name, Func<FocusRow, string> cell) =>
        new(name, FocusType.Json, FocusVersion.V12, cell);

    private static string UnitPriceOf(FocusRow row) => row.IsPriced ? FocusText.Money(row.Item.Rate) : "";

    // Tokens are priced by the million, and quantities of SKUs are counted in millionths: both are six digits.
    private static string PricingQuantityOf(FocusRow row) =>
        row.IsPriced ? FocusText.Decimal(row.Quantity, MillionthsDigits) : "";

    private static string ConsumedQuantityOf(FocusRow row) =>
        row.IsTokens ? FocusText.Decimal(row.Quantity * 10, digits: 1) : PricingQuantityOf(row);

    private static string ListCostOf(FocusRow row) => row.IsPriced
        ? FocusText.Product(UnitPriceOf(row), PricingQuantityOf(row), row.IsExact)
        : FocusText.Money(row.CostNanos);

    // Written again in ASCII: the same object, with other characters escaped.
    private static string TagsOf(FocusRow row) => row.Spender.Tags.Length == 0
        ? ""
        : JsonSerializer.Serialize(
            JsonSerializer.Deserialize<SortedDictionary<string, string>>(row.Spender.Tags), Ascii);

    private static string NameOf(string businessUnit) =>
        businessUnit.StartsWith(BusinessUnitPrefix, StringComparison.Ordinal)
            ? businessUnit[BusinessUnitPrefix.Length..]
            : businessUnit;

    private static string SourceOf(UsageSource source) =>
        source == UsageSource.Unspecified ? "" : source.ToString().ToUpperInvariant();

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);
}
