using System.Net;
using AgentBudget.Gateway.Tests.Support;

namespace AgentBudget.Gateway.Tests;

[Collection(SharedGatewayCollection.Name)]
public sealed class EmbeddingsTests(SharedGateway shared)
{
    private const string Answer =
        """{"object":"list","data":[{"embedding":"AAAA"}],"usage":{"prompt_tokens":8,"total_tokens":8}}""";

    private readonly TestGateway _gateway = shared.Gateway;

    [Fact]
    public async Task An_answer_passes_unchanged_and_is_settled_as_its_provider_counts()
    {
        string token = await _gateway.OpenAsync();
        const string call = """{"model":"m","input":["one","two"],"encoding_format":"base64"}""";
        _gateway.Upstream.Answer = FakeUpstream.Json(Answer);
        _gateway.Upstream.Calls.Clear();

        using HttpResponseMessage response = await _gateway.PostAsync("v1/embeddings", token, call);

        Assert.Equal(
            (HttpStatusCode.OK, Answer), (response.StatusCode, await response.Content.ReadAsStringAsync()));
        Assert.Equal((0, 8), await _gateway.TokensAsync(token));
        UpstreamCall sent = Assert.Single(_gateway.Upstream.Calls);
        Assert.Equal(("/v1/embeddings", call), (sent.Path, sent.Text));
    }

    [Theory]
    [InlineData("[1,2,3,4,5,6,7,8]")]
    [InlineData("[[1,2,3],[4,5,6,7,8]]")]
    public async Task Tokens_that_the_caller_counted_are_held_one_by_one(string input)
    {
        string token = await _gateway.OpenAsync();
        long held = 0;
        _gateway.Upstream.Answer = async (http, call) =>
        {
            held = (await _gateway.TokensAsync(token)).Held;
            await FakeUpstream.Json(Answer)(http, call);
        };

        using HttpResponseMessage response = await _gateway.PostAsync(
            "v1/embeddings", token, $$"""{"model":"m","input":{{input}}}""");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(64 + 8, held); // And what a provider adds to any call.
    }

    [Fact]
    public async Task An_answer_without_a_report_is_estimated_from_its_input_alone()
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Answer = FakeUpstream.Json("""{"data":[{"embedding":[0.1,0.2]}]}""");

        using HttpResponseMessage response = await _gateway.PostAsync(
            "v1/embeddings", token, """{"model":"m","input":[1,2,3,4,5,6,7,8]}""");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(1 + 8, await _gateway.SettledAsync(token));
    }
}
