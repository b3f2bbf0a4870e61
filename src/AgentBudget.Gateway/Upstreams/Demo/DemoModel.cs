using System.IO.Pipelines;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace AgentBudget.Gateway.Upstreams.Demo;

/// <summary>
/// A model that needs no network and no key. It speaks every dialect, streams, and bills what it counts: a token for
/// every four bytes of its input, and one for each word that it says. It says what its call asks for and no more: at
/// most the maximum. Told so by its input, it calls a tool: see <see cref="DemoToolCall"/>.
/// </summary>
internal sealed class DemoModel(TimeProvider time) : HttpMessageHandler
{
    private const int BytesPerToken = 4;

    protected override async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, CancellationToken cancellationToken)
    {
        byte[] body = await request.Content!.ReadAsByteArrayAsync(cancellationToken);
        JsonObject call = JsonNode.Parse(body)!.AsObject();
        string path = request.RequestUri!.AbsolutePath;
        int input = Math.Max(1, body.Length / BytesPerToken);
        if (path.EndsWith("/embeddings", StringComparison.Ordinal)) return Whole(DemoEmbeddings.Answer(call));
        if (path.EndsWith("/count_tokens", StringComparison.Ordinal))
            return Whole(new JsonObject { ["input_tokens"] = input });
        if (path.EndsWith("/input_tokens", StringComparison.Ordinal))
            return Whole(new JsonObject { ["object"] = "response.input_tokens", ["input_tokens"] = input });
        if (path.EndsWith(":countTokens", StringComparison.Ordinal))
            return Whole(new JsonObject { ["totalTokens"] = input });
        DemoAnswer answer = DemoAnswer.To(call, ModelOf(call, path), input, time);
        bool isStream = (bool?)call["stream"] ?? path.EndsWith(":streamGenerateContent", StringComparison.Ordinal);
        if (path.EndsWith("/chat/completions", StringComparison.Ordinal))
            return isStream ? Stream(DemoChat.Events(answer)) : Whole(DemoChat.Whole(answer));
        if (path.EndsWith("/responses", StringComparison.Ordinal))
            return isStream ? Stream(DemoResponses.Events(answer)) : Whole(DemoResponses.Whole(answer));
        if (path.Contains("/models/", StringComparison.Ordinal))
            return isStream ? Stream(DemoGemini.Events(answer)) : Whole(DemoGemini.Whole(answer));
        return isStream ? Stream(DemoMessages.Events(answer)) : Whole(DemoMessages.Whole(answer));
    }

    // …/models/gemini-x:generateContent
    private static string ModelOf(JsonObject call, string path)
    {
        if ((string?)call["model"] is { } named) return named;
        int start = path.LastIndexOf('/') + 1, end = path.LastIndexOf(':');
        return Uri.UnescapeDataString(path[start..(end < start ? path.Length : end)]);
    }

    private static HttpResponseMessage Whole(JsonObject json) => new(HttpStatusCode.OK)
    {
        Content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(json))
        {
            Headers = { ContentType = new MediaTypeHeaderValue("application/json") },
        },
    };

    private static HttpResponseMessage Stream(IEnumerable<DemoEvent> events)
    {
        Pipe pipe = new();
        _ = WriteAsync(pipe.Writer, events);
        return new HttpResponseMessage(HttpStatusCode.OK)
        {
            Content = new StreamContent(pipe.Reader.AsStream())
            {
                Headers = { ContentType = new MediaTypeHeaderValue("text/event-stream") },
            },
        };
    }

    private static async Task WriteAsync(PipeWriter writer, IEnumerable<DemoEvent> events)
    {
        Exception? fault = null;
        try
        {
            foreach ((string name, JsonObject? data) in events)
            {
                string head = name.Length > 0 ? $"event: {name}\n" : "";
                string text = $"{head}data: {data?.ToJsonString() ?? "[DONE]"}\n\n";
                FlushResult flushed = await writer.WriteAsync(Encoding.UTF8.GetBytes(text));
                if (flushed.IsCompleted) break; // Nobody reads any more.
            }
        }
        catch (Exception thrown)
        {
            fault = thrown; // The reader's, who would wait for ever.
        }

        await writer.CompleteAsync(fault);
    }
}
