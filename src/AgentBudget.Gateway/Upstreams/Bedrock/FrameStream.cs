using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace AgentBudget.Gateway.Upstreams.Bedrock;

/// <summary>Reads frames as the events that the model's own API would send.</summary>
internal abstract class FrameReader
{
    /// <summary>The events of a frame, as they stand in a stream; empty for one that tells nothing.</summary>
    public string Take(EventFrame frame)
    {
        // A failure of the transport says so in its headers, and carries nothing.
        if (frame.Headers.TryGetValue(":error-code", out string? code))
            return Failure(code, frame.Headers.GetValueOrDefault(":error-message", code));
        JsonNode? payload = JsonNode.Parse(frame.Payload.Span);
        if (frame.Headers.TryGetValue(":exception-type", out string? kind))
            return Failure(kind, (string?)payload?["message"] ?? kind);
        return frame.Headers.TryGetValue(":event-type", out string? name) && payload is JsonObject told
            ? Take(name, told)
            : "";
    }

    /// <summary>What is still to be told when the frames have ended.</summary>
    public virtual string End() => "";

    protected abstract string Take(string name, JsonObject payload);

    protected static string Event(string name, string data) => $"event: {name}\ndata: {data}\n\n";

    private static string Failure(string kind, string message) =>
        Event("error", BedrockErrors.Of(kind, message).ToJsonString());
}

/// <summary>Reads a stream of InvokeModel: each frame carries one of the model's own events.</summary>
internal sealed class InvokeReader : FrameReader
{
    protected override string Take(string name, JsonObject payload)
    {
        if ((string?)payload["bytes"] is not { } bytes) return ""; // Of a kind that carries nothing.
        string text = Encoding.UTF8.GetString(Convert.FromBase64String(bytes));
        JsonNode? told = JsonNode.Parse(text);
        bool isLine = !text.AsSpan().ContainsAny('\n', '\r');
        return Event((string?)told?["type"] ?? "", isLine ? text : told?.ToJsonString() ?? "");
    }
}

/// <summary>Frames of AWS's event streams as a stream of server-sent events.</summary>
internal sealed class FrameStream(Stream frames, FrameReader reader) : Stream
{
    private ReadOnlyMemory<byte> _rest;
    private bool _isEnded;

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
            if (_isEnded) return 0;
            EventFrame? frame = await EventFrame.ReadAsync(frames, cancellationToken);
            _isEnded = frame is null;
            _rest = Encoding.UTF8.GetBytes(frame is null ? reader.End() : EventsOf(frame));
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

    // A sound frame whose payload is not what it should be is as little use as one that is damaged.
    private string EventsOf(EventFrame frame)
    {
        try
        {
            return reader.Take(frame);
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException or FormatException)
        {
            throw new IOException("A frame of the event stream carries what cannot be read.", fault);
        }
    }
}
