using System.IO.Compression;
using System.Text;
using AgentBudget.Edge.Tests.Support;
using EdgeTest.V1;
using Google.Protobuf;

namespace AgentBudget.Edge.Tests.Fuzz;

/// <summary>A request as it would come over the wire, and the ways to spoil it.</summary>
internal sealed record FuzzedRequest(
    string Verb, string Path, string Query, string Http, Dictionary<string, string> Headers, byte[] Body)
{
    private const int MutationsMax = 6;

    private static readonly string[] HeaderNames =
    [
        "grpc-timeout", "grpc-encoding", "trace-bin", "content-encoding", "content-type",
        "grpc-accept-encoding", "accept-encoding",
    ];

    private static readonly string[] HeaderValues =
    [
        "gzip", "identity", "br", "1", "0", "-1", "99999999999999999999", "1S", "1n", "99999999H", "S", "", "é", "\t",
        "application/json", "application/grpc-web-text", "application/grpc",
    ];

    /// <summary>Real requests of every protocol and kind of method, compressed ones among them.</summary>
    internal static IReadOnlyList<FuzzedRequest> Corpus { get; } = MakeCorpus();

    /// <summary>A request of the corpus, spoilt in a few places.</summary>
    internal static FuzzedRequest Next(Random random)
    {
        FuzzedRequest request = Corpus[random.Next(Corpus.Count)];
        List<byte> body = [.. request.Body];
        Dictionary<string, string> headers = new(request.Headers);
        string query = request.Query;
        for (int i = random.Next(MutationsMax); i >= 0; i--)
        {
            switch (random.Next(10))
            {
                case 0:
                    string name = HeaderNames[random.Next(HeaderNames.Length)];
                    headers[name] = HeaderValues[random.Next(HeaderValues.Length)];
                    break;
                case 1 when query.Length > 0:
                    int at = random.Next(query.Length);
                    query = query[..at] + (char)random.Next(32, 127) + query[(at + random.Next(2))..];
                    break;
                default:
                    Spoil(body, random);
                    break;
            }
        }

        return request with { Body = [.. body], Headers = headers, Query = query };
    }

    private static void Spoil(List<byte> body, Random random)
    {
        int at = random.Next(body.Count + 1);
        int count = Math.Min(random.Next(1, 9), body.Count - at);
        switch (random.Next(7))
        {
            case 0 when at < body.Count:
                body[at] ^= (byte)(1 << random.Next(8));
                break;
            case 1 when at < body.Count:
                body[at] = (byte)(random.Next(2) == 0 ? 0xFF : random.Next(256));
                break;
            case 2:
                body.RemoveRange(at, count);
                break;
            case 3:
                body.RemoveRange(at, body.Count - at);
                break;
            case 4:
                body.InsertRange(at, body.GetRange(at, count));
                break;
            case 5:
                byte[] other = Corpus[random.Next(Corpus.Count)].Body;
                int from = random.Next(other.Length + 1);
                body.InsertRange(at, other[from..]);
                break;
            default:
                byte[] random8 = new byte[random.Next(1, 9)];
                random.NextBytes(random8);
                body.InsertRange(at, random8);
                break;
        }
    }

    private static List<FuzzedRequest> MakeCorpus()
    {
        EchoRequest message = new()
        {
            Text = "grüße",
            Count = -7,
            Payload = ByteString.CopyFrom([0, 1, 2, 0xFE]),
            Nested = new EchoRequest { Text = "in", Nested = new EchoRequest { Count = int.MaxValue } },
        };
        byte[] proto = message.ToByteArray();
        byte[] json = Encoding.UTF8.GetBytes(JsonFormatter.Default.Format(message));
        byte[] frame = RawClient.Frame(message);
        byte[] stream = [.. frame, .. RawClient.Frame(1, Gzip(proto)), .. RawClient.Frame(new EchoRequest())];
        byte[] shapes = """{"large":"7","report":{"a":[1,{"b":null}]},"ttl":"3s"}"""u8.ToArray();
        string query = "?count=3&numbers=1&numbers=2&nested.text=in";
        byte[] webText = Encoding.ASCII.GetBytes(Convert.ToBase64String(frame));
        return
        [
            Post(RawClient.EchoPath, "application/grpc", frame, "HTTP/2"),
            Post(RawClient.EchoPath, "application/grpc", RawClient.Frame(1, Gzip(proto)), "HTTP/2", "grpc-encoding"),
            Post(RawClient.RepeatPath, "application/grpc+proto", frame, "HTTP/2"),
            Post(RawClient.CollectPath, "application/grpc", stream, "HTTP/2", "grpc-encoding"),
            Post(RawClient.TalkPath, "application/grpc", stream, "HTTP/2", "grpc-encoding"),
            Post(RawClient.EchoPath, "application/grpc-web", frame, "HTTP/1.1"),
            Post(RawClient.EchoPath, "application/grpc-web-text", webText, "HTTP/1.1"),
            Post(RawClient.RepeatPath, "application/grpc-web-text", webText, "HTTP/1.1"),
            Post(RawClient.JsonEchoPath, "application/json", json, "HTTP/1.1"),
            Post(RawClient.JsonEchoPath, "application/json", Gzip(json), "HTTP/1.1", "content-encoding"),
            Post(RawClient.ShapesPath, "application/json", shapes, "HTTP/2"),
            new("GET", RawClient.JsonEchoPath + "/hello", query, "HTTP/1.1", [], []),
        ];
    }

    private static FuzzedRequest Post(
        string path, string contentType, byte[] body, string http, string? encodingHeader = null)
    {
        Dictionary<string, string> headers = new() { ["content-type"] = contentType };
        if (encodingHeader is not null)
            headers[encodingHeader] = "gzip";
        return new FuzzedRequest("POST", path, "", http, headers, body);
    }

    private static byte[] Gzip(byte[] bytes)
    {
        using MemoryStream output = new();
        using (GZipStream gzip = new(output, CompressionLevel.Fastest, leaveOpen: true))
            gzip.Write(bytes);
        return output.ToArray();
    }
}
