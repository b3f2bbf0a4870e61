using System.IO.Compression;
using System.Text;
using AgentBudget.Edge.Tests.Support;
using EdgeTest.V1;
using Google.Protobuf;

namespace AgentBudget.Edge.Tests.Hostile;

/// <summary>The hostile cases, one list: each with the answer that it must get.</summary>
internal static class HostileCases
{
    private const string JsonPath = RawClient.JsonEchoPath;

    // More than the server's bound, and below the window that a connection begins with.
    private const int EmptyMessages = 20_000;

    internal static IReadOnlyList<HostileCase> All { get; } =
        [
            .. GrpcMessages(), .. GrpcHeaders(), .. Frames(), .. WebMessages(), .. JsonMessages(), .. WebHeaders(),
            .. Requests(),
        ];

    private static byte[] Hello => new EchoRequest { Text = "hostile" }.ToByteArray();

    private static byte[] Empties => [.. Enumerable.Repeat<byte[]>([0x2A, 0x00], EmptyMessages).SelectMany(one => one)];

    private static byte[] Nested
    {
        get
        {
            EchoRequest request = new();
            for (int depth = 0; depth < 200; depth++)
                request = new EchoRequest { Nested = request };
            return request.ToByteArray();
        }
    }

    private static IEnumerable<HostileCase> GrpcMessages()
    {
        byte[] frame = RawClient.Frame(0, Hello);
        yield return Grpc("two messages", [.. frame, .. frame], "grpc 12 MORE_THAN_ONE_MESSAGE");
        yield return Grpc("no message", [], "grpc 12 MESSAGE_MISSING");
        yield return Grpc("half a prefix", frame[..3], "grpc 13 MESSAGE_INCOMPLETE");
        yield return Grpc("half a message", frame[..^2], "grpc 13 MESSAGE_INCOMPLETE");
        yield return Grpc("unknown flags", RawClient.Frame(0x40, Hello), "grpc 13 FLAGS_UNKNOWN");
        yield return Grpc("length of 4 GiB", [0, 0xFF, 0xFF, 0xFF, 0xFF, 1], "grpc 8 MESSAGE_TOO_LARGE");
        yield return Grpc("compressed without an encoding", RawClient.Frame(1, Gzip(Hello)),
            "grpc 13 COMPRESSION_UNDECLARED");
        yield return Grpc("not gzip", RawClient.Frame(1, Hello), "grpc 13 COMPRESSION_INVALID",
            ("grpc-encoding", "gzip"));
        yield return Grpc("bomb of gzip", RawClient.Frame(1, Gzip(new byte[8 << 20])), "grpc 8 MESSAGE_TOO_LARGE",
            ("grpc-encoding", "gzip"));
        yield return Grpc("broken message", RawClient.Frame(0, [0x0A, 0x7F]), "grpc 3 MESSAGE_MALFORMED");
        yield return Grpc("message nested too deep", RawClient.Frame(0, Nested), "grpc 3 MESSAGE_MALFORMED");
        yield return Grpc("empty messages", RawClient.Frame(0, Empties), "grpc 8 TOO_MANY_ITEMS");
        yield return Grpc("bomb of empty messages", RawClient.Frame(1, Gzip(Empties)), "grpc 8 TOO_MANY_ITEMS",
            ("grpc-encoding", "gzip"));
    }

    private static IEnumerable<HostileCase> WebMessages()
    {
        byte[] frame = RawClient.Frame(0, Hello);
        yield return Web("broken message over gRPC-Web", RawClient.Frame(0, [0x0A, 0x7F]),
            "HTTP 200 grpc 3 MESSAGE_MALFORMED");
        yield return Web("two messages over gRPC-Web", [.. frame, .. frame], "HTTP 200 grpc 12 MORE_THAN_ONE_MESSAGE");
        yield return Web("empty messages over gRPC-Web", RawClient.Frame(0, Empties), "HTTP 200 grpc 8 TOO_MANY_ITEMS");
        yield return Web("bomb of gzip over gRPC-Web", RawClient.Frame(1, Gzip(new byte[8 << 20])),
            "HTTP 200 grpc 8 MESSAGE_TOO_LARGE", ("grpc-encoding", "gzip"));
        yield return Web("bad timeout over gRPC-Web", frame, "HTTP 200 grpc 3 HEADER_MALFORMED",
            ("grpc-timeout", "1x"));
        yield return Post("text of gRPC-Web that is no base64", RawClient.EchoPath, "application/grpc-web-text",
            "!!!!"u8.ToArray(), "HTTP 200 grpc 3 MESSAGE_MALFORMED");
    }

