using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;
using AgentBudget.Gateway.Upstreams.Bedrock;

namespace AgentBudget.Gateway.Tests.Support;

/// <summary>Frames of AWS's event streams, as Bedrock sends them.</summary>
internal static class Frame
{
    /// <summary>An event of the model's.</summary>
    public static byte[] Chunk(string json) => Of(
        [(":event-type", "chunk"), (":content-type", "application/json"), (":message-type", "event")],
        new JsonObject { ["bytes"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(json)), ["p"] = "abcd" });

    /// <summary>An event of ConverseStream.</summary>
    public static byte[] Event(string name, string json) => Of(
        [(":event-type", name), (":content-type", "application/json"), (":message-type", "event")],
        Encoding.UTF8.GetBytes(json));

    /// <summary>A failure that no exception of the service's stands for.</summary>
    public static byte[] Error(string code, string message) =>
        Of([(":error-code", code), (":error-message", message), (":message-type", "error")], Array.Empty<byte>());

    public static byte[] Exception(string kind, string message) => Of(
        [(":exception-type", kind), (":content-type", "application/json"), (":message-type", "exception")],
        new JsonObject { ["message"] = message });

    private static byte[] Of((string Name, string Value)[] headers, JsonObject payload) =>
        Of(headers, Encoding.UTF8.GetBytes(payload.ToJsonString()));

    private static byte[] Of((string Name, string Value)[] headers, byte[] body)
    {
        using MemoryStream head = new();
        foreach ((string name, string value) in headers)
        {
            head.WriteByte((byte)name.Length);
            head.Write(Encoding.UTF8.GetBytes(name));
            head.WriteByte(7);
            head.Write([(byte)(value.Length >> 8), (byte)value.Length]);
            head.Write(Encoding.UTF8.GetBytes(value));
        }

        byte[] frame = new byte[12 + (int)head.Length + body.Length + 4];
        BinaryPrimitives.WriteInt32BigEndian(frame, frame.Length);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(4), (int)head.Length);
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(8), Crc32.Of(frame.AsSpan(0, 8)));
        head.ToArray().CopyTo(frame, 12);
        body.CopyTo(frame, 12 + (int)head.Length);
        int end = frame.Length - 4;
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(end), Crc32.Of(frame.AsSpan(0, end)));
        return frame;
    }
}
