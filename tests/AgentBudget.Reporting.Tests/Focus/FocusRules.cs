using System.Globalization;
using System.Numerics;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace AgentBudget.Reporting.Tests.Focus;

/// <summary>
/// What a FOCUS file must hold, rule by rule, read from the text alone: it knows nothing of how the file was made.
/// </summary>
internal static partial class FocusRules
{
    private const double Tolerance = 1e-12;

    private static readonly string[] Mandatory =
    [
        "BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "BillingCurrency", "BillingAccountId",
        "BillingAccountName", "BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd",
        "ChargeCategory", "ChargeClass", "ChargeDescription", "InvoiceIssuerName", "ProviderName", "PublisherName",
        "ServiceName", "ServiceCategory", "PricingQuantity", "PricingUnit",
    ];

    private static readonly string[] Mandatory13 = ["ServiceProviderName", "HostProviderName"];

    private static readonly string[] Conditional =
    [
        "ConsumedQuantity", "ConsumedUnit", "ListUnitPrice", "ContractedUnitPrice", "PricingCategory", "SkuId",
        "SkuPriceId", "SkuMeter", "SkuPriceDetails", "Tags", "ResourceId", "ResourceType", "ResourceName",
        "SubAccountId", "SubAccountName", "SubAccountType", "RegionId", "RegionName",
    ];

    private static readonly string[] Decimals =
    [
        "BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "PricingQuantity", "ConsumedQuantity",
        "ListUnitPrice", "ContractedUnitPrice",
    ];

    private static readonly string[] Times =
        ["BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd"];

    private static readonly string[] Filled =
    [
        "BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "BillingCurrency", "BillingAccountId",
        "BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd", "ChargeCategory",
        "InvoiceIssuerName", "ProviderName", "PublisherName", "ServiceName", "ServiceCategory", "ChargeFrequency",
        "ServiceSubcategory",
    ];

    private static readonly string[] Prices = ["ListUnitPrice", "ContractedUnitPrice"];

    private static readonly string[] Priced =
        ["SkuId", "SkuPriceId", "ListUnitPrice", "ContractedUnitPrice", "PricingQuantity", "ConsumedQuantity"];

    /// <summary>The rules that a file breaks, each with the first row that does.</summary>
    /// <param name="file">The file.</param>
    /// <param name="is13">By the rules of 1.3.</param>
    /// <param name="ledgerNanos">What the ledger settled in its period.</param>
    /// <param name="bytes">The file's bytes.</param>
    public static SortedDictionary<int, string> Check(FocusFile file, bool is13, BigInteger ledgerNanos, byte[] bytes)
    {
        var found = new SortedDictionary<int, string>();
        CheckHeader(file, is13, bytes, Find);
        for (int i = 0; i < file.Rows.Count; i++)
        {
            int place = i;
            var row = new Row(file, file.Rows[i]);
            void FindInRow(int rule, bool isBroken) => Find(rule, isBroken, $"row {place + 1}");
            CheckCells(row, FindInRow);
            if (found.Keys.Any(rule => rule is <= 6 or 8 or 9)) continue;
            CheckTimes(row, FindInRow);
            CheckLists(row, FindInRow);
            CheckNumbers(row, FindInRow);
            CheckPairs(row, is13, FindInRow);
        }

        CheckFile(file, ledgerNanos, found, Find);
        return found;

        void Find(int rule, bool isBroken, string where)
        {
            if (isBroken) found.TryAdd(rule, where);
        }
    }

    private sealed record Row(FocusFile File, IList<FocusFile.Cell> Cells)
    {
        public string this[string column] => File[Cells, column];

        public double Number(string column) => double.Parse(this[column], CultureInfo.InvariantCulture);

        public DateTime Time(string column) => DateTime.Parse(
            this[column], CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal);

        public bool Has(string column) => this[column].Length > 0;
    }

    private static void CheckHeader(FocusFile file, bool is13, byte[] bytes, Action<int, bool, string> find)
    {
        string[] mandatory = is13 ? [.. Mandatory, .. Mandatory13] : Mandatory;
        find(1, mandatory.Except(file.Header).Any(), "header");
        find(2, Conditional.Except(file.Header).Any(), "header");
        find(3, file.Header.Distinct().Count() < file.Header.Count, "header");
        bool isOwnFirst = file.Header.SkipWhile(name => !name.StartsWith("x_", StringComparison.Ordinal))
            .Any(name => !name.StartsWith("x_", StringComparison.Ordinal));
        find(4, isOwnFirst, "header");
        find(5, file.Header.Any(name => name.Length > 50 || !Name().IsMatch(name)), "header");
        find(6, file.Rows.Any(row => row.Count != file.Header.Count), "a row");
        bool isUtf8 = System.Text.Unicode.Utf8.IsValid(bytes);
        find(7, !isUtf8, "file");
    }

