using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using AgentBudget.Edge.Tests.Support;
using EdgeTest.V1;
using Google.Rpc;
using Status = Google.Rpc.Status;

namespace AgentBudget.Edge.Tests.Hostile;

/// <summary>Sends any bytes, whole or one at a time, and tells in a few words what came back.</summary>
internal sealed class HostileConnection : IAsyncDisposable
{
    // A dynamic table of no bytes: then what the server writes can be read without one.
    private static readonly byte[] NoTable = [0, 1, 0, 0, 0, 0];

    private const int ProbeStream = 101;

    private readonly TcpClient _client;
    private readonly NetworkStream _stream;
    private readonly bool _isHttp2;

    private HostileConnection(TcpClient client, bool isHttp2)
    {
        _client = client;
        _stream = client.GetStream();
        _isHttp2 = isHttp2;
    }

    /// <summary>What opens a connection of HTTP/2.</summary>
    internal static byte[] Opening =>
        [.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, .. RawHttp2.Frame(RawHttp2.Settings, 0, 0, NoTable)];

    /// <summary>Sends a case, and tells what was not as it must be; null when all was.</summary>
    internal static async Task<string?> AttackAsync(Uri address, HostileCase hostile, bool isDripped = false)
    {
        await using HostileConnection connection = await ConnectAsync(address, hostile.IsHttp2);
        Task sending = connection.SendAsync(hostile.Bytes, isDripped);
        string outcome = await connection.ReadOutcomeAsync();
        await sending.Within("room to send");
        if (outcome != hostile.Outcome)
            return $"{outcome} instead of {hostile.Outcome}";
        if (hostile.Closes)
        {
            await connection.ReadToEndAsync();
            return null;
        }

        string next = await connection.ProbeAsync();
        return next == (hostile.IsHttp2 ? "grpc 0" : "HTTP 200") ? null : $"{next} for a good call afterwards";
    }

    private static async Task<HostileConnection> ConnectAsync(Uri address, bool isHttp2)
    {
        TcpClient client = new() { NoDelay = true };
        await client.ConnectAsync(address.Host, address.Port);
        return new HostileConnection(client, isHttp2);
    }

    /// <summary>The frames of a call of HTTP/2.</summary>
    internal static byte[] Call(
        int stream, string path, string contentType, byte[] body, params (string Name, string Value)[] headers)
    {
        const int frameBytesMax = 16_384;
        byte[] block =
        [
            0x83, 0x86, // POST, http
            .. RawHttp2.Literal(4, path), .. RawHttp2.Literal(1, "localhost"), .. RawHttp2.Literal(31, contentType),
            .. headers.SelectMany(header => Named(header.Name, header.Value)),
        ];
        byte endOfHead = body.Length == 0 ? (byte)(RawHttp2.EndHeaders | RawHttp2.EndStream) : RawHttp2.EndHeaders;
        List<byte> frames = [.. RawHttp2.Frame(RawHttp2.Headers, endOfHead, stream, block)];
        for (int at = 0; at < body.Length; at += frameBytesMax)
        {
            byte[] part = body[at..Math.Min(at + frameBytesMax, body.Length)];
            byte end = at + part.Length == body.Length ? RawHttp2.EndStream : (byte)0;
            frames.AddRange(RawHttp2.Frame(RawHttp2.Data, end, stream, part));
        }

        return [.. frames];
    }

    /// <summary>Sends everything, or what is taken before the server has enough of it.</summary>
    internal async Task SendAsync(byte[] bytes, bool isDripped)
    {
        int step = isDripped ? 1 : bytes.Length;
        try
        {
            for (int at = 0; at < bytes.Length; at += step)
                await _stream.WriteAsync(bytes.AsMemory(at, Math.Min(step, bytes.Length - at)));
        }
        catch (IOException)
        {
            // Closed: what has come until then says why.
        }
    }

    /// <summary>The answer to the first call: see <see cref="HostileCase"/>.</summary>
    internal Task<string> ReadOutcomeAsync() => ReadAsync(stream: 1).Within("an answer");

    /// <summary>Makes a good call on the same connection, which must still be open for that.</summary>
    internal async Task<string> ProbeAsync()
    {
        byte[] probe = _isHttp2
            ? Call(ProbeStream, RawClient.EchoPath, "application/grpc", RawClient.Frame(new EchoRequest()))
            : Encoding.ASCII.GetBytes($"POST {RawClient.JsonEchoPath} HTTP/1.1\r\nhost: localhost\r\n"
                + "content-type: application/json\r\ncontent-length: 2\r\n\r\n{}");
        await SendAsync(probe, isDripped: false);
        return await ReadAsync(ProbeStream).Within("an answer to a next call");
    }

    /// <summary>Completes when the server has closed the connection.</summary>
    internal async Task ReadToEndAsync()
    {
        try
        {
            await _stream.CopyToAsync(Stream.Null).Within("the end of the connection");
        }
        catch (IOException)
        {
            // Ended by a reset, which is as good.
        }
    }

    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task<string> ReadAsync(int stream)
    {
        try
        {
            return _isHttp2 ? await ReadHttp2Async(stream) : await ReadHttp1Async();
        }
        catch (IOException)
        {
            return "closed";
        }
    }

