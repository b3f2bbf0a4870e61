using System.Text.Json;
using System.Text.Json.Nodes;
using AgentBudget.Gateway.Calls;
using AgentBudget.Gateway.Options;
using AgentBudget.Protocol.V1;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Gateway.Dialects;

/// <summary>OpenAI's Chat Completions.</summary>
internal sealed class ChatDialect : Dialect
{
    private const int AnswersMax = 128; // As OpenAI takes them.

    // What routers make of a call: which model runs is told by nothing that was held for.
    private static readonly (string Member, string Why)[] Unbounded =
    [
        ("models", "they run other models than the one that is held for"),
        ("route", "it runs other models than the one that is held for"),
    ];

    public static ChatDialect Instance { get; } = new();

    public override string Name => "openai.chat";

    public override IReadOnlySet<string> Members { get; } = new HashSet<string>(StringComparer.Ordinal)
    {
        "model", "stream", "stream_options", "max_tokens", "max_completion_tokens", "n", "prediction", "service_tier",
        "modalities", "web_search_options", "models", "route",
    };

    public override ErrorShape Errors => OpenAiErrors.Instance;

    public override bool Speaks(UpstreamKind kind) =>
        kind is UpstreamKind.Demo or UpstreamKind.OpenAi or UpstreamKind.OpenAiCompatible
        or UpstreamKind.Azure;

    public override string PathOf(CallShape shape, string modelId) => "chat/completions";

    public override void SetMaximum(CallBody body, long tokens) =>
        body.Set("max_completion_tokens", JsonSerializer.SerializeToUtf8Bytes(tokens));

    public override CallShape Read(CallBody body, HttpRequest request)
    {
        Refuse(body, Unbounded);
        bool isStream = body.Flag("stream");
        long? maximum = body.Count("max_completion_tokens", OutputTokensMax);
        long? older = body.Count("max_tokens", OutputTokensMax);
        var input = InputSize.Of(body.Root);
        bool hasSearch = body.Find("web_search_options") is not null;
        CountedItem[] searches = hasSearch ? [new CountedItem { Sku = SearchSku, Count = 1 }] : [];
        return new CallShape
        {
            Model = ModelOf(body, request),
            IsStream = isStream,
            // A server may look at either, so the larger counts.
            MaxOutputTokens = maximum is null || older is null
                ? maximum ?? older
                : Math.Max(maximum.Value, older.Value),
            Answers = body.Count("n", AnswersMax) ?? 1,
            // Predicted tokens that are not taken are billed as output beside the answer.
            FurtherOutputTokens = body.Find("prediction") is { } prediction ? InputSize.Of(prediction).TextBytes : 0,
            MayBeAudio = body.Find("modalities") is { ValueKind: JsonValueKind.Array } modalities
                && modalities.EnumerateArray().Any(one => one.ValueKind == JsonValueKind.String
                    && one.ValueEquals("audio")),
            Input = input,
            ReadsMore = hasSearch,
            ServiceTier = TierOf(body.Text("service_tier")),
            Items = searches,
            UnreportedItems = searches,
            WantsUsage = !isStream || WantsUsage(body),
        };
    }

    public override void Prepare(CallBody body, CallShape shape, bool isDowngraded)
    {
        if (isDowngraded) body.Set("reasoning_effort", null);
        if (!shape.IsStream || shape.WantsUsage) return;
        // Without it a stream ends and nobody knows what it used.
        JsonObject options = body.ObjectOf("stream_options");
        options["include_usage"] = true;
        body.Set("stream_options", JsonSerializer.SerializeToUtf8Bytes(options));
    }

    public override AnswerReader MakeReader(CallShape shape) => new ChatReader(shape);

    private static bool WantsUsage(CallBody body)
    {
        if (body.Find("stream_options") is not { } options) return false;
        if (options.ValueKind != JsonValueKind.Object)
            throw new CallRefusedException(RefusalKind.Invalid, "stream_options must be an object.");
        return CallBody.Find(options, "include_usage")?.ValueKind == JsonValueKind.True;
    }
}
