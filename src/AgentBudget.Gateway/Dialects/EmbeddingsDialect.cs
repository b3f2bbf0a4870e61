using AgentBudget.Gateway.Calls;
using AgentBudget.Gateway.Options;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Gateway.Dialects;

/// <summary>OpenAI's Embeddings: input and no output.</summary>
internal sealed class EmbeddingsDialect : Dialect
{
    public static EmbeddingsDialect Instance { get; } = new();

    public override string Name => "openai.embeddings";

    public override IReadOnlySet<string> Members { get; } =
        new HashSet<string>(["model", "input"], StringComparer.Ordinal);

    public override ErrorShape Errors => OpenAiErrors.Instance;

    public override bool Speaks(UpstreamKind kind) => ChatDialect.Instance.Speaks(kind);

    public override string PathOf(CallShape shape, string modelId) => "embeddings";

    public override CallShape Read(CallBody body, HttpRequest request) => new()
    {
        Model = ModelOf(body, request),
        IsStream = false,
        MaxOutputTokens = 0,
        Input = InputSize.OfEmbeddings(body.Root),
    };

    // Never asked: there is no output.
    public override void SetMaximum(CallBody body, long tokens) => throw new NotSupportedException();

    public override void Prepare(CallBody body, CallShape shape, bool isDowngraded)
    {
    }

    public override AnswerReader MakeReader(CallShape shape) => new ChatReader(shape);
}
