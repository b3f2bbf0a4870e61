using System.IO.Compression;
using System.Net;
using System.Text;
using AgentBudget.Gateway.Tests.Support;
using ZstdSharp;
using ZstdSharp.Unsafe;

namespace AgentBudget.Gateway.Tests;

/// <summary>Bodies that come compressed, as Claude Code and Codex send them.</summary>
[Collection(SharedGatewayCollection.Name)]
public sealed class EncodingTests(SharedGateway shared) : IDisposable
{
    private const string Call = """{"model":"m","max_tokens":50,"messages":[{"role":"user","content":"hello"}]}""";

    private readonly TestGateway _gateway = shared.Gateway;

    public void Dispose() => Assert.Equal(0, _gateway.Host.HeldBytes);

    [Theory]
    [InlineData("gzip")]
    [InlineData("br")]
    [InlineData("deflate")]
    [InlineData("zstd")]
    public async Task A_compressed_body_is_read_and_sent_on_as_it_was_before(string encoding)
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Answer = FakeUpstream.Json("""{"usage":{"input_tokens":3,"output_tokens":4}}""");
        _gateway.Upstream.Calls.Clear();

        using HttpResponseMessage response = await PostAsync(
            token, Compress(encoding, Encoding.UTF8.GetBytes(Call)), encoding);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        UpstreamCall sent = Assert.Single(_gateway.Upstream.Calls);
        Assert.Equal((Call, ""), (sent.Text, sent.Header("content-encoding")));
        Assert.Equal(7, await _gateway.SettledAsync(token));
    }

    [Fact]
    public async Task Frames_of_zstd_one_after_the_other_are_one_body()
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Answer = FakeUpstream.Json("""{"usage":{"input_tokens":3,"output_tokens":4}}""");
        _gateway.Upstream.Calls.Clear();
        byte[] call = Encoding.UTF8.GetBytes(Call);

        using HttpResponseMessage response = await PostAsync(
            token, [.. Compress("zstd", call[..20]), .. Compress("zstd", call[20..])], "zstd");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(Call, Assert.Single(_gateway.Upstream.Calls).Text);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("br")]
    [InlineData("deflate")]
    [InlineData("zstd")]
    public async Task A_body_that_is_small_and_becomes_too_large_is_refused(string encoding)
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Calls.Clear();
        byte[] bomb = Compress(encoding, new byte[40 * 1024 * 1024]);
        Assert.True(bomb.Length < 100 * 1024);

        using HttpResponseMessage response = await PostAsync(token, bomb, encoding);

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
        Assert.Empty(_gateway.Upstream.Calls);
        Assert.Equal((0, 0), await _gateway.TokensAsync(token));
    }

    [Theory]
    [InlineData("gzip", "cut")]
    [InlineData("br", "cut")]
    [InlineData("deflate", "cut")]
    [InlineData("zstd", "cut")]
    [InlineData("zstd", "followed")] // By what somebody else might read as a call of its own.
    [InlineData("zstd", "damaged")]
    [InlineData("zstd", "plain")]
    [InlineData("zstd", "empty")]
    [InlineData("zstd", "window")] // It asks for more memory than a content encoding may.
    [InlineData("gzip, zstd", "twice")]
    [InlineData("zstd, identity", "twice")]
    [InlineData("compress", "plain")]
    public async Task A_body_that_is_not_what_its_encoding_says_is_refused(string encoding, string how)
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Calls.Clear();
        byte[] call = Encoding.UTF8.GetBytes(Call);
        byte[] sound = how is "cut" or "followed" or "damaged" ? Compress(encoding, call) : call;
        byte[] body = how switch
        {
            "cut" => sound[..(sound.Length / 2)],
            "followed" => [.. sound, .. call],
            "damaged" => [.. sound[..10], (byte)~sound[10], .. sound[11..]],
            "empty" => [],
            "window" => Zstd(new byte[1024], windowLog: 27),
            _ => sound,
        };

        using HttpResponseMessage response = await PostAsync(token, body, encoding);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Empty(_gateway.Upstream.Calls);
        Assert.Equal((0, 0), await _gateway.TokensAsync(token));
    }

    private static byte[] Compress(string encoding, byte[] bytes)
    {
        using MemoryStream to = new();
        using (Stream stream = encoding switch
        {
            "gzip" => new GZipStream(to, CompressionLevel.Optimal),
            "br" => new BrotliStream(to, CompressionLevel.Optimal),
            "deflate" => new ZLibStream(to, CompressionLevel.Optimal),
            _ => new CompressionStream(to),
        })
        {
            stream.Write(bytes);
        }

        return to.ToArray();
    }

    private static byte[] Zstd(byte[] bytes, int windowLog)
    {
        using MemoryStream to = new();
        using (CompressionStream stream = new(to))
        {
            stream.SetParameter(ZSTD_cParameter.ZSTD_c_windowLog, windowLog);
            stream.Write(bytes);
        }

        return to.ToArray();
    }

    private Task<HttpResponseMessage> PostAsync(string token, byte[] body, string encoding) =>
        _gateway.PostAsync("v1/messages", token, "", request =>
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.TryAddWithoutValidation("Content-Encoding", encoding);
        });
}
