using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Google.Protobuf.Collections;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Api;

/// <summary>Checks of single fields, each adding a fault that says what would be right.</summary>
internal static class FieldChecks
{
    private const int UserCharsMax = 256;
    private const int NanosPerSecond = 1_000_000_000;
    private const string CountDescription = "must be 0 to 1,000,000,000,000";

    internal static void RequestId(ref FieldFaults faults, string requestId)
    {
        if (!FieldRules.IsRequestId(requestId))
            faults.Add("request_id", "must be 1 to 128 printable ASCII characters");
    }

    internal static void Model(ref FieldFaults faults, string model, bool isRequired, string field = "model")
    {
        if ((isRequired || model.Length > 0) && !FieldRules.IsWord(model))
            faults.Add(field, "must be a model's id or alias, 1 to 128 printable ASCII characters without spaces");
    }

    internal static void Region(ref FieldFaults faults, string region)
    {
        if (region.Length > FieldRules.IdCharsMax || !FieldRules.IsWord(region))
            faults.Add("region", "must be at most 64 printable ASCII characters without spaces");
    }

    internal static void Tool(ref FieldFaults faults, string tool, string field = "tool")
    {
        if (tool.Length > 0 && (!FieldRules.IsWord(tool) || tool.Contains('*', StringComparison.Ordinal)))
            faults.Add(field, "must be a tool such as crm.read, at most 128 printable ASCII characters, no spaces");
    }

    internal static void ToolArgumentsDigest(ref FieldFaults faults, string digest)
    {
        if (digest.Length > 0 && !FieldRules.IsWord(digest))
            faults.Add("tool_arguments_digest", "must be at most 128 printable ASCII characters without spaces");
    }

    internal static void Credential(ref FieldFaults faults, string credential)
    {
        if (credential.Length > 0 && !Names.TryParseCredential(credential, out _))
            faults.Add("credential", "must be the name of a credential such as credentials/c17");
    }

    internal static void Count(ref FieldFaults faults, string field, long count)
    {
        if (count is < 0 or > FieldRules.CountMax)
            faults.Add(field, CountDescription);
    }

    internal static void Text(ref FieldFaults faults, string field, string text, int charsMin = 0)
    {
        if (text.Length >= charsMin && FieldRules.IsText(text, FieldRules.TextCharsMax))
            return;
        faults.Add(
            field, charsMin > 0
                ? "must be 1 to 256 characters that are seen: no control or format characters, no blank but the space"
                : "must be at most 256 characters that are seen: no control or format characters");
    }

    internal static void Name(ref FieldFaults faults, string field, string name, string prefix, bool isRequired)
    {
        if ((isRequired || name.Length > 0) && !FieldRules.IsName(name, prefix))
            faults.Add(field, $"must be a name such as {prefix}example");
    }

    /// <summary>What filters of events and of reports have in common.</summary>
    internal static void SpendFilter(
        ref FieldFaults faults, string businessUnit, string useCase, string agent, string session, string model)
    {
        Name(ref faults, "filter.business_unit", businessUnit, Names.BusinessUnitPrefix, isRequired: false);
        Name(ref faults, "filter.use_case", useCase, Names.UseCasePrefix, isRequired: false);
        Name(ref faults, "filter.agent", agent, Names.AgentPrefix, isRequired: false);
        if (session.Length > 0 && !Names.TryParseSession(session, out _))
            faults.Add("filter.session", "must be a session's name such as sessions/s17");
        Model(ref faults, model, isRequired: false, "filter.model");
    }

