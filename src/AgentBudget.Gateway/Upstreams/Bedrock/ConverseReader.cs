using System.Text;
using System.Text.Json.Nodes;

namespace AgentBudget.Gateway.Upstreams.Bedrock;

/// <summary>
/// Reads a stream of ConverseStream as the events of Messages. A block of text begins with its first piece, because
/// nothing else says so, and the end is told once, with the report, which comes last.
/// </summary>
internal sealed class ConverseReader(string model) : FrameReader
{
    // Which of the caller's blocks is open for each of Bedrock's.
    private readonly SortedDictionary<int, int> _open = [];
    private int _blocks;
    private string? _stopReason;
    private JsonObject? _usage;
    private bool _isOver;

    /// <summary>The model stopped and its report did not come: the answer is whole, and what it used unknown.</summary>
    public override string End() => _isOver || _stopReason is null ? "" : Finish();

    protected override string Take(string name, JsonObject payload)
    {
        if (_isOver) return "";
        switch (name)
        {
            case "messageStart":
                return Event(new JsonObject { ["type"] = "message_start", ["message"] = ConverseAnswer.Begin(model) });
            case "contentBlockStart":
                return payload["start"]?["toolUse"] is JsonObject tool
                    ? Begin(IndexOf(payload), ConverseAnswer.ToolUse(tool, new JsonObject()))
                    : "";
            case "contentBlockDelta":
                return payload["delta"] is JsonObject delta ? Delta(IndexOf(payload), delta) : "";
            case "contentBlockStop":
                return Stop(IndexOf(payload));
            case "messageStop":
                _stopReason = ConverseAnswer.StopReasonOf((string?)payload["stopReason"]);
                return _usage is null ? "" : Finish();
            case "metadata":
                _usage = ConverseAnswer.UsageOf(payload["usage"]);
                return _stopReason is null ? "" : Finish();
            default:
                return "";
        }
    }

    private static int IndexOf(JsonObject payload) => (int?)payload["contentBlockIndex"] ?? 0;

    private static string Event(JsonObject told) => Event((string)told["type"]!, told.ToJsonString());

    private string Begin(int index, JsonObject block)
    {
        _open[index] = _blocks++;
        return Event(new JsonObject
        {
            ["type"] = "content_block_start",
            ["index"] = _open[index],
            ["content_block"] = block,
        });
    }

    private string Delta(int index, JsonObject delta)
    {
        JsonNode? reasoning = delta["reasoningContent"];
        if ((string?)reasoning?["redactedContent"] is { } hidden)
            return _open.ContainsKey(index) ? "" : Begin(index, ConverseAnswer.Redacted(hidden));
        JsonObject? piece = (string?)delta["text"] is { } text ? Piece("text_delta", "text", text)
            : (string?)delta["toolUse"]?["input"] is { } input ? Piece("input_json_delta", "partial_json", input)
            : (string?)reasoning?["text"] is { } thought ? Piece("thinking_delta", "thinking", thought)
            : (string?)reasoning?["signature"] is { } signature ? Piece("signature_delta", "signature", signature)
            : null;
        if (piece is null) return ""; // Of a kind that Messages has no name for.
        string begin = _open.ContainsKey(index) ? ""
            : Begin(index, reasoning is null ? ConverseAnswer.Text("") : ConverseAnswer.Thinking("", ""));
        return begin + Event(new JsonObject
        {
            ["type"] = "content_block_delta",
            ["index"] = _open[index],
            ["delta"] = piece,
        });
    }

    private string Stop(int index) => _open.Remove(index, out int block)
        ? Event(new JsonObject { ["type"] = "content_block_stop", ["index"] = block })
        : "";

    private string Finish()
    {
        _isOver = true;
        StringBuilder events = new();
        foreach (int index in _open.Keys.ToArray()) events.Append(Stop(index));
        events.Append(Event(new JsonObject
        {
            ["type"] = "message_delta",
            ["delta"] = new JsonObject { ["stop_reason"] = _stopReason, ["stop_sequence"] = null },
            ["usage"] = _usage ?? [],
        }));
        events.Append(Event(new JsonObject { ["type"] = "message_stop" }));
        return events.ToString();
    }

    private static JsonObject Piece(string type, string member, string text) => new()
    {
        ["type"] = type,
        [member] = text,
    };
}
