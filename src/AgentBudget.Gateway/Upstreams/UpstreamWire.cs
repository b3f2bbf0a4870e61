using AgentBudget.Gateway.Calls;
using AgentBudget.Gateway.Dialects;
using AgentBudget.Gateway.Options;
using AgentBudget.Gateway.Upstreams.Bedrock;
using AgentBudget.Gateway.Upstreams.Vertex;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Gateway.Upstreams;

/// <summary>How one kind of upstream takes calls: where they go, what is changed, how they are signed.</summary>
internal abstract class UpstreamWire
{
    /// <summary>The wire of an upstream.</summary>
    /// <param name="model">The upstream.</param>
    /// <param name="invoker">Its connections.</param>
    /// <param name="time">The clock.</param>
    public static UpstreamWire Of(UpstreamModel model, HttpMessageInvoker invoker, TimeProvider time) =>
        model.Kind switch
        {
            UpstreamKind.Demo or UpstreamKind.OpenAi or UpstreamKind.OpenAiCompatible =>
                new KeyWire("Authorization", model.Key is { } key ? $"Bearer {key}" : null),
            UpstreamKind.Anthropic => new KeyWire("x-api-key", model.Key),
            UpstreamKind.Gemini => new KeyWire("x-goog-api-key", model.Key),
            UpstreamKind.Azure => new AzureWire(model),
            UpstreamKind.Vertex => new VertexWire(model, invoker, time),
            UpstreamKind.Bedrock => new BedrockWire(model, time),
        };

    /// <summary>The path of a call below the upstream's base address.</summary>
    public virtual string PathOf(Dialect dialect, CallShape shape, string modelId) => dialect.PathOf(shape, modelId);

    /// <summary>The path at which input is counted; null where the upstream has none.</summary>
    public virtual string? CountPathOf(Dialect dialect, HttpRequest request, string modelId) =>
        dialect.CountPathOf(request, modelId);

    /// <summary>Changes the call to what this kind takes.</summary>
    public virtual void Prepare(Dialect dialect, CallBody body, HttpRequest request, string modelId)
    {
    }

    /// <summary>Adds the gateway's key.</summary>
    public abstract ValueTask AuthorizeAsync(HttpRequestMessage request, CancellationToken cancellation);

    /// <summary>Brings an answer to the dialect's own form.</summary>
    public virtual ValueTask<HttpResponseMessage> ReadAsync(
        HttpRequestMessage request, HttpResponseMessage response, CancellationToken cancellation) => new(response);
}

/// <summary>An upstream that speaks its dialect as its provider does, and has a key.</summary>
/// <param name="header">Where the key stands.</param>
/// <param name="value">It, or null where there is none.</param>
internal sealed class KeyWire(string header, string? value) : UpstreamWire
{
    public override ValueTask AuthorizeAsync(HttpRequestMessage request, CancellationToken cancellation)
    {
        if (value is not null) request.Headers.TryAddWithoutValidation(header, value);
        return ValueTask.CompletedTask;
    }
}

/// <summary>
/// Azure: OpenAI's models by the name of their deployment, and Anthropic's on Foundry. Without a version of the API it
/// is that of <c>/openai/v1</c>, which needs none.
/// </summary>
internal sealed class AzureWire(UpstreamModel model) : UpstreamWire
{
    public override string PathOf(Dialect dialect, CallShape shape, string modelId) =>
        Below(dialect, dialect.PathOf(shape, modelId), modelId);

    public override string? CountPathOf(Dialect dialect, HttpRequest request, string modelId) =>
        dialect.CountPathOf(request, modelId) is { } path ? Below(dialect, path, modelId) : null;

    public override ValueTask AuthorizeAsync(HttpRequestMessage request, CancellationToken cancellation)
    {
        request.Headers.TryAddWithoutValidation("api-key", model.Key);
        return ValueTask.CompletedTask;
    }

    private string Below(Dialect dialect, string path, string modelId)
    {
        if (dialect is MessagesDialect) return $"anthropic/{path}";
        return model.ApiVersion is { } version
            ? $"openai/deployments/{Uri.EscapeDataString(modelId)}/{path}?api-version={Uri.EscapeDataString(version)}"
            : $"openai/v1/{path}";
    }
}
