using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentBudget.Gateway.Calls;
using AgentBudget.Gateway.Dialects;
using AgentBudget.Gateway.Options;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Gateway.Upstreams.Bedrock;

/// <summary>
/// Models on Amazon Bedrock: Anthropic's by InvokeModel, which takes their own form, and all others by Converse. The
/// path names the model and whether it streams, the request is signed or has a key of Bedrock's, and a stream comes in
/// frames.
/// </summary>
internal sealed class BedrockWire(UpstreamModel model, TimeProvider time) : UpstreamWire
{
    private const string ApiVersion = "bedrock-2023-05-31";
    private const string FramesType = "application/vnd.amazon.eventstream";
    private const string Converse = "converse";
    private const string ConverseStream = "converse-stream";
    private const string AnthropicModel = "anthropic.";
    private const int ErrorBytesMax = 64 * 1024;
    private const int AnswerBytesMax = 64 * 1024 * 1024;

    private readonly AwsKeys? _keys = AwsKeys.Parse(model.Key!);

    public override string PathOf(Dialect dialect, CallShape shape, string modelId)
    {
        string method = TakesConverse(modelId)
            ? (shape.IsStream ? ConverseStream : Converse)
            : shape.IsStream ? "invoke-with-response-stream" : "invoke";
        return $"model/{Uri.EscapeDataString(modelId)}/{method}";
    }

    // Bedrock counts whole requests of its own form only.
    public override string? CountPathOf(Dialect dialect, HttpRequest request, string modelId) => null;

    public override void Prepare(Dialect dialect, CallBody body, HttpRequest request, string modelId)
    {
        if (TakesConverse(modelId))
        {
            body.Replace(ConverseCall.Of(body.ToBytes()));
            return;
        }

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
        HttpRequestMessage request, HttpResponseMessage response, CancellationToken cancellation)
    {
        if (!response.IsSuccessStatusCode) return await ReadErrorAsync(response, cancellation);
        (string name, string method) = CallOf(request.RequestUri!);
        if (response.Content.Headers.ContentType?.MediaType == FramesType)
        {
            FrameReader reader = method == ConverseStream ? new ConverseReader(name) : new InvokeReader();
            Stream frames = await response.Content.ReadAsStreamAsync(cancellation);
            response.Content = new StreamContent(new FrameStream(frames, reader))
            {
                Headers = { ContentType = new MediaTypeHeaderValue("text/event-stream") },
            };
        }
        else if (method is Converse or ConverseStream)
        {
            byte[] answer = await ReadUpToAsync(response, AnswerBytesMax, cancellation);
            if (answer.Length > AnswerBytesMax) throw new IOException("The answer is too large.");
            response.Content = JsonOf(ConverseAnswer.Of(answer, name));
        }

        return response;
    }

    // What a profile's name says nothing of is Converse's too, which serves every model.
    private static bool TakesConverse(string modelId) => !modelId.Contains(AnthropicModel, StringComparison.Ordinal);

    // The end of a path, as PathOf makes it.
    private static (string Model, string Method) CallOf(Uri address) =>
        (Uri.UnescapeDataString(address.Segments[^2].TrimEnd('/')), address.Segments[^1]);

    private static ByteArrayContent JsonOf(byte[] json) => new(json)
    {
        Headers = { ContentType = new MediaTypeHeaderValue("application/json") },
    };

    // One byte more than the bound where it is larger.
    private static async Task<byte[]> ReadUpToAsync(
        HttpResponseMessage response, int most, CancellationToken cancellation)
    {
        await using Stream from = await response.Content.ReadAsStreamAsync(cancellation);
        using MemoryStream read = new();
        byte[] buffer = new byte[16 * 1024];
        int bytes;
        while (read.Length <= most && (bytes = await from.ReadAsync(buffer, cancellation)) > 0)
            read.Write(buffer, 0, bytes);
        return read.ToArray();
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
            JsonNode? told = JsonNode.Parse(await ReadUpToAsync(response, ErrorBytesMax, cancellation));
            message = (string?)(told?["message"] ?? told?["Message"]) ?? message;
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            // It says no more than its status.
        }

        response.Content = JsonOf(JsonSerializer.SerializeToUtf8Bytes(BedrockErrors.Of(kind, message)));
        return response;
    }
}
