using System.Net;
using System.Text.Json.Nodes;
using AgentBudget.Protocol.V1;
using Grpc.Core;
using static AgentBudget.Silo.Tests.Identity;

namespace AgentBudget.Silo.Tests;

/// <summary>What one caller says takes nobody else's room until finance decides, through the whole silo.</summary>
public sealed class DisputeTests
{
    [Fact]
    public async Task A_lie_refuses_nobody_else_and_after_a_dismissal_accounts_and_reports_agree_to_the_nano()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        string finance = await silo.SecretAsync(Role.Finance, "desk");
        OpenSessionResponse liar = await silo.OpenAsync(
            await silo.SecretAsync(Role.Agent, "agents/writer"), "agents/writer");
        string sibling = await silo.SecretAsync(Role.Agent, "agents/sibling");
        OpenSessionResponse honest = await silo.OpenAsync(sibling, "agents/sibling");

        CommitTokensResponse lie = await LieAsync(silo, liar.SessionToken);
        await RefusedAsync(
            StatusCode.PermissionDenied, () => DecideAsync(silo, sibling, "disputes/d1", DisputeDecision.Dismissed));
        ReserveTokensResponse granted = await silo.SpendAsync(sibling, honest.SessionToken);
        Dispute dispute = Assert.Single((await ListAsync(silo, finance)).Disputes);
        await AgreeAsync(silo, "useCases/promo", "businessUnits/marketing", "tenants/acme");
        await DecideAsync(silo, finance, dispute.Dispute_, DisputeDecision.Dismissed);

        Assert.Equal(999_999_999_000, lie.Disputed.Tokens);
        Assert.Equal("agents/writer", dispute.Agent);
        Assert.Equal(Decision.Allow, granted.Decision);
        Assert.Empty((await ListAsync(silo, finance)).Disputes);
        await AgreeAsync(silo, "agents/writer", "useCases/promo", "businessUnits/marketing", "tenants/acme");
        ReserveTokensResponse suspended = await silo.SpendAsync(liar.SessionToken, "");
        Assert.Equal(Reason.SessionSuspended, suspended.Denial.Reason);
        await RefusedAsync(
            StatusCode.NotFound, () => DecideAsync(silo, finance, dispute.Dispute_, DisputeDecision.Confirmed));
    }

    [Fact]
    public async Task A_confirmation_is_settled_in_accounts_and_reports_and_is_a_line_of_the_audit()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        CreateCredentialResponse finance = await silo.CreateAsync(Role.Finance, "desk");
        OpenSessionResponse opened = await silo.OpenAsync(
            await silo.SecretAsync(Role.Agent, "agents/writer"), "agents/writer");
        await LieAsync(silo, opened.SessionToken);
        Dispute dispute = Assert.Single((await ListAsync(silo, finance.Secret)).Disputes);

        (HttpStatusCode status, JsonNode answer) = await silo.PostAsync(
            "DecideDispute",
            JsonNode.Parse(
                $$"""
                {"requestId":"{{NextId()}}","dispute":"{{dispute.Dispute_}}","decision":"DISPUTE_DECISION_CONFIRMED",
                 "reason":"the provider billed it"}
                """)!.AsObject(),
            finance.Secret);

        Assert.True(status == HttpStatusCode.OK, answer.ToJsonString());
        await AgreeAsync(silo, "agents/writer", "useCases/promo", "businessUnits/marketing", "tenants/acme");
        ListEntriesResponse entries = await silo.CallAsync<ListEntriesRequest, ListEntriesResponse>(
            "ListEntries",
            new ListEntriesRequest { Filter = new SpendFilter { Kinds = { EventKind.DisputeDecided } } });
        LedgerEvent line = Assert.Single(entries.Entries);
        Assert.Equal($"desk {finance.Credential.Credential_}", line.Actor);
        Assert.Equal("the provider billed it", line.DisputeDecided.Reason);
    }

    private static async Task<CommitTokensResponse> LieAsync(TestSilo silo, string session)
    {
        ReserveTokensResponse held = await silo.SpendAsync(session, "");
        return await silo.CallAsync<CommitTokensRequest, CommitTokensResponse>(
            "CommitTokens",
            new CommitTokensRequest
            {
                RequestId = NextId(),
                ReservationId = held.Reservation.ReservationId,
                Usage = new TokenUsage { OutputTokens = 1_000_000_000_000 },
            },
            session);
    }

    private static Task<ListDisputesResponse> ListAsync(TestSilo silo, string bearer) =>
        silo.CallAsync<ListDisputesRequest, ListDisputesResponse>("ListDisputes", new ListDisputesRequest(), bearer);

    private static Task<DecideDisputeResponse> DecideAsync(
        TestSilo silo, string bearer, string dispute, DisputeDecision decision) =>
        silo.CallAsync<DecideDisputeRequest, DecideDisputeResponse>(
            "DecideDispute",
            new DecideDisputeRequest
            {
                RequestId = NextId(),
                Dispute = dispute,
                Decision = decision,
                Reason = "asked the provider",
            },
            bearer);

    private static async Task AgreeAsync(TestSilo silo, params string[] accounts)
    {
        foreach (string account in accounts)
        {
            ReportFilter filter = new();
            if (account.StartsWith("useCases/", StringComparison.Ordinal)) filter.UseCase = account;
            if (account.StartsWith("businessUnits/", StringComparison.Ordinal)) filter.BusinessUnit = account;
            if (account.StartsWith("agents/", StringComparison.Ordinal)) filter.Agent = account;
            GetChargebackResponse report = await silo.CallAsync<GetChargebackRequest, GetChargebackResponse>(
                "GetChargeback", new GetChargebackRequest { Filter = filter });
            GetBalanceResponse balance = await silo.CallAsync<GetBalanceRequest, GetBalanceResponse>(
                "GetBalance", new GetBalanceRequest { Grain = account });
            Assert.Equal((account, balance.Grains[0].Settled), (account, report.Total.Cost));
        }
    }
}
