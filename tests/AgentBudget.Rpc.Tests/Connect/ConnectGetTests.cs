using System.IO.Compression;
using System.Net;
using AgentBudget.Rpc.Tests.Support;
using Google.Protobuf;
using RpcTest.V1;

namespace AgentBudget.Rpc.Tests.Connect;

public sealed class ConnectGetTests
{
    [Theory]
    [InlineData("encoding=json&message=%7B%22text%22%3A%22h%C3%B6%22%7D&connect=v1")]
    [InlineData("message=%7B%22text%22%3A%22h%C3%B6%22%7D&encoding=json")]
    [InlineData("encoding=json&message=eyJ0ZXh0IjoiaMO2In0&base64=1&connect=v1")]
    [InlineData("encoding=json&message=eyJ0ZXh0IjoiaMO2In0%3D&base64=1&connect=v1")]
    public async Task A_query_is_a_call(string query)
    {
        await using TestServer server = await TestServer.StartAsync();
        RawAnswer answer = await server.Raw.GetAsync($"{RawClient.LookPath}?{query}");
        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Equal("application/json", answer.ContentType);
        Assert.Equal("hö", JsonParser.Default.Parse<EchoResponse>(answer.Text).Text);
    }

    [Fact]
    public async Task A_query_may_hold_compressed_proto()
    {
        await using TestServer server = await TestServer.StartAsync();
        MemoryStream compressed = new();
        using (GZipStream gzip = new(compressed, CompressionLevel.Fastest))
            gzip.Write(new EchoRequest { Text = "small" }.ToByteArray());
        string message = Convert.ToBase64String(compressed.ToArray()).Replace('+', '-').Replace('/', '_');
        string query = $"encoding=proto&compression=gzip&base64=1&connect=v1&message={Uri.EscapeDataString(message)}";
        RawAnswer answer = await server.Raw.GetAsync($"{RawClient.LookPath}?{query}");
        Assert.Equal("application/proto", answer.ContentType);
        Assert.Equal("small", EchoResponse.Parser.ParseFrom(answer.Body).Text);
    }

    [Theory]
    [InlineData("encoding=json&connect=v1")]
    [InlineData("encoding=json&message=%7B&connect=v1")]
    [InlineData("encoding=json&message=%7B%7D&connect=v2")]
    [InlineData("encoding=json&message=*&base64=1&connect=v1")]
    public async Task A_malformed_query_is_an_invalid_argument(string query)
    {
        await using TestServer server = await TestServer.StartAsync();
        RawAnswer answer = await server.Raw.GetAsync($"{RawClient.LookPath}?{query}");
        Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
        Assert.Contains("invalid_argument", answer.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("?message=%7B%7D")]
    [InlineData("?encoding=xml&message=%7B%7D")]
    public async Task A_query_without_a_known_encoding_is_http_415(string query)
    {
        await using TestServer server = await TestServer.StartAsync();
        RawAnswer answer = await server.Raw.GetAsync(RawClient.LookPath + query);
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, answer.Status);
    }

    [Fact]
    public async Task A_method_that_may_change_something_is_not_called_by_get()
    {
        await using TestServer server = await TestServer.StartAsync(
            setup => setup.Echo = (_, _) => throw new InvalidOperationException("called"));
        RawAnswer answer = await server.Raw.GetAsync(
            $"{RawClient.EchoPath}?encoding=json&message=%7B%7D&connect=v1");
        Assert.Equal(HttpStatusCode.MethodNotAllowed, answer.Status);
    }
}
