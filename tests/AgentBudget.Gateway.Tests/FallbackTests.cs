using System.Net;
using AgentBudget.Gateway.Options;
using AgentBudget.Gateway.Tests.Support;

namespace AgentBudget.Gateway.Tests;

/// <summary>Another model is called where the first one's upstream fails, and its price is held before.</summary>
[Collection(SharedGatewayCollection.Name)]
public sealed class FallbackTests(SharedGateway shared)
{
    private const string Call = """{"model":"m","max_tokens":50,"messages":[]}""";
    private const string StreamCall = """{"model":"m","max_tokens":50,"stream":true,"messages":[]}""";
    private const string Overloaded = """{"type":"error","error":{"type":"overloaded_error","message":"later"}}""";
    private const string Report = """{"usage":{"input_tokens":70,"output_tokens":7}}""";

    private readonly TestGateway _gateway = shared.Gateway;

    [Theory]
    [InlineData(529, false)]
    [InlineData(429, false)]
    [InlineData(500, false)]
    [InlineData(200, true)] // A stream whose first event is an error.
    public async Task The_next_model_is_held_for_and_called_where_the_first_did_no_work(int status, bool isStream)
    {
        string token = await _gateway.OpenAsync();
        await using GatewayHost host = await HostAsync("m", ["dear"]);
        (long Held, decimal Cost) first = default, second = default;
        _gateway.Upstream.Calls.Clear();
        _gateway.Upstream.Answer = async (http, call) =>
        {
            if ((string?)call.Body["model"] == "m")
            {
                first = await HeldAsync(token);
                var refuse = isStream
                    ? FakeUpstream.Events($"data: {Overloaded}\n\n")
                    : FakeUpstream.Json(Overloaded, status);
                await refuse(http, call);
                return;
            }

            second = await HeldAsync(token);
            await FakeUpstream.Json(Report)(http, call);
        };

        using HttpResponseMessage response = await PostAsync(host, token, isStream ? StreamCall : Call);

        Assert.Equal((HttpStatusCode.OK, Report), (response.StatusCode, await response.Content.ReadAsStringAsync()));
        Assert.Equal("dear", TestGateway.HeaderOf(response, "x-agentbudget-model"));
        Assert.Equal("m", TestGateway.HeaderOf(response, "x-agentbudget-fallback-from"));
        Assert.Equal(["m", "dear"], _gateway.Upstream.Calls.Select(call => (string?)call.Body["model"]));
        Assert.Equal((first.Held, first.Cost * 10), second); // Ten times the price, before it was called.
        Assert.Equal(77, await _gateway.SettledAsync(token));
        Assert.Equal(770_000, (await _gateway.BalanceAsync(token)).Settled.Nanos);
    }

    [Theory]
    [InlineData(400)]
    [InlineData(404)]
    public async Task What_the_call_itself_is_refused_for_is_not_asked_again(int status)
    {
        string token = await _gateway.OpenAsync();
        await using GatewayHost host = await HostAsync("*", ["dear"]);
        _gateway.Upstream.Calls.Clear();
        _gateway.Upstream.Answer = FakeUpstream.Json(Overloaded, status);

        using HttpResponseMessage response = await PostAsync(host, token, Call);

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Single(_gateway.Upstream.Calls);
        Assert.Equal(0, await _gateway.SettledAsync(token));
    }

    [Fact]
    public async Task A_model_that_the_session_may_not_call_is_no_fallback()
    {
        string token = await _gateway.OpenAsync();
        await using GatewayHost host = await HostAsync("m", ["secret", "unknown"]);
        _gateway.Upstream.Calls.Clear();
        _gateway.Upstream.Answer = FakeUpstream.Json(Overloaded, 529);

        using HttpResponseMessage response = await PostAsync(host, token, Call);

        Assert.Equal((529, Overloaded), ((int)response.StatusCode, await response.Content.ReadAsStringAsync()));
        Assert.Single(_gateway.Upstream.Calls);
        Assert.Equal(0, await _gateway.SettledAsync(token));
    }

    private async Task<(long Held, decimal Cost)> HeldAsync(string token)
    {
        var balance = await _gateway.BalanceAsync(token);
        return (balance.HeldTokens, balance.Held.Units + (balance.Held.Nanos / 1e9m));
    }

    private Task<GatewayHost> HostAsync(string model, string[] to) => _gateway.HostAsync(new GatewayOptions
    {
        Listen = "127.0.0.1:0",
        Upstreams = TestGateway.OptionsOf(_gateway.Upstream).Upstreams,
        Fallbacks = [new FallbackOptions { Model = model, To = to }],
    });

    private Task<HttpResponseMessage> PostAsync(GatewayHost host, string token, string body) => _gateway.Http.SendAsync(
        new HttpRequestMessage(HttpMethod.Post, new Uri($"http://{host.Address}/v1/messages"))
        {
            Headers = { { "x-api-key", token } },
            Content = new StringContent(body),
        });
}