    private static void CheckCells(Row row, Action<int, bool> find)
    {
        find(8, Decimals.Any(column => row.Has(column) && !DecimalText().IsMatch(row[column])));
        find(9, Times.Any(column => !IsTime(row[column])));
        find(10, new[] { "Tags", "SkuPriceDetails" }.Any(column => row.Has(column) && !IsFlatJson(row[column])));
        find(11, row.Cells.Any(
            cell => string.IsNullOrWhiteSpace(cell.Text) && (cell.IsQuoted || cell.Text.Length > 0)));
        find(12, row.Cells.Any(cell => cell.Text is "N/A" or "NA" or "null" or "NULL"));
        find(13, Filled.Any(column => row.File.Header.Contains(column) && !row.Has(column)));
    }

    private static void CheckTimes(Row row, Action<int, bool> find)
    {
        DateTime start = row.Time("ChargePeriodStart");
        DateTime end = row.Time("ChargePeriodEnd");
        DateTime billed = row.Time("BillingPeriodStart");
        DateTime billedEnd = row.Time("BillingPeriodEnd");
        bool isCorrection = row["ChargeClass"] == "Correction";
        find(14, start >= end);
        find(15, billed >= billedEnd);
        find(16, !isCorrection && (start < billed || end > billedEnd));
        bool isHour = end - start == TimeSpan.FromHours(1) && start is { Minute: 0, Second: 0 };
        bool isDay = end - start == TimeSpan.FromDays(1) && start.TimeOfDay == TimeSpan.Zero;
        find(17, !isHour && !isDay);
        find(42, isCorrection && billed <= new DateTime(start.Year, start.Month, 1, 0, 0, 0, DateTimeKind.Utc));
    }

    private static void CheckLists(Row row, Action<int, bool> find)
    {
        find(18, row["ChargeCategory"] is not ("Usage" or "Purchase" or "Tax" or "Credit" or "Adjustment"));
        find(19, row["ChargeClass"] is not ("" or "Correction"));
        bool isFrequency = row["ChargeFrequency"] is "One-Time" or "Recurring" or "Usage-Based";
        find(20, !isFrequency || (row["ChargeCategory"] == "Purchase" && row["ChargeFrequency"] == "Usage-Based"));
        find(21, row["PricingCategory"] is not ("" or "Standard" or "Dynamic" or "Committed" or "Other"));
        find(22, row["ServiceCategory"] is not ("AI and Machine Learning" or "Other"));
        find(23, row["ServiceSubcategory"] == "Generative AI" && row["ServiceCategory"] != "AI and Machine Learning");
    }

    private static void CheckNumbers(Row row, Action<int, bool> find)
    {
        find(28, Prices.Any(column => row.Has(column) && row.Number(column) < 0));
        bool hasPrice = row.Has("ListUnitPrice") && row.Has("PricingQuantity");
        if (hasPrice)
        {
            double product = row.Number("ListUnitPrice") * row.Number("PricingQuantity");
            find(29, IsOther(row.Number("ListCost"), product));
            find(30, IsOther(row.Number("ContractedCost"), product));
            double room = (0.5e-9 * double.Parse("0" + row["x_Lines"], CultureInfo.InvariantCulture)) + Tolerance;
            find(31, Math.Abs(row.Number("BilledCost") - product) > room);
        }

        bool isTokens = row["ConsumedUnit"] == "Tokens" && row["PricingUnit"] == "1000000 Tokens";
        find(
            32,
            isTokens && IsOther(row.Number("ConsumedQuantity"), row.Number("PricingQuantity") * 1_000_000));
        find(33, new[] { "PricingUnit", "ConsumedUnit" }.Any(
            column => row.Has(column) && !Unit().IsMatch(row[column])));
    }

