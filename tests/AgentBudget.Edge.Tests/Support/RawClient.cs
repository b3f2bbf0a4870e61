using System.Net;
using System.Net.Http.Headers;
using AgentBudget.Edge.Tests.Hostile;
using Google.Protobuf;
using Grpc.Core;

namespace AgentBudget.Edge.Tests.Support;

/// <summary>An answer as it came over the wire.</summary>
internal sealed record RawAnswer(
    HttpStatusCode Status, HttpHeaders Headers, string? ContentType, byte[] Body, HttpHeaders Trailers)
{
    internal string? Header(string name) => First(Headers, name);

    internal string? Trailer(string name) => First(Trailers, name);

    internal string Text => System.Text.Encoding.UTF8.GetString(Body);

    /// <summary>The status of gRPC, wherever it is.</summary>
    internal StatusCode? GrpcStatus =>
        (Trailer("grpc-status") ?? Header("grpc-status")) is string text ? (StatusCode)int.Parse(text) : null;

    /// <summary>The reason of gRPC's status; null where it has none.</summary>
    internal string? Reason => (Trailer(DetailsName) ?? Header(DetailsName)) is string details
        ? HostileConnection.ReasonOf(details)
        : null;

    private const string DetailsName = "grpc-status-details-bin";

    private static string? First(HttpHeaders headers, string name) =>
        headers.TryGetValues(name, out IEnumerable<string>? values) ? string.Join(",", values) : null;
}

/// <summary>Sends what a well-behaved client never would.</summary>
internal sealed class RawClient(EdgeServer server) : IDisposable
{
    internal const string EchoPath = "/edgetest.v1.EchoService/Echo";
    internal const string RepeatPath = "/edgetest.v1.EchoService/Repeat";
    internal const string CollectPath = "/edgetest.v1.TalkService/Collect";
    internal const string JsonEchoPath = "/v1/echo";
    internal const string ShapesPath = "/v1/shapes";
    internal const string TalkPath = "/edgetest.v1.TalkService/Talk";

    private readonly HttpClient _http = new(new SocketsHttpHandler
    {
        ActivityHeadersPropagator = null,
        SslOptions = { RemoteCertificateValidationCallback = TestCertificate.IsOne },
    });

    internal static byte[] Frame(IMessage message) => Frame(0, message.ToByteArray());

    internal static byte[] Frame(byte flags, byte[] payload)
    {
        byte[] frame = new byte[5 + payload.Length];
        frame[0] = flags;
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), payload.Length);
        payload.CopyTo(frame, 5);
        return frame;
    }

    internal Task<RawAnswer> GrpcAsync(byte[] body, params (string Name, string Value)[] headers) =>
        GrpcAsync(EchoPath, new ByteArrayContent(body), headers);

    internal Task<RawAnswer> GrpcAsync(string path, HttpContent content, params (string Name, string Value)[] headers)
    {
        content.Headers.TryAddWithoutValidation("content-type", "application/grpc");
        return SendAsync(server.GrpcAddress, HttpVersion.Version20, HttpMethod.Post, path, content, headers);
    }

    /// <summary>The frames of a body, without their prefixes.</summary>
    internal static IEnumerable<(byte Flags, byte[] Payload)> Frames(byte[] body)
    {
        for (int at = 0; at < body.Length;)
        {
            int length = System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(body.AsSpan(at + 1));
            yield return (body[at], body[(at + 5)..(at + 5 + length)]);
            at += 5 + length;
        }
    }

    internal Task<RawAnswer> GetAsync(string pathAndQuery, params (string Name, string Value)[] headers) =>
        SendAsync(server.HttpAddress, HttpVersion.Version11, HttpMethod.Get, pathAndQuery, null, headers);

    internal Task<RawAnswer> JsonAsync(string path, string body, params (string Name, string Value)[] headers) =>
        PostAsync(path, System.Text.Encoding.UTF8.GetBytes(body), "application/json", headers);

    internal Task<RawAnswer> PostAsync(
        string path, byte[] body, string contentType, params (string Name, string Value)[] headers)
    {
        ByteArrayContent content = new(body);
        content.Headers.TryAddWithoutValidation("content-type", contentType);
        return SendAsync(server.HttpAddress, HttpVersion.Version11, HttpMethod.Post, path, content, headers);
    }

    internal async Task<RawAnswer> SendAsync(
        Uri address,
        Version version,
        HttpMethod method,
        string path,
        HttpContent? content,
        params (string Name, string Value)[] headers)
    {
        using HttpResponseMessage response = await OpenAsync(address, version, method, path, content, headers);
        byte[] body = await response.Content.ReadAsByteArrayAsync().Within("the end of the answer");
        return new RawAnswer(
            response.StatusCode,
            response.Headers,
            response.Content.Headers.ContentType?.ToString(),
            body,
            response.TrailingHeaders);
    }

    /// <summary>Returns with the headers; the body is still to come.</summary>
    internal async Task<HttpResponseMessage> OpenAsync(
        Uri address,
        Version version,
        HttpMethod method,
        string path,
        HttpContent? content,
        params (string Name, string Value)[] headers)
    {
        using HttpRequestMessage request = new(method, new Uri(address, path))
        {
            Version = version,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = content,
        };
        foreach ((string name, string value) in headers)
        {
            if (!request.Headers.TryAddWithoutValidation(name, value))
                request.Content?.Headers.TryAddWithoutValidation(name, value);
        }

        return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead).Within("an answer");
    }

    public void Dispose() => _http.Dispose();
}