    /// <summary>Any grain that carries a budget, a part of one, or a session.</summary>
    internal static void Grain(ref FieldFaults faults, string field, string name)
    {
        bool isPart = Names.TryParsePart(name, out string account, out string infix, out string part);
        bool isPartName = !isPart
            || (infix == Names.ModelsInfix ? FieldRules.IsWord(part) : FieldRules.IsText(part, UserCharsMax));
        bool isAccount = FieldRules.IsName(account, Names.TenantPrefix)
            || FieldRules.IsName(account, Names.BusinessUnitPrefix)
            || FieldRules.IsName(account, Names.UseCasePrefix)
            || FieldRules.IsName(account, Names.AgentPrefix);
        if ((!isAccount || !isPartName) && !Names.TryParseSession(name, out _))
        {
            faults.Add(
                field,
                "must be the name of a grain such as useCases/trade-promo, useCases/trade-promo/models/claude-opus-* "
                + "or useCases/trade-promo/users/kim@acme.test");
        }
    }

    internal static void Tags(ref FieldFaults faults, MapField<string, string> tags)
    {
        if (tags.Count == 0)
            return;
        if (tags.Count > FieldRules.MapEntriesMax)
            faults.Add("tags", "must be at most 32");
        foreach (KeyValuePair<string, string> tag in tags)
        {
            if (tag.Key.Length > FieldRules.IdCharsMax || !FieldRules.IsWord(tag.Key))
                faults.Add("tags", "must have names of 1 to 64 printable ASCII characters without spaces");
            else if (tag.Value.Length == 0 || !FieldRules.IsText(tag.Value, FieldRules.TagValueCharsMax))
                faults.Add($"tags[{tag.Key}]", "must be 1 to 256 characters without control characters");
        }
    }

    /// <summary>A time to live; absent is right.</summary>
    internal static void Ttl(ref FieldFaults faults, Duration? ttl, long secondsMax, string description)
    {
        if (ttl is null)
            return;
        bool isWellFormed = ttl.Nanos is >= 0 and < NanosPerSecond;
        bool isInRange = ttl.Seconds >= FieldRules.HoldSecondsMin
            && (ttl.Seconds < secondsMax || (ttl.Seconds == secondsMax && ttl.Nanos == 0));
        if (!isWellFormed || !isInRange)
            faults.Add("ttl", description);
    }

    /// <summary>An instant; absent is right.</summary>
    internal static void Time(ref FieldFaults faults, string field, Timestamp? time)
    {
        // The log counts nanos in 64 bits, which end in the year 2262.
        const long secondsMax = long.MaxValue / NanosPerSecond;
        if (time is not null && (time.Seconds is < 0 or >= secondsMax || time.Nanos is < 0 or >= NanosPerSecond))
            faults.Add(field, "must be a time from 1970 to 2262");
    }

    /// <summary>An amount of money; absent is right.</summary>
    internal static void Money(ref FieldFaults faults, string field, Money? money, bool isZeroRight)
    {
        if (money is null)
            return;
        MoneyReading reading = MoneyNanos.TryRead(money, out long nanos);
        string? fault = reading switch
        {
            MoneyReading.Read => nanos == 0 && !isZeroRight ? "must be above zero" : null,
            MoneyReading.NanosOutOfRange => "nanos must be -999,999,999 to 999,999,999",
            MoneyReading.SignsDiffer => "units and nanos must have the same sign",
            MoneyReading.Negative => "must not be negative",
            MoneyReading.TooLarge => "must be at most 9,223,372,036 units",
        };
        if (fault is not null)
            faults.Add(field, fault);
        if (money.CurrencyCode.Length > 0 && !IsCurrency(money.CurrencyCode))
            faults.Add($"{field}.currency_code", "must be the ISO 4217 code of the tenant's currency, or empty");
    }

    internal static void PageSize(ref FieldFaults faults, int pageSize)
    {
        if (pageSize is < 0 or > FieldRules.PageSizeMax)
            faults.Add("page_size", "must be 1 to 1,000, or 0 for 100");
    }

    internal static void Defined<T>(ref FieldFaults faults, string field, T value)
        where T : struct, System.Enum
    {
        if (!System.Enum.IsDefined(value))
            faults.Add(field, "has a value that this release does not know");
    }

    private static bool IsCurrency(string code) =>
        code.Length == 3 && !code.AsSpan().ContainsAnyExceptInRange('A', 'Z');
}
