using System.Globalization;
using AgentBudget.Identity;
using AgentBudget.Ledger.Prices;
using AgentBudget.Protocol.V1;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;
using Reported = Google.Protobuf.WellKnownTypes.Struct;
using Tier = AgentBudget.Protocol.V1.ServiceTier;

namespace AgentBudget.Api.Budgets.Providers;

/// <summary>
/// Reads a report by a dialect's table. A key that is not known is named and left out; only a count that is none is a
/// fault.
/// </summary>
internal sealed class ReportReader(Dialect dialect)
{
    /// <summary>Keys that are named; the rest says nothing more.</summary>
    internal const int UnreadMax = 32;

    /// <summary>Samplings of one call.</summary>
    internal const int PartsMax = 64;

    private const int PathCharsMax = 128;
    private const string RequestsSuffix = "requests";

    private readonly ReportCounts _counts = new();
    private readonly List<UsagePart> _parts = [];
    private long _partsUnaccounted;
    private bool _hasOwnKey;
    private bool _isFast;
    private decimal _cost;

    public UsageReading Reading { get; } = new();

    public List<CountedItem> Items { get; } = [];

    /// <summary>The model that the report names; empty for none.</summary>
    public string Model { get; private set; } = "";

    /// <summary>Reads all of a report. With a fault the result means nothing.</summary>
    public static ReportReader Read(Dialect dialect, Reported report, ref FieldFaults faults)
    {
        var reader = new ReportReader(dialect);
        reader.ReadGroup(report, "", "", ref faults);
        return reader;
    }

    /// <summary>What the report comes to: the usage of one sampling, or of several beside one that is empty.</summary>
    public TokenUsage ToUsage(out IReadOnlyList<UsagePart> parts)
    {
        TokenUsage usage = _counts.ToUsage(dialect, out long unaccounted);
        parts = _parts;
        Reading.UnaccountedTokens = unaccounted;
        if (_parts.Count > 0)
        {
            // What the report counts beside its samplings is that of the last of them, or none of it is told.
            long sampled = _parts.Sum(part => UsageReports.SumOf(part.Usage));
            long more = Math.Max(0, UsageReports.SumOf(usage) - sampled);
            usage = new TokenUsage { OutputTokens = more };
            Reading.UnaccountedTokens = more + _partsUnaccounted;
        }

        if (_cost > 0 && !_hasOwnKey) Reading.Cost = MoneyOf(_cost);
        return usage;
    }

    private void ReadGroup(Reported group, string plainPrefix, string prefix, ref FieldFaults faults)
    {
        foreach ((string key, Value value) in group.Fields)
        {
            if (value.KindCase is Value.KindOneofCase.NullValue or Value.KindOneofCase.None) continue;
            string plain = plainPrefix + Dialect.Plain(key);
            string written = prefix + key;
            if (value.KindCase == Value.KindOneofCase.StructValue && dialect.IsGroup(plain))
                ReadGroup(value.StructValue, plain + ".", written + ".", ref faults);
            else if (!dialect.TryFind(plain, out UsageField field, out string path)
                || !TryRead(field, $"provider_usage.{dialect.Name}.{path}", value, ref faults))
            {
                Leave(written);
            }
        }
    }

    // False for a value of another kind than the key has.
    private bool TryRead(UsageField field, string path, Value value, ref FieldFaults faults)
    {
        switch (field)
        {
            case UsageField.Ignored:
                return true;
            case < UsageField.Counts:
                if (!TryCount(path, value, ref faults, out long count)) return false;
                _counts.Raise(field, count);
                return true;
            case UsageField.PromptModalities:
                return TryReadModalities(path, value, UsageField.PromptAudio, UsageField.PromptImage, ref faults);
            case UsageField.CachedModalities:
                return TryReadModalities(path, value, UsageField.CachedAudio, UsageField.CachedImage, ref faults);
            case UsageField.AddedModalities:
                return TryReadModalities(path, value, UsageField.AddedAudio, UsageField.AddedImage, ref faults);
            case UsageField.OutputModalities:
                return TryReadModalities(path, value, UsageField.OutputAudio, UsageField.OutputImage, ref faults);
            case UsageField.CacheDetails:
                return TryReadCaches(path, value, ref faults);
            case UsageField.Results:
                return TryReadResults(path, value, ref faults);
            case UsageField.Iterations:
                return TryReadIterations(value, ref faults);
            case UsageField.ServerTools:
                return TryReadTools(path, value, ref faults);
            case UsageField.WebSearches:
                return TryReadItem(path, UsageReports.WebSearchSku, value, ref faults);
            case UsageField.Queries:
                return TryReadItem(path, "query", value, ref faults);
            case UsageField.Seconds:
                return TryReadItem(path, "second", value, ref faults);
            case UsageField.InputAudioSeconds:
                return TryReadItem(path, "input_audio_second", value, ref faults);
            case UsageField.InputImages:
                return TryReadItem(path, "input_image", value, ref faults);
            case UsageField.Pages:
                return TryReadItem(path, "page", value, ref faults);
            case UsageField.OwnKey:
                _hasOwnKey = value is { KindCase: Value.KindOneofCase.BoolValue, BoolValue: true };
                return !_hasOwnKey;
            case UsageField.Cost:
                return TryReadCost(value);
            default:
                return TryReadWord(field, value);
        }
    }