    private async Task<string> ReadHttp2Async(int stream)
    {
        Dictionary<string, string> fields = [];
        while (true)
        {
            byte[] header = await ReadExactlyAsync(9);
            byte[] payload = await ReadExactlyAsync(BinaryPrimitives.ReadInt32BigEndian(header) >>> 8);
            int number = BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(5));
            if (header[3] == RawHttp2.GoAway)
                return $"GOAWAY {BinaryPrimitives.ReadUInt32BigEndian(payload.AsSpan(4))}";
            if (number != stream)
                continue;
            if (header[3] == RawHttp2.ResetStream)
                return $"RST {BinaryPrimitives.ReadUInt32BigEndian(payload)}";
            if (header[3] == RawHttp2.Headers)
                ReadFields(payload, fields);
            if ((header[4] & RawHttp2.EndStream) != 0 && header[3] is RawHttp2.Headers or RawHttp2.Data)
                return OutcomeOf(fields);
        }
    }

    /// <summary>The reason of a status as gRPC carries it: base64, padded or not.</summary>
    internal static string ReasonOf(string details)
    {
        string padded = details.PadRight((details.Length + 3) / 4 * 4, '=');
        Status status = Status.Parser.ParseFrom(Convert.FromBase64String(padded));
        return status.Details.Single().Unpack<ErrorInfo>().Reason;
    }

    private static string OutcomeOf(Dictionary<string, string> fields)
    {
        string http = fields.GetValueOrDefault(":status", "200");
        if (http != "200" || !fields.TryGetValue("grpc-status", out string? code))
            return $"HTTP {http}";
        return fields.TryGetValue("grpc-status-details-bin", out string? details)
            ? $"grpc {code} {ReasonOf(details)}"
            : $"grpc {code}";
    }

    private async Task<string> ReadHttp1Async()
    {
        StringBuilder head = new();
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
            head.Append((char)(await ReadExactlyAsync(1))[0]);
        string text = head.ToString();
        string outcome = $"HTTP {text[9..12]}";
        Match refused = Regex.Match(text, @"grpc-status: (\d+)", RegexOptions.IgnoreCase);
        Match details = Regex.Match(text, "grpc-status-details-bin: ([^\r]+)", RegexOptions.IgnoreCase);
        if (refused.Success && details.Success)
            return $"{outcome} grpc {refused.Groups[1]} {ReasonOf(details.Groups[1].Value)}";
        Match length = Regex.Match(text, @"content-length: (\d+)", RegexOptions.IgnoreCase);
        string body = length.Success
            ? Encoding.UTF8.GetString(await ReadExactlyAsync(int.Parse(length.Groups[1].Value)))
            : text.Contains("chunked", StringComparison.OrdinalIgnoreCase) ? await ReadChunksAsync() : "";
        Match reason = Regex.Match(body, "\"reason\": ?\"([A-Z_]+)\"");
        Match status = Regex.Match(body, @"grpc-status: (\d+)");
        if (reason.Success)
            return $"{outcome} {reason.Groups[1]}";
        return status.Success ? $"{outcome} grpc {status.Groups[1]}" : outcome;
    }

    // What is in a chunk is the closing frame of gRPC-Web: in its text form base64 of it.
    private async Task<string> ReadChunksAsync()
    {
        StringBuilder body = new();
        while (true)
        {
            StringBuilder line = new();
            while (!line.ToString().EndsWith("\r\n", StringComparison.Ordinal))
                line.Append((char)(await ReadExactlyAsync(1))[0]);
            int size = Convert.ToInt32(line.ToString().Trim(), 16);
            string chunk = Encoding.ASCII.GetString((await ReadExactlyAsync(size + 2))[..size]);
            if (size == 0)
                return body.ToString();
            body.Append(Regex.IsMatch(chunk, "^[A-Za-z0-9+/]+=*$")
                ? Encoding.ASCII.GetString(Convert.FromBase64String(chunk))
                : chunk);
        }
    }

    private async Task<byte[]> ReadExactlyAsync(int count)
    {
        byte[] bytes = new byte[count];
        await _stream.ReadExactlyAsync(bytes);
        return bytes;
    }

    // Without a dynamic table and without Huffman codes: indexed fields of the static table, and literals.
    private static void ReadFields(ReadOnlySpan<byte> block, Dictionary<string, string> fields)
    {
        const int statusOk = 8;
        while (!block.IsEmpty)
        {
            byte first = block[0];
            if (first >= 0x80)
            {
                if (ReadNumber(ref block, 7) == statusOk)
                    fields[":status"] = "200";
                continue;
            }

            if ((first & 0xE0) == 0x20)
            {
                ReadNumber(ref block, 5); // The size of the table, which stays zero.
                continue;
            }

            int index = ReadNumber(ref block, (first & 0x40) != 0 ? 6 : 4);
            string name = index switch
            {
                0 => ReadText(ref block),
                >= 8 and <= 14 => ":status",
                _ => $"#{index}",
            };
            fields[name] = ReadText(ref block);
        }
    }

    private static string ReadText(ref ReadOnlySpan<byte> block)
    {
        int length = ReadNumber(ref block, 7);
        string text = Encoding.ASCII.GetString(block[..length]);
        block = block[length..];
        return text;
    }

    private static int ReadNumber(ref ReadOnlySpan<byte> block, int bits)
    {
        int limit = (1 << bits) - 1;
        int value = block[0] & limit;
        block = block[1..];
        for (int shift = 0; value >= limit && shift < 28; shift += 7)
        {
            byte next = block[0];
            block = block[1..];
            value += (next & 0x7F) << shift;
            if (next < 0x80)
                break;
        }

        return value;
    }

    private static byte[] Named(string name, string value) =>
        [0, (byte)name.Length, .. Encoding.ASCII.GetBytes(name), (byte)value.Length, .. Encoding.ASCII.GetBytes(value)];
}
