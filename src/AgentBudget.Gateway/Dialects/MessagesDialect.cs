using System.Text.Json;
using AgentBudget.Gateway.Calls;
using AgentBudget.Gateway.Options;
using AgentBudget.Protocol.V1;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Gateway.Dialects;

/// <summary>Anthropic's Messages.</summary>
internal sealed class MessagesDialect : Dialect
{
    // What they make a call cost is told by nothing in it, or in another call.
    private static readonly (string Member, string Why)[] Unbounded =
    [
        ("thread", "its history is with the provider, so what it reads is unknown"),
        ("fallbacks", "they run other models than the one that is held for"),
        ("billing_policy", "it moves what the call costs to somewhere else"),
    ];

    private static readonly string[] ReadMore = ["mcp_servers", "container", "context_management"];

    public static MessagesDialect Instance { get; } = new();

    public override string Name => "anthropic.messages";

    public override IReadOnlySet<string> Members { get; } = new HashSet<string>(StringComparer.Ordinal)
    {
        "model", "stream", "max_tokens", "service_tier", "speed", "inference_geo", "tools", "thread", "fallbacks",
        "billing_policy", "mcp_servers", "container", "context_management",
    };

    public override ErrorShape Errors => AnthropicErrors.Instance;

    public override bool Speaks(UpstreamKind kind) => kind is UpstreamKind.Demo or UpstreamKind.Anthropic
        or UpstreamKind.Azure or UpstreamKind.Vertex or UpstreamKind.Bedrock;

    public override string PathOf(CallShape shape, string modelId) => "v1/messages";

    public override string CountPathOf(HttpRequest request, string modelId) => "v1/messages/count_tokens";

    public override void SetMaximum(CallBody body, long tokens) =>
        body.Set("max_tokens", JsonSerializer.SerializeToUtf8Bytes(tokens));

    public override CallShape Read(CallBody body, HttpRequest request)
    {
        Refuse(body, Unbounded);
        List<CountedItem> items = ServerToolsOf(body, out bool hasServerTools);
        return new CallShape
        {
            Model = ModelOf(body, request),
            IsStream = body.Flag("stream"),
            MaxOutputTokens = body.Count("max_tokens", OutputTokensMax),
            Input = InputSize.Of(body.Root),
            // The loop of a server's tool reads its input again with each result.
            ReadsMore = hasServerTools || Array.Exists(ReadMore, member => body.Find(member) is not null),
            ServiceTier = body.Text("speed") == "fast"
                ? ServiceTier.Priority
                : TierOf(body.Text("service_tier")),
            Region = body.Text("inference_geo") ?? "",
            Items = items,
        };
    }

    public override void Prepare(CallBody body, CallShape shape, bool isDowngraded)
    {
        // A cheaper model may know no adaptive thinking and no effort.
        if (!isDowngraded) return;
        if (CallBody.Find(body.Find("thinking"), "type") is { ValueKind: JsonValueKind.String } type
            && type.ValueEquals("adaptive"))
        {
            body.Set("thinking", null);
        }

        if (CallBody.Find(body.Find("output_config"), "effort") is not null) body.Set("output_config", null);
    }

    public override AnswerReader MakeReader(CallShape shape) => new MessagesReader();

    // Pages that are fetched cost their tokens and nothing beside.
    private static List<CountedItem> ServerToolsOf(CallBody body, out bool hasAny)
    {
        List<CountedItem> items = [];
        hasAny = false;
        if (body.Find("tools") is not { ValueKind: JsonValueKind.Array } tools) return items;
        foreach (JsonElement tool in tools.EnumerateArray())
        {
            // Tools that the provider runs have a dated type: web_search_20250305.
            if (CallBody.Find(tool, "type") is not { ValueKind: JsonValueKind.String } type) continue;
            string name = type.GetString()!;
            string sku = name.StartsWith("web_search_", StringComparison.Ordinal) ? SearchSku
                : name.StartsWith("code_execution_", StringComparison.Ordinal) ? "code_execution"
                : "";
            hasAny |= sku.Length > 0 || name.StartsWith("web_fetch_", StringComparison.Ordinal);
            if (sku.Length == 0 || items.Exists(item => item.Sku == sku)) continue;
            long uses = CallBody.Find(tool, "max_uses") is { ValueKind: JsonValueKind.Number } most
                && most.TryGetInt64(out long count) && count is >= 1 and <= ToolUsesMax ? count : ToolUsesByDefault;
            items.Add(new CountedItem { Sku = sku, Count = uses });
        }

        return items;
    }
}