    private bool TryReadWord(UsageField field, Value value)
    {
        if (value.KindCase != Value.KindOneofCase.StringValue) return false;
        string word = value.StringValue;
        if (word.Length == 0) return true;
        if (!FieldRules.IsWord(word)) return false;
        if (field == UsageField.Model) Model = word;
        else if (field == UsageField.ServiceTier) return TryReadTier(word);
        else if (field == UsageField.Speed) return TryReadSpeed(word);
        // What was served everywhere, or somewhere that is not told, is no region of the price book.
        else if (word is not ("global" or "not_available" or "unknown")) Reading.Region = word;
        return true;
    }

    private bool TryReadTier(string word)
    {
        Tier tier = Dialect.Plain(word) switch
        {
            "standard" or "default" or "ondemand" => Tier.Standard,
            "batch" => Tier.Batch,
            "priority" or "ondemandpriority" or "fast" or "ultrafast" => Tier.Priority,
            "flex" or "ondemandflex" => Tier.Flex,
            _ => Tier.Unspecified,
        };
        if (tier != Tier.Unspecified && !_isFast) Reading.ServiceTier = tier;
        return tier != Tier.Unspecified || word == "auto";
    }

    // A fast answer comes from the list that its tier names too, and is dearer all the same.
    private bool TryReadSpeed(string word)
    {
        if (word != "fast") return word == "standard";
        _isFast = true;
        Reading.ServiceTier = Tier.Priority;
        return true;
    }

    private bool TryReadModalities(
        string path, Value value, UsageField audio, UsageField image, ref FieldFaults faults)
    {
        if (value.KindCase != Value.KindOneofCase.ListValue) return false;
        for (int index = 0; index < value.ListValue.Values.Count; index++)
        {
            if (value.ListValue.Values[index].StructValue is not { } entry) return false;
            string modality = Find(entry, "modality")?.StringValue.ToUpperInvariant() ?? "";
            if (Find(entry, "tokencount") is not { } told
                || !TryCount($"{path}[{index}].token_count", told, ref faults, out long count))
            {
                continue;
            }

            if (modality == "AUDIO") _counts.Add(audio, count);
            else if (modality == "IMAGE") _counts.Add(image, count);
        }

        return true;
    }

    private bool TryReadCaches(string path, Value value, ref FieldFaults faults)
    {
        if (value.KindCase != Value.KindOneofCase.ListValue) return false;
        for (int index = 0; index < value.ListValue.Values.Count; index++)
        {
            if (value.ListValue.Values[index].StructValue is not { } entry) return false;
            if (Find(entry, "inputtokens") is not { } told
                || !TryCount($"{path}[{index}].input_tokens", told, ref faults, out long count))
            {
                continue;
            }

            bool isOfOneHour = Find(entry, "ttl")?.StringValue is "1h" or "ONE_HOUR";
            _counts.Add(isOfOneHour ? UsageField.CacheWrite1h : UsageField.CacheWrite5m, count);
        }

        return true;
    }

    private bool TryReadResults(string path, Value value, ref FieldFaults faults)
    {
        if (value.KindCase != Value.KindOneofCase.ListValue) return false;
        for (int index = 0; index < value.ListValue.Values.Count; index++)
        {
            if (value.ListValue.Values[index].StructValue is { } entry && Find(entry, "tokencount") is { } told
                && TryCount($"{path}[{index}].token_count", told, ref faults, out long count))
            {
                _counts.Add(UsageField.Output, count);
            }
        }

        return true;
    }

    private bool TryReadIterations(Value value, ref FieldFaults faults)
    {
        if (value.KindCase != Value.KindOneofCase.ListValue) return false;
        foreach (Value entry in value.ListValue.Values)
        {
            if (entry.StructValue is not { } report) return false;
            ReportReader sampling = Read(dialect, report, ref faults);
            TokenUsage usage = sampling.ToUsage(out IReadOnlyList<UsagePart> below);
            foreach (string key in sampling.Reading.Unread) Leave($"iterations.{key}");
            foreach (CountedItem item in sampling.Items)
            {
                if (!AddItem(item.Sku, item.Count)) Leave($"iterations.{item.Sku}");
            }

            _partsUnaccounted += sampling.Reading.UnaccountedTokens;
            foreach (UsagePart part in below) AddPart(part);
            if (UsageReports.SumOf(usage) > 0) AddPart(new UsagePart { Model = sampling.Model, Usage = usage });
        }

        return true;
    }

