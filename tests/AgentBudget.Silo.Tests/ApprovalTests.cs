using System.Net;
using System.Text.Json.Nodes;
using AgentBudget.Protocol.V1;
using Grpc.Core;
using Grpc.Net.Client;
using static AgentBudget.Silo.Tests.Identity;

namespace AgentBudget.Silo.Tests;

/// <summary>From a call that is refused at a cap to its granted retry, through the whole silo.</summary>
public sealed class ApprovalTests
{
    private static readonly string Tight = Identity.Catalog.Replace(
        "{ id: promo, businessUnit: marketing, budget: { limit: 100, period: none } }",
        "{ id: promo, businessUnit: marketing, budget: { limit: 0.001, period: month, "
        + "tiers: [{ at: 100, action: refuse }] } }",
        StringComparison.Ordinal);

    [Fact]
    public async Task Whoever_is_refused_asks_waits_and_spends_once_finance_approves()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Tight);
        string agent = await silo.SecretAsync(Role.Agent, "agents/writer");
        string finance = await silo.SecretAsync(Role.Finance, "desk");
        OpenSessionResponse opened = await silo.OpenAsync(agent, "agents/writer");
        await silo.SpendAsync(agent, opened.SessionToken);
        ReserveTokensResponse denied = await silo.SpendAsync(agent, opened.SessionToken);
        Assert.Equal((Decision.Deny, "useCases/promo"), (denied.Decision, denied.Denial.Grain));

        ExtensionRequest asked = await AskAsync(silo, opened.SessionToken, opened.SessionToken, denied.Denial.Grain);
        using GrpcChannel channel = Calls.ChannelTo(silo.Grpc);
        using AsyncServerStreamingCall<WatchExtensionRequestResponse> watched =
            new ApprovalService.ApprovalServiceClient(channel).WatchExtensionRequest(
                new WatchExtensionRequestRequest { ExtensionRequest = asked.ExtensionRequest_ },
                HeadersOf(opened.SessionToken));
        Assert.Equal(ExtensionState.Pending, (await NextAsync(watched))!.State);
        foreach (string other in (string[])[agent, await silo.SecretAsync(Role.Owner, "kim", ["useCases/promo"])])
            await RefusedAsync(StatusCode.PermissionDenied, () => DecideAsync(silo, other, asked));
        DecideExtensionResponse decided = await DecideAsync(silo, finance, asked);
        ExtensionRequest told = (await NextAsync(watched))!;
        ReserveTokensResponse granted = await silo.SpendAsync(agent, opened.SessionToken);

        Assert.Null(await NextAsync(watched));
        Assert.Equal((ExtensionState.Approved, "worth it"), (told.State, told.DecisionReason));
        Assert.Equal(decided.ExtensionRequest, told);
        Assert.Equal(1, decided.After.Limit.Units - decided.Before.Limit.Units);
        Assert.Equal(Decision.Allow, granted.Decision);
        RpcException again = await RefusedAsync(
            StatusCode.FailedPrecondition, () => DecideAsync(silo, finance, asked));
        Assert.Contains("answered", again.Status.Detail, StringComparison.Ordinal);
        VerifyLedgerResponse verified = await silo.CallAsync<VerifyLedgerRequest, VerifyLedgerResponse>(
            "VerifyLedger", new VerifyLedgerRequest());
        Assert.True(verified.Clean);
    }

    [Fact]
    public async Task What_the_catalog_approves_of_itself_is_granted_with_the_request()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Tight.Replace(
            "period: month, tiers", "period: month, autoApprove: { limit: 1 }, tiers", StringComparison.Ordinal));
        string agent = await silo.SecretAsync(Role.Agent, "agents/writer");
        OpenSessionResponse opened = await silo.OpenAsync(agent, "agents/writer");

        ExtensionRequest first = await AskAsync(silo, agent, opened.SessionToken, "useCases/promo");
        ExtensionRequest second = await AskAsync(silo, agent, opened.SessionToken, "useCases/promo");

        Assert.Equal((ExtensionState.Approved, ""), (first.State, first.DecidedBy));
        Assert.Equal(ExtensionState.Pending, second.State);
        ListExtensionRequestsResponse pending =
            await silo.CallAsync<ListExtensionRequestsRequest, ListExtensionRequestsResponse>(
                "ListExtensionRequests",
                new ListExtensionRequestsRequest { State = ExtensionState.Pending, PageSize = 1 },
                agent);
        Assert.Equal([second], pending.ExtensionRequests);
    }

    [Fact]
    public async Task Json_asks_by_route_and_is_told_what_is_wrong_by_field()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Tight);
        (HttpStatusCode status, JsonNode answer) = await silo.PostAsync(
            "RequestExtension",
            JsonNode.Parse(
                """
                {"requestId":"q1","grain":"useCases/promo","amount":{"units":"1"},"amountTokens":"5"}
                """)!.AsObject(),
            silo.AdminKey);
        (HttpStatusCode done, JsonNode asked) = await silo.PostAsync(
            "RequestExtension",
            JsonNode.Parse(
                """{"requestId":"q1","grain":"useCases/promo","amount":{"units":"1"},"reason":"due"}""")!.AsObject(),
            silo.AdminKey);

        Assert.Equal(HttpStatusCode.BadRequest, status);
        string text = answer.ToJsonString();
        Assert.Contains("exactly one of them", text, StringComparison.Ordinal);
        Assert.Contains("reason", text, StringComparison.Ordinal);
        Assert.Equal((HttpStatusCode.OK, "EXTENSION_STATE_PENDING"), (
            done, (string)asked["extensionRequest"]!["state"]!));
    }

    private static async Task<ExtensionRequest> AskAsync(
        TestSilo silo, string bearer, string session, string grain) =>
        (await silo.CallAsync<RequestExtensionRequest, RequestExtensionResponse>(
            "RequestExtension",
            new RequestExtensionRequest
            {
                RequestId = NextId(),
                SessionToken = session,
                Grain = grain,
                Amount = new Money { CurrencyCode = "USD", Units = 1 },
                Reason = "quotes are due",
            },
            bearer)).ExtensionRequest;

    private static Task<DecideExtensionResponse> DecideAsync(TestSilo silo, string bearer, ExtensionRequest asked) =>
        silo.CallAsync<DecideExtensionRequest, DecideExtensionResponse>(
            "DecideExtension",
            new DecideExtensionRequest
            {
                RequestId = NextId(),
                ExtensionRequest = asked.ExtensionRequest_,
                Decision = ExtensionState.Approved,
                Reason = "worth it",
            },
            bearer);

    private static async Task<ExtensionRequest?> NextAsync(
        AsyncServerStreamingCall<WatchExtensionRequestResponse> watched) =>
        await watched.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(TestSilo.Patience)
            ? watched.ResponseStream.Current.ExtensionRequest
            : null;

    private static Metadata HeadersOf(string bearer) => new() { { "authorization", "Bearer " + bearer } };
}
