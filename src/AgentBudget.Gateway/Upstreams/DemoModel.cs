using System.IO.Pipelines;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace AgentBudget.Gateway.Upstreams;

/// <summary>
/// A model that needs no network and no key. It speaks Chat Completions and Messages, streams, and bills what it
/// counts:
/// a token for every four bytes of its input, and one for each word that it says. It says what its call asks for and no
/// more: at most the maximum, or <see cref="WordsByDefault"/> words.
/// </summary>
internal sealed class DemoModel(TimeProvider time) : HttpMessageHandler
{
    private const int WordsByDefault = 24;
    private const int BytesPerToken = 4;
    private static readonly string[] Words =
        "This is the demo model of AgentBudget . It runs offline , streams , and bills the tokens that it counts ."
            .Split(' ');

    protected override async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, CancellationToken cancellationToken)
    {
        byte[] body = await request.Content!.ReadAsByteArrayAsync(cancellationToken);
        JsonObject call = JsonNode.Parse(body)!.AsObject();
        bool isChat = request.RequestUri!.AbsolutePath.EndsWith("/chat/completions", StringComparison.Ordinal);
        bool isStream = (bool?)call["stream"] ?? false;
        Answer answer = new(
            $"demo-{time.GetTimestamp():x}",
            (string)call["model"]!,
            time.GetUtcNow().ToUnixTimeSeconds(),
            InputTokens: Math.Max(1, body.Length / BytesPerToken),
            OutputTokens: (int)Math.Min(MaximumOf(call), WordsByDefault),
            IsCut: MaximumOf(call) < WordsByDefault);
        if (request.RequestUri.AbsolutePath.EndsWith("/count_tokens", StringComparison.Ordinal))
            return Whole(new JsonObject { ["input_tokens"] = answer.InputTokens });
        if (!isStream) return Whole(isChat ? answer.ToChat() : answer.ToMessage());
        return Stream(isChat ? answer.ToChatEvents() : answer.ToMessageEvents());
    }

    private static long MaximumOf(JsonObject call) =>
        (long?)(call["max_completion_tokens"] ?? call["max_tokens"]) ?? long.MaxValue;

    private static HttpResponseMessage Whole(JsonObject json) => new(HttpStatusCode.OK)
    {
        Content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(json))
        {
            Headers = { ContentType = new MediaTypeHeaderValue("application/json") },
        },
    };

    private static HttpResponseMessage Stream(IEnumerable<(string Name, JsonObject? Data)> events)
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

    private static async Task WriteAsync(PipeWriter writer, IEnumerable<(string Name, JsonObject? Data)> events)
    {
        foreach ((string name, JsonObject? data) in events)
        {
            string head = name.Length > 0 ? $"event: {name}\n" : "";
            string text = $"{head}data: {data?.ToJsonString() ?? "[DONE]"}\n\n";
            FlushResult flushed = await writer.WriteAsync(System.Text.Encoding.UTF8.GetBytes(text));
            if (flushed.IsCompleted) break; // Nobody reads any more.
        }

        await writer.CompleteAsync();
    }

    private sealed record Answer(
        string Id, string Model, long Created, int InputTokens, int OutputTokens, bool IsCut)
    {
        private IEnumerable<string> Pieces => Enumerable.Range(0, OutputTokens)
            .Select(index => (index == 0 ? "" : " ") + Words[index % Words.Length]);

        private string Text => string.Concat(Pieces);

        public JsonObject ToChat() => Chunk("chat.completion", [
            new JsonObject
            {
                ["index"] = 0,
                ["message"] = new JsonObject { ["role"] = "assistant", ["content"] = Text },
                ["finish_reason"] = IsCut ? "length" : "stop",
            },
        ], ChatUsage());

        public IEnumerable<(string Name, JsonObject? Data)> ToChatEvents()
        {
            yield return ("", Chunk(
                "chat.completion.chunk", [Delta(new JsonObject { ["role"] = "assistant", ["content"] = "" })], null));
            foreach (string piece in Pieces)
                yield return ("", Chunk(
                    "chat.completion.chunk", [Delta(new JsonObject { ["content"] = piece })], null));
            yield return ("", Chunk("chat.completion.chunk", [Delta([], IsCut ? "length" : "stop")], null));
            yield return ("", Chunk("chat.completion.chunk", [], ChatUsage()));
            yield return ("", null);
        }

        public JsonObject ToMessage() => Message(
            [new JsonObject { ["type"] = "text", ["text"] = Text }],
            IsCut ? "max_tokens" : "end_turn",
            OutputTokens);

        public IEnumerable<(string Name, JsonObject? Data)> ToMessageEvents()
        {
            yield return Event("message_start", new() { ["message"] = Message([], null, outputTokens: 1) });
            yield return Event("content_block_start", new()
            {
                ["index"] = 0,
                ["content_block"] = new JsonObject { ["type"] = "text", ["text"] = "" },
            });
            foreach (string piece in Pieces)
            {
                yield return Event("content_block_delta", new()
                {
                    ["index"] = 0,
                    ["delta"] = new JsonObject { ["type"] = "text_delta", ["text"] = piece },
                });
            }

            yield return Event("content_block_stop", new() { ["index"] = 0 });
            yield return Event("message_delta", new()
            {
                ["delta"] = new JsonObject
                {
                    ["stop_reason"] = IsCut ? "max_tokens" : "end_turn",
                    ["stop_sequence"] = null,
                },
                ["usage"] = new JsonObject { ["output_tokens"] = OutputTokens },
            });
            yield return Event("message_stop", []);
        }

        private static JsonObject Delta(JsonObject delta, string? reason = null) => new()
        {
            ["index"] = 0,
            ["delta"] = delta,
            ["finish_reason"] = reason,
        };

        private static (string Name, JsonObject? Data) Event(string type, JsonObject members)
        {
            members.Insert(0, "type", type);
            return (type, members);
        }

        private JsonObject ChatUsage() => new()
        {
            ["prompt_tokens"] = InputTokens,
            ["completion_tokens"] = OutputTokens,
            ["total_tokens"] = InputTokens + OutputTokens,
        };

        private JsonObject Chunk(string kind, JsonArray choices, JsonObject? usage) => new()
        {
            ["id"] = Id,
            ["object"] = kind,
            ["created"] = Created,
            ["model"] = Model,
            ["choices"] = choices,
            ["usage"] = usage,
        };

        private JsonObject Message(JsonArray content, string? stopReason, int outputTokens) => new()
        {
            ["id"] = Id,
            ["type"] = "message",
            ["role"] = "assistant",
            ["model"] = Model,
            ["content"] = content,
            ["stop_reason"] = stopReason,
            ["stop_sequence"] = null,
            ["usage"] = new JsonObject { ["input_tokens"] = InputTokens, ["output_tokens"] = outputTokens },
        };
    }
}
