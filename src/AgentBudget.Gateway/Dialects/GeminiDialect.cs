using System.Text.Json;
using System.Text.Json.Nodes;
using AgentBudget.Gateway.Calls;
using AgentBudget.Gateway.Options;
using AgentBudget.Protocol.V1;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Gateway.Dialects;

/// <summary>
/// Gemini's generateContent and streamGenerateContent. The path names the model. Members may be written in camel or in
/// snake case; both at once are refused, because one of them is not what the upstream reads.
/// </summary>
internal sealed class GeminiDialect : Dialect
{
    /// <summary>The path's part that names the model.</summary>
    public const string ModelRoute = "model";

    public const string GenerateMethod = ":generateContent";
    public const string StreamMethod = ":streamGenerateContent";
    public const string CountMethod = ":countTokens";

    private const int AnswersMax = 128;

    private static readonly string[] VersionsKnown = ["v1", "v1beta"];

    // What the provider reads beside the body, and how it is named in it.
    private static readonly string[] ReadMoreTools =
        ["urlContext", "codeExecution", "fileSearch", "googleMaps", "mcpServers", "retrieval", "enterpriseWebSearch"];

    private static readonly string[] SearchTools = ["googleSearch", "googleSearchRetrieval", "enterpriseWebSearch"];

    public static GeminiDialect Instance { get; } = new();

    public override string Name => "gemini.generate";

    public override IReadOnlySet<string> Members { get; } = new HashSet<string>(StringComparer.Ordinal)
    {
        "contents", "generationConfig", "generation_config", "tools", "cachedContent", "cached_content",
        "serviceTier", "service_tier", "model",
    };

    public override ErrorShape Errors => GeminiErrors.Instance;

    public override bool Speaks(UpstreamKind kind) => kind is UpstreamKind.Demo or UpstreamKind.Gemini
        or UpstreamKind.Vertex;

    public override string ModelOf(CallBody body, HttpRequest request)
    {
        string model = request.RouteValues[ModelRoute] as string ?? "";
        // Vertex' SDKs repeat it in the body, and only one of two that differ would run.
        if (body.Text("model") is { } named && named != model && named != $"models/{model}")
            throw new CallRefusedException(
                RefusalKind.Invalid, $"The path names the model {model} and the body {named}. Name one.");
        return model.Length is > 0 and <= 128
            ? model
            : throw new CallRefusedException(RefusalKind.Invalid, "The model must be 1 to 128 characters.");
    }

    public override string PathOf(CallShape shape, string modelId) =>
        $"{shape.ApiVersion}/models/{Uri.EscapeDataString(modelId)}"
        + (shape.IsStream ? $"{StreamMethod}?alt=sse" : GenerateMethod);

    public override string CountPathOf(HttpRequest request, string modelId) =>
        $"{VersionOf(request)}/models/{Uri.EscapeDataString(modelId)}{CountMethod}";

    public override void SetModel(CallBody body, string modelId)
    {
        if (body.Find("model") is not null) body.Set("model", null); // The path says it.
    }

    public override void SetMaximum(CallBody body, long tokens)
    {
        JsonObject config = body.ObjectOf(ConfigNameOf(body));
        config["maxOutputTokens"] = tokens;
        body.Set(ConfigNameOf(body), JsonSerializer.SerializeToUtf8Bytes(config));
    }

