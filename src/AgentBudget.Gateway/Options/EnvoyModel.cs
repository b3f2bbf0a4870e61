using System.Net;

namespace AgentBudget.Gateway.Options;

/// <summary>What Envoy's hits are counted in.</summary>
internal enum HitUnit
{
    /// <summary>Tokens that nobody told apart. They cost what output does, as all that a report leaves open.</summary>
    Tokens,
    InputTokens,
    OutputTokens,

    /// <summary>A SKU of the price book, as one that costs a billionth.</summary>
    Sku,
}

/// <summary>What is served to Envoy, checked.</summary>
internal sealed record EnvoyModel(IPEndPoint Listen, IReadOnlyList<EnvoyRuleModel> Rules)
{
    private const int RulesMax = 1_000;

    public static EnvoyModel From(EnvoyOptions options)
    {
        IPEndPoint listen = GatewayModel.ParseEndPoint(options.Listen ?? "") ?? throw new GatewayOptionsException(
            $"gateway:envoy:listen must be HOST:PORT with an IP address or localhost, not {options.Listen}.");
        if (options.Rules.Count > RulesMax)
            throw new GatewayOptionsException($"gateway:envoy:rules has more than {RulesMax} entries.");
        return new EnvoyModel(listen, [.. options.Rules.Select(EnvoyRuleModel.From)]);
    }
}

/// <summary>What a descriptor means, checked.</summary>
internal sealed record EnvoyRuleModel
{
    public const string Session = "session";
    public const string Agent = "agent";
    public const string UseCase = "useCase";
    public const string User = "user";
    public const string Conversation = "conversation";
    public const string Model = "model";
    public const string TagPrefix = "tag.";

    private const string SkuPrefix = "sku:";
    private const int EntriesMax = 32;
    private const int TextMax = 256;
    private const long HoldMax = 1_000_000_000_000; // As estimates take them.

    private static readonly string[] Names = [Session, Agent, UseCase, User, Conversation, Model];

    private static readonly Dictionary<string, HitUnit> Units = new(StringComparer.Ordinal)
    {
        ["tokens"] = HitUnit.Tokens,
        ["inputTokens"] = HitUnit.InputTokens,
        ["outputTokens"] = HitUnit.OutputTokens,
    };

    /// <summary>Empty for every domain.</summary>
    public required string Domain { get; init; }

    /// <summary>Entries that a descriptor must have.</summary>
    public required IReadOnlyList<KeyValuePair<string, string>> When { get; init; }

    /// <summary>What is told by the value of an entry: its key.</summary>
    public required IReadOnlyDictionary<string, string> Keys { get; init; }

    /// <summary>What is always the same.</summary>
    public required IReadOnlyDictionary<string, string> Values { get; init; }

    public required HitUnit Unit { get; init; }

    /// <summary>The SKU; empty where tokens are counted.</summary>
    public required string Sku { get; init; }

    /// <summary>Hits above the limit are spend all the same.</summary>
    public required bool RecordsOver { get; init; }

    public required long Hold { get; init; }

    public required bool IsShadow { get; init; }

    public static EnvoyRuleModel From(EnvoyRuleOptions options, int index)
    {
        string at = $"gateway:envoy:rules:{index}";
        bool isSku = options.Unit.StartsWith(SkuPrefix, StringComparison.Ordinal)
            && options.Unit.Length > SkuPrefix.Length;
        HitUnit unit = HitUnit.Sku;
        if (!isSku && !Units.TryGetValue(options.Unit, out unit))
            throw new GatewayOptionsException(
                $"{at}:unit must be {string.Join(", ", Units.Keys)} or {SkuPrefix}NAME, not {options.Unit}.");
        if (options.WhenOver is not ("record" or "refuse"))
            throw new GatewayOptionsException($"{at}:whenOver must be record or refuse, not {options.WhenOver}.");
        if (options.Hold is < 1 or > HoldMax)
            throw new GatewayOptionsException($"{at}:hold must be 1 to {HoldMax}, not {options.Hold}.");
        Check(options, unit, at);
        return new EnvoyRuleModel
        {
            Domain = options.Domain ?? "",
            When = [.. options.When.Select(entry => EntryOf(entry, at))],
            Keys = options.From,
            Values = options.Set,
            Unit = unit,
            Sku = isSku ? options.Unit[SkuPrefix.Length..] : "",
            RecordsOver = options.WhenOver == "record",
            Hold = options.Hold,
            IsShadow = options.Shadow,
        };
    }

    private static KeyValuePair<string, string> EntryOf(string text, string at)
    {
        int equals = text.IndexOf('=', StringComparison.Ordinal);
        return equals > 0 && text.Length <= TextMax
            ? new KeyValuePair<string, string>(text[..equals], text[(equals + 1)..])
            : throw new GatewayOptionsException($"{at}:when must be KEY=VALUE, not {text}.");
    }

    private static void Check(EnvoyRuleOptions options, HitUnit unit, string at)
    {
        foreach ((string name, string text) in options.From.Concat(options.Set))
        {
            if (text.Length is 0 or > TextMax)
                throw new GatewayOptionsException(
                    $"{at} has {name} with {text}: it must be 1 to {TextMax} characters.");
        }

        string[] named = [.. options.From.Keys, .. options.Set.Keys];
        if (named.Length + options.When.Count > EntriesMax)
            throw new GatewayOptionsException($"{at} names more than {EntriesMax} entries.");
        foreach (string name in named)
        {
            bool isTag = name.StartsWith(TagPrefix, StringComparison.Ordinal) && name.Length > TagPrefix.Length;
            if (!isTag && !Names.Contains(name, StringComparer.Ordinal))
                throw new GatewayOptionsException(
                    $"{at} has {name}: it must be one of {string.Join(", ", Names)} or {TagPrefix}NAME.");
            if (named.Count(other => other == name) > 1)
                throw new GatewayOptionsException($"{at} has {name} in from and in set: give it once.");
        }

        bool hasSession = options.From.ContainsKey(Session);
        if (options.Set.ContainsKey(Session))
            throw new GatewayOptionsException($"{at}:set has {Session}: a token is the caller's to show, in from.");
        if (hasSession == (named.Contains(Agent) && named.Contains(UseCase))
            || (hasSession && (named.Contains(Agent) || named.Contains(UseCase))))
        {
            throw new GatewayOptionsException(
                $"{at} must name {Session}, or else {Agent} and {UseCase}, in from or in set.");
        }

        if (unit != HitUnit.Sku && !named.Contains(Model))
            throw new GatewayOptionsException($"{at} counts tokens, so it must name the {Model} that prices them.");
    }
}
