using System.Net;
using System.Text.Json.Nodes;
using AgentBudget.Gateway.Tests.Support;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Gateway.Tests;

/// <summary>The gateway's own server of tools: what is left, and how an agent asks for more.</summary>
[Collection(SharedGatewayCollection.Name)]
public sealed class BudgetServerTests(SharedGateway shared)
{
    private const string Asked = "useCases/asked";

    private readonly TestGateway _gateway = shared.Gateway;

    [Fact]
    public async Task The_gateways_own_server_tells_what_is_left()
    {
        string token = await _gateway.OpenAsync(ceilings: new Ceilings { TokensPerSession = 10_000 });

        JsonNode begun = await SendAsync(
            token, """{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}""");
        JsonNode listed = await SendAsync(token, """{"jsonrpc":"2.0","id":1,"method":"tools/list"}""");
        JsonNode left = await CallAsync(token, "budget_left", "{}");
        JsonNode unknown = await SendAsync(token, CallOf("other", "{}"));

        Assert.Equal("2025-06-18", (string?)begun["result"]!["protocolVersion"]);
        Assert.Equal(
            ["budget_left", "budget_request", "budget_answer"],
            listed["result"]!["tools"]!.AsArray().Select(tool => (string?)tool!["name"]));
        Assert.Equal("10000", (string?)left["structuredContent"]!["grains"]![0]!["availableTokens"]);
        Assert.Equal(-32602, (int)unknown["error"]!["code"]!);
    }

    [Fact]
    public async Task An_agent_asks_for_more_waits_and_is_told_what_was_decided()
    {
        string token = await _gateway.OpenAsync("asked"), other = await _gateway.OpenAsync("asked");

        JsonNode asked = await CallAsync(
            token, "budget_request", $$"""{"grain":"{{Asked}}","amount":0.25,"reason":"quotes are due"}""");
        JsonNode request = asked["structuredContent"]!;
        string name = (string)request["extensionRequest"]!;
        JsonNode again = await CallAsync(
            token, "budget_request", $$"""{"grain":"{{Asked}}","amount":"9","reason":"more still"}""");
        JsonNode pending = await CallAsync(token, "budget_answer", $$"""{"request":"{{name}}"}""");
        JsonNode foreign = await CallAsync(other, "budget_answer", $$"""{"request":"{{name}}"}""");
        Task<JsonNode> waiting = CallAsync(token, "budget_answer", $$"""{"request":"{{name}}","waitSeconds":25}""");
        await _gateway.Client.CallAsync(
            _gateway.Client.Approvals.DecideExtensionAsync,
            new DecideExtensionRequest
            {
                ExtensionRequest = name,
                Decision = ExtensionState.Approved,
                Reason = "worth it",
            },
            CancellationToken.None);
        JsonNode decided = (await waiting)["structuredContent"]!;

        // The session asked, not the gateway, so its agent's share is used.
        Assert.Equal(
            ("agents/writer", 250_000_000, "EXTENSION_STATE_PENDING"),
            ((string?)request["principal"], (int)request["amount"]!["nanos"]!, (string?)request["state"]));
        Assert.True((bool)again["isError"]!);
        Assert.Contains(name, TextOf(again), StringComparison.Ordinal);
        Assert.Equal("EXTENSION_STATE_PENDING", (string?)pending["structuredContent"]!["state"]);
        Assert.True((bool)foreign["isError"]!);
        Assert.DoesNotContain("quotes are due", foreign.ToJsonString(), StringComparison.Ordinal);
        Assert.Equal(
            ("EXTENSION_STATE_APPROVED", "worth it"), ((string?)decided["state"], (string?)decided["decisionReason"]));
    }

    [Theory]
    [InlineData("""{"grain":"businessUnits/other","amount":1,"reason":"x"}""", "NOT_FOUND")] // On no path of its own.
    [InlineData("""{"grain":"useCases/tight","amount":1,"reason":"x"}""", "NOT_FOUND")] // Another use case than its own.
    [InlineData("""{"grain":"useCases/promo","amount":1}""", "reason")]
    [InlineData("""{"grain":"useCases/promo","reason":"x"}""", "exactly one")]
    [InlineData("""{"grain":"useCases/promo","amount":1,"tokens":1,"reason":"x"}""", "exactly one")]
    [InlineData("""{"grain":"useCases/promo","amount":-1,"reason":"x"}""", "amount must be")]
    [InlineData("""{"grain":"useCases/promo","amount":"1e3","reason":"x"}""", "amount must be")]
    [InlineData("""{"grain":"useCases/promo","amount":0.0000000001,"reason":"x"}""", "nine decimals")]
    [InlineData("""{"grain":"useCases/promo","tokens":1.5,"reason":"x"}""", "whole number")]
    [InlineData("""{"grain":7,"amount":1,"reason":"x"}""", "grain must be a string")]
    [InlineData("""{"grain":"useCases/promo","amount":1,"reason":"x","sessionToken":"t"}""", "sessionToken")]
    [InlineData("[]", "must be an object")]
    public async Task A_request_that_is_wrong_is_told_so_to_the_model_and_asks_nothing(string arguments, string named)
    {
        string token = await _gateway.OpenAsync();

        JsonNode result = await CallAsync(token, "budget_request", arguments);

        Assert.True((bool)result["isError"]!);
        Assert.Contains(named, TextOf(result), StringComparison.Ordinal);
        ListExtensionRequestsResponse known = await _gateway.Client.CallAsync(
            _gateway.Client.Approvals.ListExtensionRequestsAsync,
            new ListExtensionRequestsRequest { Grain = "useCases/promo" },
            CancellationToken.None);
        Assert.Empty(known.ExtensionRequests);
    }

    [Fact]
    public async Task A_page_of_another_origin_asks_for_nothing()
    {
        string token = await _gateway.OpenAsync();

        using HttpResponseMessage response = await _gateway.PostAsync(
            "mcp",
            token,
            CallOf("budget_left", "{}"),
            request => request.Headers.Add("Origin", "https://evil.test"));

        Assert.Equal(HttpStatusCode.Forbidden, response.StatusCode);
    }

    private static string CallOf(string tool, string arguments) =>
        """{"jsonrpc":"2.0","id":2,"method":"tools/call","params":"""
        + $$$"""{"name":"{{{tool}}}","arguments":{{{arguments}}}}}""";

    private static string TextOf(JsonNode result) => (string)result["content"]![0]!["text"]!;

    private async Task<JsonNode> CallAsync(string token, string tool, string arguments) =>
        (await SendAsync(token, CallOf(tool, arguments)))["result"]!;

    private async Task<JsonNode> SendAsync(string token, string body)
    {
        using HttpResponseMessage response = await _gateway.PostAsync("mcp", token, body);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return await TestGateway.JsonAsync(response);
    }
}
