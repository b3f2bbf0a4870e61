using System.Text.Json;
using AgentBudget.Gateway.Calls;
using AgentBudget.Gateway.Options;
using AgentBudget.Protocol.V1;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Gateway.Dialects;

/// <summary>OpenAI's Responses.</summary>
internal sealed class ResponsesDialect : Dialect
{
    // What they make a call cost is told by nothing in it.
    private static readonly (string Member, string Why)[] Unbounded =
    [
        ("prompt", "its model, tools and text are with the provider, so what it costs is unknown"),
        ("multi_agent", "nothing bounds how many agents it starts"),
    ];

    // The input is with the provider, in part.
    private static readonly string[] ReadMore = ["previous_response_id", "conversation", "context_management"];

    public static ResponsesDialect Instance { get; } = new();

    public override string Name => "openai.responses";

    public override IReadOnlySet<string> Members { get; } = new HashSet<string>(StringComparer.Ordinal)
    {
        "model", "stream", "max_output_tokens", "max_tool_calls", "service_tier", "tools", "background", "prompt",
        "multi_agent", "previous_response_id", "conversation", "context_management", "reasoning", "input",
    };

    public override ErrorShape Errors => ResponsesErrors.Instance;

    public override bool Speaks(UpstreamKind kind) => ChatDialect.Instance.Speaks(kind);

    public override string PathOf(CallShape shape, string modelId) => "responses";

    public override string CountPathOf(HttpRequest request, string modelId) => "responses/input_tokens";

    public override void SetMaximum(CallBody body, long tokens) =>
        body.Set("max_output_tokens", JsonSerializer.SerializeToUtf8Bytes(tokens));

    public override CallShape Read(CallBody body, HttpRequest request)
    {
        Refuse(body, Unbounded);
        if (body.Flag("background"))
            throw new CallRefusedException(
                RefusalKind.Invalid,
                "background is not taken by this gateway: what the call used is told by another one. Leave it out.");
        var input = InputSize.Of(body.Root);
        List<CountedItem> items = ServerToolsOf(body, out bool hasServerTools);
        return new CallShape
        {
            Model = ModelOf(body, request),
            IsStream = body.Flag("stream"),
            MaxOutputTokens = body.Count("max_output_tokens", OutputTokensMax),
            Input = input,
            // The loop of a provider's tool reads its input again with each result.
            ReadsMore = hasServerTools || Array.Exists(ReadMore, member => body.Find(member) is not null),
            ServiceTier = TierOf(body.Text("service_tier")),
            Items = items,
        };
    }

    public override void Prepare(CallBody body, CallShape shape, bool isDowngraded)
    {
        if (isDowngraded) body.Set("reasoning", null); // A cheaper model may not know it.
        if (shape.Items.Count > 0 && body.Find("max_tool_calls") is null)
            body.Set("max_tool_calls", JsonSerializer.SerializeToUtf8Bytes(ToolUsesByDefault));
    }

    public override AnswerReader MakeReader(CallShape shape) => new ResponsesReader(shape);

    private static List<CountedItem> ServerToolsOf(CallBody body, out bool hasAny)
    {
        List<CountedItem> items = [];
        hasAny = false;
        if (body.Find("tools") is not { ValueKind: JsonValueKind.Array } tools) return items;
        long uses = body.Count("max_tool_calls", ToolUsesMax) ?? ToolUsesByDefault;
        foreach (JsonElement tool in tools.EnumerateArray())
        {
            if (CallBody.Find(tool, "type") is not { ValueKind: JsonValueKind.String } type) continue;
            string name = type.GetString()!;
            string sku = name.StartsWith(SearchSku, StringComparison.Ordinal) ? SearchSku
                : name is "file_search" or "code_interpreter" or "image_generation" ? name
                : "";
            // A server of tools costs what its results are to read, and a shell likewise.
            hasAny |= sku.Length > 0 || name is "mcp" or "shell" or "programmatic_tool_calling";
            if (sku.Length == 0 || items.Exists(item => item.Sku == sku)) continue;
            items.Add(new CountedItem { Sku = sku, Count = uses });
        }

        return items;
    }
}