    public override CallShape Read(CallBody body, HttpRequest request)
    {
        bool isStream = request.Path.Value!.EndsWith(StreamMethod, StringComparison.Ordinal);
        if (isStream && request.Query["alt"] != "sse")
            throw new CallRefusedException(
                RefusalKind.Invalid, "streamGenerateContent is served as events only: add ?alt=sse.");
        JsonElement? config = Member(body.Root, "generationConfig");
        if (config is { ValueKind: not JsonValueKind.Object })
            throw new CallRefusedException(RefusalKind.Invalid, "generationConfig must be an object.");
        List<CountedItem> items = ToolsOf(body, out bool readsMore);
        return new CallShape
        {
            Model = ModelOf(body, request),
            IsStream = isStream,
            ApiVersion = VersionOf(request),
            MaxOutputTokens = Count(config, "maxOutputTokens", OutputTokensMax),
            Answers = Count(config, "candidateCount", AnswersMax) ?? 1,
            MayBeAudio = Member(config, "responseModalities") is { ValueKind: JsonValueKind.Array } modalities
                && modalities.EnumerateArray().Any(one => one.ValueKind == JsonValueKind.String
                    && one.GetString()!.Equals("AUDIO", StringComparison.OrdinalIgnoreCase)),
            Input = InputSize.Of(body.Root),
            ReadsMore = readsMore || Member(body.Root, "cachedContent") is not null,
            ServiceTier = TierOf(body),
            Items = items,
        };
    }

    public override void Prepare(CallBody body, CallShape shape, bool isDowngraded)
    {
        // A cheaper model may not think, or not by these names.
        if (!isDowngraded || Member(Member(body.Root, "generationConfig"), "thinkingConfig") is null) return;
        JsonObject config = body.ObjectOf(ConfigNameOf(body));
        config.Remove("thinkingConfig");
        config.Remove("thinking_config");
        body.Set(ConfigNameOf(body), JsonSerializer.SerializeToUtf8Bytes(config));
    }

    public override AnswerReader MakeReader(CallShape shape) => new GeminiReader(shape);

    private static string VersionOf(HttpRequest request) =>
        Array.Find(VersionsKnown, version => request.Path.Value!.Contains(
            $"/{version}/", StringComparison.Ordinal)) ?? VersionsKnown[0];

    private static string ConfigNameOf(CallBody body) =>
        body.Find("generation_config") is null ? "generationConfig" : "generation_config";

    private static ServiceTier TierOf(CallBody body) => Member(body.Root, "serviceTier") switch
    {
        null => TierOf((string?)null),
        { ValueKind: JsonValueKind.String } tier => TierOf(NameOf(tier.GetString()!)),
        _ => throw new CallRefusedException(RefusalKind.Invalid, "serviceTier must be a string."),
    };

    // SERVICE_TIER_PRIORITY: priority.
    private static string? NameOf(string tier) => tier.ToLowerInvariant().Split('_')[^1] switch
    {
        "unspecified" => null,
        string name => name,
    };

    private static List<CountedItem> ToolsOf(CallBody body, out bool readsMore)
    {
        readsMore = false;
        long searches = 0;
        if (Member(body.Root, "tools") is { ValueKind: JsonValueKind.Array } tools)
        {
            foreach (JsonElement tool in tools.EnumerateArray())
            {
                if (tool.ValueKind != JsonValueKind.Object) continue;
                if (Array.Exists(SearchTools, name => Member(tool, name) is not null)) searches = ToolUsesByDefault;
                readsMore |= searches > 0 || Array.Exists(ReadMoreTools, name => Member(tool, name) is not null);
            }
        }

        return searches == 0 ? [] : [new CountedItem { Sku = SearchSku, Count = searches }];
    }

    private static long? Count(JsonElement? parent, string name, long most) => Member(parent, name) is not { } value
        ? null
        : value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long count) && count >= 1 && count <= most
            ? count
            : throw new CallRefusedException(
                RefusalKind.Invalid, $"{name} must be a whole number from 1 to {most}.");

    // Protobuf's JSON takes both spellings of a name.
    private static JsonElement? Member(JsonElement? parent, string camel)
    {
        string snake = string.Concat(camel.Select(letter =>
            char.IsAsciiLetterUpper(letter) ? $"_{char.ToLowerInvariant(letter)}" : $"{letter}"));
        JsonElement? one = CallBody.Find(parent, camel), other = snake == camel ? null : CallBody.Find(parent, snake);
        return one is null || other is null
            ? one ?? other
            : throw new CallRefusedException(
                RefusalKind.Invalid, $"{camel} and {snake} are one member. Send it once.");
    }
}
