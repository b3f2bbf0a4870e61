using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentBudget.Gateway.Calls;
using AgentBudget.Gateway.Dialects;
using AgentBudget.Gateway.Options;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Gateway.Upstreams.Bedrock;

/// <summary>
/// Anthropic's models on Amazon Bedrock by InvokeModel: the path names the model and whether it streams, the request is
/// signed or has a key of Bedrock's, and a stream comes in frames.
/// </summary>
internal sealed class BedrockWire(UpstreamModel model, TimeProvider time) : UpstreamWire
{
    private const string ApiVersion = "bedrock-2023-05-31";
    private const string FramesType = "application/vnd.amazon.eventstream";
    private const int ErrorBytesMax = 64 * 1024;

    private readonly AwsKeys? _keys = AwsKeys.Parse(model.Key!);

    public override string PathOf(Dialect dialect, CallShape shape, string modelId) =>
        $"model/{Uri.EscapeDataString(modelId)}/{(shape.IsStream ? "invoke-with-response-stream" : "invoke")}";

    // Bedrock counts whole requests of its own form only.
    public override string? CountPathOf(Dialect dialect, HttpRequest request, string modelId) => null;

    public override void Prepare(Dialect dialect, CallBody body, HttpRequest request)
    {
        body.Set("model", null);
        body.Set("stream", null);
        body.Set("anthropic_version", JsonSerializer.SerializeToUtf8Bytes(ApiVersion));
        string[] betas = request.Headers["anthropic-beta"].ToString()
            .Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (betas.Length > 0) body.Set("anthropic_beta", JsonSerializer.SerializeToUtf8Bytes(betas));
    }

    public override async ValueTask AuthorizeAsync(HttpRequestMessage request, CancellationToken cancellation)
    {
        if (_keys is null)
        {
            request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {model.Key}");
            return;
        }

        byte[] body = await request.Content!.ReadAsByteArrayAsync(cancellation);
        SigV4.Sign(request, body, _keys, model.Region!, "bedrock", time.GetUtcNow());
    }

    public override async ValueTask<HttpResponseMessage> ReadAsync(
        HttpResponseMessage response, CancellationToken cancellation)
    {
        if (!response.IsSuccessStatusCode) return await ReadErrorAsync(response, cancellation);
        if (response.Content.Headers.ContentType?.MediaType != FramesType) return response;
        Stream frames = await response.Content.ReadAsStreamAsync(cancellation);
        response.Content = new StreamContent(new BedrockEvents(frames))
        {
            Headers = { ContentType = new MediaTypeHeaderValue("text/event-stream") },
        };
        return response;
    }

    private static async Task<HttpResponseMessage> ReadErrorAsync(
        HttpResponseMessage response, CancellationToken cancellation)
    {
        string kind = response.Headers.TryGetValues("x-amzn-errortype", out IEnumerable<string>? kinds)
            ? kinds.First()
            : "";
        string message = $"Bedrock answered {(int)response.StatusCode}.";
        try
        {
            byte[] body = new byte[ErrorBytesMax];
            await using Stream from = await response.Content.ReadAsStreamAsync(cancellation);
            int bytes = await from.ReadAtLeastAsync(body, body.Length, throwOnEndOfStream: false, cancellation);
            JsonNode? told = JsonNode.Parse(body.AsSpan(0, bytes));
            message = (string?)(told?["message"] ?? told?["Message"]) ?? message;
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            // It says no more than its status.
        }

        response.Content = new ByteArrayContent(
            JsonSerializer.SerializeToUtf8Bytes(BedrockErrors.Of(kind, message)))
        {
            Headers = { ContentType = new MediaTypeHeaderValue("application/json") },
        };
        return response;
    }
}
