using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace AgentBudget.Gateway.Upstreams.Bedrock;

/// <summary>
/// Reads a stream of InvokeModel as the events that the model's own API would send: each frame carries one of them.
/// </summary>
internal sealed class BedrockEvents(Stream frames) : Stream
{
    private ReadOnlyMemory<byte> _rest;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (_rest.IsEmpty)
        {
            EventFrame? frame = await EventFrame.ReadAsync(frames, cancellationToken);
            if (frame is null) return 0;
            _rest = EventOf(frame);
        }

        int bytes = Math.Min(buffer.Length, _rest.Length);
        _rest[..bytes].CopyTo(buffer);
        _rest = _rest[bytes..];
        return bytes;
    }

    public override int Read(byte[] buffer, int offset, int count) =>
        throw new NotSupportedException("It is read asynchronously.");

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing) frames.Dispose();
        base.Dispose(disposing);
    }

    private static ReadOnlyMemory<byte> EventOf(EventFrame frame)
    {
        JsonNode? payload = PayloadOf(frame);
        if (frame.Headers.TryGetValue(":exception-type", out string? kind))
            return Event("error", BedrockErrors.Of(kind, (string?)payload?["message"] ?? kind).ToJsonString());
        if ((string?)payload?["bytes"] is not { } bytes) return default; // Of a kind that carries nothing.
        string text = Encoding.UTF8.GetString(Convert.FromBase64String(bytes));
        JsonNode? told = JsonNode.Parse(text);
        bool isLine = !text.AsSpan().ContainsAny('\n', '\r');
        return Event((string?)told?["type"] ?? "", isLine ? text : told?.ToJsonString() ?? "");
    }

    private static JsonNode? PayloadOf(EventFrame frame)
    {
        try
        {
            return JsonNode.Parse(frame.Payload.Span);
        }
        catch (JsonException fault)
        {
            throw new IOException("A frame of the event stream carries no JSON.", fault);
        }
    }

    private static byte[] Event(string name, string data) =>
        Encoding.UTF8.GetBytes($"event: {name}\ndata: {data}\n\n");
}