    private static void CheckPairs(Row row, bool is13, Action<int, bool> find)
    {
        find(26, row.Has("PricingQuantity") != row.Has("PricingUnit")
            || row.Has("ConsumedQuantity") != row.Has("ConsumedUnit"));
        bool isUsage = row["ChargeCategory"] == "Usage" && row["ChargeClass"] != "Correction";
        find(27, isUsage && Priced.Any(column => !row.Has(column)));
        find(34, !row.Has("SkuId") && row.Has("SkuMeter"));
        bool isTrio = row.Has("SubAccountId") == row.Has("SubAccountName")
            && row.Has("SubAccountId") == row.Has("SubAccountType");
        find(37, !isTrio || row.Has("RegionId") != row.Has("RegionName"));
        find(38, row.Has("ResourceType") != row.Has("ResourceId"));
        if (!is13) return;
        string[] ofPrice =
            ["ListUnitPrice", "ContractedUnitPrice", "PricingQuantity", "ConsumedQuantity", "PricingCategory"];
        find(39, row.Has("SkuPriceId") ? !Prices.All(row.Has) : ofPrice.Any(row.Has));
    }

    private static void CheckFile(
        FocusFile file, BigInteger ledgerNanos, SortedDictionary<int, string> found, Action<int, bool, string> find)
    {
        find(24, IsAmbiguous(file, "ServiceName", "ServiceCategory"), "file");
        string[] currencies = [.. file.Rows.Select(row => file[row, "BillingCurrency"]).Distinct()];
        find(25, currencies.Length > 1 || currencies.Any(currency => !Currency().IsMatch(currency)), "file");
        find(35, IsAmbiguous(file, "SkuPriceId", "SkuId"), "file");
        find(36, IsAmbiguous(file, "SkuPriceId", "SkuPriceDetails"), "file");
        string[] amounts = [.. Decimals, "x_Lines", "x_LastSequence"];
        string[] keys = [.. file.Header.Except(amounts), "ListUnitPrice"];
        IEnumerable<string> rows = file.Rows.Select(row => string.Join('\n', keys.Select(column => file[row, column])));
        string? twice = rows.GroupBy(row => row).FirstOrDefault(same => same.Count() > 1)?.Key;
        find(41, twice is not null, $"file: {twice}");
        if (found.ContainsKey(8) || found.ContainsKey(6) || found.ContainsKey(1)) return;
        BigInteger sum = 0;
        foreach (IList<FocusFile.Cell> row in file.Rows) sum += Nanos(file[row, "BilledCost"]);
        find(40, sum != ledgerNanos, "file");
    }

    /// <summary>A decimal of money in nanos; a tenth of a nano is a different number and never there.</summary>
    public static BigInteger Nanos(string text)
    {
        int point = text.IndexOf('.', StringComparison.Ordinal);
        string fraction = text[(point + 1)..];
        return fraction.Length > 9
            ? BigInteger.MinusOne
            : BigInteger.Parse(text[..point] + fraction.PadRight(9, '0'), CultureInfo.InvariantCulture);
    }

    private static bool IsOther(double left, double right) =>
        Math.Abs(left - right) > Tolerance * Math.Max(1, Math.Abs(right));

    private static bool IsAmbiguous(FocusFile file, string key, string value) => file.Rows
        .Where(row => file[row, key].Length > 0)
        .GroupBy(row => file[row, key])
        .Any(rows => rows.Select(row => file[row, value]).Distinct().Count() > 1);

    private static bool IsTime(string text) => TimeText().IsMatch(text)
        && DateTime.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.None, out _);

    private static bool IsFlatJson(string text)
    {
        try
        {
            using var json = JsonDocument.Parse(text, new JsonDocumentOptions { AllowDuplicateProperties = false });
            return json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.EnumerateObject()
                .All(member => member.Value.ValueKind is not (JsonValueKind.Object or JsonValueKind.Array));
        }
        catch (JsonException)
        {
            return false;
        }
    }

    [GeneratedRegex("^(x_)?[A-Z][A-Za-z0-9]*$")]
    private static partial Regex Name();

    [GeneratedRegex(@"^-?\d+\.\d+$")]
    private static partial Regex DecimalText();

    [GeneratedRegex(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
    private static partial Regex TimeText();

    [GeneratedRegex(@"^(\d+\s)?[A-Z]\w*([-/]\w+)?$")]
    private static partial Regex Unit();

    [GeneratedRegex("^[A-Z]{3}$")]
    private static partial Regex Currency();
}