    // A part of one counts as one: providers tell seconds with fractions.
    private bool TryReadItem(string path, string sku, Value value, ref FieldFaults faults) =>
        TryNumber(path, value, isWhole: false, ref faults, out long count) && AddItem(sku, count);

    // A page that is fetched costs its tokens only; every other call is a counted item of the tool's name.
    private bool TryReadTools(string path, Value value, ref FieldFaults faults)
    {
        if (value.KindCase != Value.KindOneofCase.StructValue) return false;
        foreach ((string key, Value calls) in value.StructValue.Fields)
        {
            if (calls.KindCase == Value.KindOneofCase.NullValue) continue;
            string plain = Dialect.Plain(key);
            bool isKnown = plain.EndsWith(RequestsSuffix, StringComparison.Ordinal) && plain != RequestsSuffix;
            string sku = plain switch
            {
                "websearchrequests" => UsageReports.WebSearchSku,
                "codeexecutionrequests" => "code_execution",
                _ => isKnown ? key[..^RequestsSuffix.Length].TrimEnd('_', '-') : "",
            };
            string place = $"{path}.{SnakeOf(plain, key)}";
            bool isRead = FieldRules.IsWord(sku) && TryCount(place, calls, ref faults, out long count)
                && (plain == "webfetchrequests" || AddItem(sku, count));
            if (!isRead) Leave($"server_tool_use.{key}");
        }

        return true;
    }

    private static string SnakeOf(string plain, string key) => plain switch
    {
        "websearchrequests" => "web_search_requests",
        "webfetchrequests" => "web_fetch_requests",
        _ => key,
    };

    // Nothing is no cost: routers say so of calls that are billed elsewhere.
    private bool TryReadCost(Value value)
    {
        if (value.KindCase != Value.KindOneofCase.NumberValue) return false;
        if (value.NumberValue is not (>= 0 and <= 1_000_000_000)) return false;
        _cost = Math.Max(_cost, (decimal)value.NumberValue);
        return true;
    }

    // What is more than one call's samplings are counted with others of the same model, else with the last.
    private void AddPart(UsagePart part)
    {
        if (_parts.Count < PartsMax)
        {
            _parts.Add(part);
            return;
        }

        UsagePart same = _parts.Find(other => other.Model == part.Model) ?? _parts[^1];
        foreach (FieldDescriptor field in TokenUsage.Descriptor.Fields.InDeclarationOrder())
        {
            if (field.FieldType != FieldType.Int64) continue;
            IFieldAccessor count = field.Accessor;
            count.SetValue(same.Usage, (long)count.GetValue(same.Usage) + (long)count.GetValue(part.Usage));
        }
    }

    // False for more kinds than a call may have.
    private bool AddItem(string sku, long count)
    {
        if (count == 0) return true;
        if (Items.Find(item => item.Sku == sku) is { } same) same.Count += count;
        else if (Items.Count < FieldRules.ItemsMax) Items.Add(new CountedItem { Sku = sku, Count = count });
        else return false;
        return true;
    }

    private void Leave(string path)
    {
        if (Reading.Unread.Count == UnreadMax) return;
        string shown = SeenText.Show(path);
        Reading.Unread.Add(shown.Length > PathCharsMax ? shown[..PathCharsMax] : shown);
    }

    private static Value? Find(Reported entry, string plain)
    {
        foreach ((string key, Value value) in entry.Fields)
        {
            if (Dialect.Plain(key) == plain && value.KindCase != Value.KindOneofCase.NullValue) return value;
        }

        return null;
    }

    private static bool TryCount(string path, Value value, ref FieldFaults faults, out long count) =>
        TryNumber(path, value, isWhole: true, ref faults, out count);

    // False for what is no number at all; a number that is no count is a fault.
    private static bool TryNumber(string path, Value value, bool isWhole, ref FieldFaults faults, out long count)
    {
        count = 0;
        double number = value.NumberValue;
        bool isNumber = value.KindCase == Value.KindOneofCase.NumberValue
            || (value.KindCase == Value.KindOneofCase.StringValue && double.TryParse(
                value.StringValue, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out number));
        if (!isNumber) return false;
        bool isCount = number is >= 0 and <= FieldRules.CountMax && (!isWhole || Math.Truncate(number) == number);
        if (isCount) count = (long)Math.Ceiling(number);
        else if (isWhole) faults.Add(path, "must be a whole number, 0 to 1,000,000,000,000");
        else faults.Add(path, "must be a number, 0 to 1,000,000,000,000");
        return true;
    }

    private static Money MoneyOf(decimal dollars)
    {
        decimal nanos = Math.Round(dollars * MoneyMath.NanosPerUnit, MidpointRounding.ToEven);
        return new Money
        {
            CurrencyCode = "USD",
            Units = (long)(nanos / MoneyMath.NanosPerUnit),
            Nanos = (int)(nanos % MoneyMath.NanosPerUnit),
        };
    }
}
