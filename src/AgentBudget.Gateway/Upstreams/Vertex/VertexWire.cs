using System.Text.Json;
using AgentBudget.Gateway.Calls;
using AgentBudget.Gateway.Dialects;
using AgentBudget.Gateway.Options;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Gateway.Upstreams.Vertex;

/// <summary>Google's and Anthropic's models on Vertex AI: the path names project, place, publisher and model.</summary>
internal sealed class VertexWire : UpstreamWire
{
    private const string ApiVersion = "vertex-2023-10-16";

    private readonly UpstreamModel _model;
    private readonly ServiceAccount? _account;

    public VertexWire(UpstreamModel model, HttpMessageInvoker invoker, TimeProvider time)
    {
        _model = model;
        if (ServiceAccountKey.Is(model.Key!))
            _account = new ServiceAccount(ServiceAccountKey.Parse(model.Key!), invoker, time);
    }

    private string Publishers => $"v1/projects/{_model.Project}/locations/{_model.Region}/publishers";

    public override string PathOf(Dialect dialect, CallShape shape, string modelId)
    {
        string name = Uri.EscapeDataString(modelId);
        return dialect is MessagesDialect
            ? $"{Publishers}/anthropic/models/{name}:{(shape.IsStream ? "streamRawPredict" : "rawPredict")}"
            : $"{Publishers}/google/{Below(dialect.PathOf(shape, modelId))}";
    }

    public override string? CountPathOf(Dialect dialect, HttpRequest request, string modelId) =>
        dialect is MessagesDialect
            ? $"{Publishers}/anthropic/models/count-tokens:rawPredict"
            : $"{Publishers}/google/{Below(dialect.CountPathOf(request, modelId)!)}";

    public override void Prepare(Dialect dialect, CallBody body, HttpRequest request, string modelId)
    {
        if (dialect is not MessagesDialect) return;
        bool isCount = request.Path.Value!.EndsWith("/count_tokens", StringComparison.Ordinal);
        if (!isCount) body.Set("model", null);
        body.Set("anthropic_version", JsonSerializer.SerializeToUtf8Bytes(ApiVersion));
    }

    public override async ValueTask AuthorizeAsync(HttpRequestMessage request, CancellationToken cancellation)
    {
        string token = _account is null ? _model.Key! : await _account.TokenAsync(cancellation);
        request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {token}");
    }

    // v1beta/models/gemini-x:generateContent
    private static string Below(string path) => path[(path.IndexOf('/', StringComparison.Ordinal) + 1)..];
}