    private static IEnumerable<HostileCase> GrpcHeaders()
    {
        byte[] frame = RawClient.Frame(0, Hello);
        yield return Grpc("unknown encoding", frame, "grpc 12 ENCODING_UNSUPPORTED", ("grpc-encoding", "snappy"));
        yield return Grpc("bad timeout", frame, "grpc 3 HEADER_MALFORMED", ("grpc-timeout", "1x"));
        yield return Grpc("timeout of nine digits", frame, "grpc 3 HEADER_MALFORMED", ("grpc-timeout", "123456789S"));
        yield return Http2("unknown method", Call("/edgetest.v1.EchoService/Nothing", "application/grpc", frame),
            "grpc 12 METHOD_UNKNOWN");
        yield return Grpc("binary metadata that is no base64", frame, "grpc 3 HEADER_MALFORMED", ("trace-bin", "?"));
        yield return Grpc("timeout of nothing", frame, "grpc 4 DEADLINE_PASSED", ("grpc-timeout", "0S"));
        yield return Http2("content type of nothing", Call(RawClient.EchoPath, "text/html", frame), "HTTP 415");
    }

    private static IEnumerable<HostileCase> Frames()
    {
        byte[] head = RawHttp2.EchoHeaders;
        byte[] more = [.. Enumerable.Repeat(RawHttp2.Literal(31, new string('x', 100)), 150).SelectMany(one => one)];
        yield return Broken("data on stream 0", RawHttp2.Frame(RawHttp2.Data, 0, 0, [1]), "GOAWAY 1");
        yield return Broken("data on an idle stream", RawHttp2.Frame(RawHttp2.Data, 0, 7, [1]), "GOAWAY 1");
        yield return Broken("reset of an idle stream",
            RawHttp2.Frame(RawHttp2.ResetStream, 0, 7, [0, 0, 0, 8]), "GOAWAY 1");
        yield return Broken("settings of five bytes", RawHttp2.Frame(RawHttp2.Settings, 0, 0, new byte[5]), "GOAWAY 6");
        yield return Broken("ping of seven bytes", RawHttp2.Frame(RawHttp2.Ping, 0, 0, new byte[7]), "GOAWAY 6");
        yield return Broken("reset of three bytes",
            RawHttp2.Frame(RawHttp2.ResetStream, 0, 1, new byte[3]), "GOAWAY 6");
        yield return Broken("window update of nothing", RawHttp2.Frame(8, 0, 0, new byte[4]), "GOAWAY 1");
        yield return Broken("window beyond its end", RawHttp2.Frame(8, 0, 0, [0x7F, 0xFF, 0xFF, 0xFF]), "GOAWAY 3");
        yield return Broken("push promise", RawHttp2.Frame(5, 4, 1, new byte[4]), "GOAWAY 1");
        yield return Broken("stream of the server's", RawHttp2.Frame(RawHttp2.Headers, 5, 2, head), "GOAWAY 1");
        yield return Broken("stream that depends on itself",
            RawHttp2.Frame(RawHttp2.Headers, 0x25, 1, [0, 0, 0, 1, 0, .. head]), "GOAWAY 1");
        yield return Broken("headers that cannot be read",
            RawHttp2.Frame(RawHttp2.Headers, 5, 1, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]), "GOAWAY 9");
        yield return Broken("continuation of nothing", RawHttp2.Frame(RawHttp2.Continuation, 4, 1, head), "GOAWAY 1");
        yield return Broken("frame between headers and their continuation",
            [.. RawHttp2.Frame(RawHttp2.Headers, 0, 1, head), .. RawHttp2.Frame(RawHttp2.Ping, 0, 0, new byte[8])],
            "GOAWAY 1");
        yield return Broken("frame of 16 MiB", RawHttp2.Frame(RawHttp2.Headers, 4, 1, [], 0xFF_FF_FF), "GOAWAY 6");
        yield return Broken("padding longer than its frame", RawHttp2.Frame(RawHttp2.Headers, 0x0D, 1, [200, .. head]),
            "GOAWAY 1");
        yield return Broken("headers without an end",
            [.. RawHttp2.Frame(RawHttp2.Headers, 0, 1, head), .. RawHttp2.Frame(RawHttp2.Continuation, 0, 1, more),
                .. RawHttp2.Frame(RawHttp2.Continuation, 0, 1, more)], "GOAWAY 1");
        yield return new HostileCase("wrong preface", true, "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"u8.ToArray(), "GOAWAY 1",
            Closes: true);
    }

    private static IEnumerable<HostileCase> JsonMessages()
    {
        string many = $$"""{"many":[{{string.Join(',', Enumerable.Repeat("{}", EmptyMessages / 2))}}]}""";
        yield return Json("text that is no JSON", "{\"text\":"u8.ToArray(), "HTTP 400 MESSAGE_MALFORMED");
        yield return Json("unknown field", "{\"x\":1}"u8.ToArray(), "HTTP 400 MESSAGE_MALFORMED");
        yield return Json("field that comes twice", "{\"text\":\"a\",\"text\":\"b\"}"u8.ToArray(),
            "HTTP 400 MESSAGE_MALFORMED");
        yield return Json("no text at all", [], "HTTP 400 MESSAGE_MALFORMED");
        yield return Json("text that is not UTF-8", [.. "{\"text\":\""u8, 0xFF, .. "\"}"u8],
            "HTTP 400 MESSAGE_MALFORMED");
        yield return Json("JSON nested too deep", Encoding.ASCII.GetBytes(
            string.Concat(Enumerable.Repeat("{\"nested\":", 200)) + "{}" + new string('}', 200)),
            "HTTP 400 MESSAGE_MALFORMED");
        yield return Json("empty messages in JSON", Encoding.ASCII.GetBytes(many), "HTTP 429 TOO_MANY_ITEMS");
        yield return Json("bomb of gzip in JSON", Gzip(new byte[8 << 20]), "HTTP 429 MESSAGE_TOO_LARGE",
            ("content-encoding", "gzip"));
        yield return Json("not gzip in JSON", Hello, "HTTP 400 COMPRESSION_INVALID", ("content-encoding", "gzip"));
    }

    private static IEnumerable<HostileCase> WebHeaders()
    {
        byte[] body = "{}"u8.ToArray();
        yield return Json(
            "unknown encoding in JSON", body, "HTTP 501 ENCODING_UNSUPPORTED", ("content-encoding", "br"));
        yield return Post("gRPC over HTTP/1.1", RawClient.EchoPath, "application/grpc", RawClient.Frame(0, Hello),
            "HTTP 426");
        yield return Post("content type of nothing over HTTP/1.1", JsonPath, "text/html", body,
            "HTTP 400 HEADER_MALFORMED");
        yield return Post("JSON in another alphabet", JsonPath, "application/json; charset=utf-16", body,
            "HTTP 400 HEADER_MALFORMED");
    }

    private static IEnumerable<HostileCase> Requests()
    {
        string head = $"POST {JsonPath} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
        yield return Http1("other verb", $"PUT {JsonPath} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n",
            "HTTP 405");
        yield return Http1("two lengths", head + "content-length: 2\r\ncontent-length: 3\r\n\r\n{} ", "HTTP 400", true);
        yield return Http1("length that is no number", head + "content-length: x\r\n\r\n{}", "HTTP 400", true);
        yield return Http1("chunk without a size", head + "transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
            "HTTP 400 MESSAGE_MALFORMED", true);
        yield return Http1("header of 20 KiB", head + $"x: {new string('x', 20_000)}\r\n\r\n", "HTTP 431", true);
        yield return Http1("200 headers",
            head + string.Concat(Enumerable.Range(0, 200).Select(i => $"x{i}: y\r\n")) + "\r\n", "HTTP 431", true);
        yield return Http1("request line of 9 KiB", $"GET /{new string('x', 9_000)} HTTP/1.1\r\nhost: x\r\n\r\n",
            "HTTP 414", true);
        yield return Http1("no host", $"POST {JsonPath} HTTP/1.1\r\ncontent-length: 0\r\n\r\n", "HTTP 400", true);
        yield return Http1("no HTTP", "hello world\r\n\r\n", "HTTP 400", true);
        yield return Http1("preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "closed", true);
    }

    private static HostileCase Grpc(
        string name, byte[] body, string outcome, params (string Name, string Value)[] headers) =>
        Http2(name, Call(RawClient.EchoPath, "application/grpc", body, headers), outcome);

    private static HostileCase Http2(string name, byte[] frames, string outcome) =>
        new(name, true, [.. HostileConnection.Opening, .. frames], outcome, Closes: false);

    private static HostileCase Broken(string name, byte[] frames, string outcome) =>
        new(name, true, [.. HostileConnection.Opening, .. frames], outcome, Closes: true);

    private static HostileCase Json(
        string name, byte[] body, string outcome, params (string Name, string Value)[] headers) =>
        Post(name, JsonPath, "application/json", body, outcome, headers);

    private static HostileCase Web(
        string name, byte[] body, string outcome, params (string Name, string Value)[] headers) =>
        Post(name, RawClient.EchoPath, "application/grpc-web", body, outcome, headers);

    private static HostileCase Post(
        string name,
        string path,
        string contentType,
        byte[] body,
        string outcome,
        params (string Name, string Value)[] headers)
    {
        string head = $"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {contentType}\r\n"
            + string.Concat(headers.Select(header => $"{header.Name}: {header.Value}\r\n"))
            + $"content-length: {body.Length}\r\n\r\n";
        return new(name, false, [.. Encoding.ASCII.GetBytes(head), .. body], outcome, Closes: false);
    }

    private static HostileCase Http1(string name, string text, string outcome, bool closes = false) =>
        new(name, false, Encoding.ASCII.GetBytes(text), outcome, closes);

    private static byte[] Call(
        string path, string contentType, byte[] body, params (string Name, string Value)[] headers) =>
        HostileConnection.Call(1, path, contentType, body, headers);

    private static byte[] Gzip(byte[] payload)
    {
        using MemoryStream output = new();
        using (GZipStream gzip = new(output, CompressionLevel.SmallestSize))
            gzip.Write(payload);
        return output.ToArray();
    }
}
