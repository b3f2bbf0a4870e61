using AgentBudget.Protocol.V1;
using Grpc.Core;
using static AgentBudget.Silo.Tests.Identity;

namespace AgentBudget.Silo.Tests;

/// <summary>Requests and holds are their principal's, through the whole silo.</summary>
public sealed class HoldOwnerTests
{
    [Fact]
    public async Task An_agent_cannot_end_its_gateways_hold_and_the_gateways_usage_is_charged()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        string agent = await silo.SecretAsync(Role.Agent, "agents/writer");
        string gateway = await silo.SecretAsync(Role.Gateway, "edge");
        OpenSessionResponse opened = await silo.OpenAsync(agent, "agents/writer");
        ReserveTokensResponse held = await silo.SpendAsync(gateway, opened.SessionToken);
        string id = held.Reservation.ReservationId;

        RpcException byAgent = await RefusedAsync(
            StatusCode.NotFound, () => CommitAsync(silo, agent, opened.SessionToken, id, 0));
        RpcException bySession = await RefusedAsync(
            StatusCode.NotFound, () => CommitAsync(silo, opened.SessionToken, "", id, 0));
        RpcException absent = await RefusedAsync(
            StatusCode.NotFound, () => CommitAsync(silo, agent, opened.SessionToken, "r999999", 0));
        CommitTokensResponse honest = await CommitAsync(silo, gateway, opened.SessionToken, id, 900);

        Assert.Equal(absent.Status, byAgent.Status);
        Assert.Equal(absent.Status, bySession.Status);
        Assert.Equal(900, honest.Settled.Tokens);
    }

    [Fact]
    public async Task A_session_token_and_its_agents_credential_are_one_holder_and_gateways_follow_each_other()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        string agent = await silo.SecretAsync(Role.Agent, "agents/writer");
        string first = await silo.SecretAsync(Role.Gateway, "east");
        string second = await silo.SecretAsync(Role.Gateway, "west");
        OpenSessionResponse opened = await silo.OpenAsync(agent, "agents/writer");
        ReserveTokensResponse agents = await silo.SpendAsync(agent, opened.SessionToken);
        ReserveTokensResponse gateways = await silo.SpendAsync(first, opened.SessionToken);

        await CommitAsync(silo, opened.SessionToken, "", agents.Reservation.ReservationId, 10);
        await CommitAsync(silo, second, opened.SessionToken, gateways.Reservation.ReservationId, 10);
    }

    [Fact]
    public async Task A_reservations_name_tells_no_number_and_no_number_names_it()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        string gateway = await silo.SecretAsync(Role.Gateway, "edge");
        OpenSessionResponse opened = await silo.OpenAsync(
            await silo.SecretAsync(Role.Agent, "agents/writer"), "agents/writer");
        string id = (await silo.SpendAsync(gateway, opened.SessionToken)).Reservation.ReservationId;

        Assert.Matches("^r[A-Za-z0-9_-]{22}$", id);
        for (int number = 1; number < 20; number++)
        {
            string guess = $"r{number}";
            await RefusedAsync(
                StatusCode.NotFound, () => CommitAsync(silo, gateway, opened.SessionToken, guess, 0));
        }
    }

    [Fact]
    public async Task The_same_OpenSession_of_two_orchestrators_opens_two_sessions()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        string day = await silo.SecretAsync(Role.Orchestrator, "day");
        string night = await silo.SecretAsync(Role.Orchestrator, "night");

        OpenSessionResponse first = await OpenAsync(day);
        OpenSessionResponse second = await OpenAsync(night);
        OpenSessionResponse again = await OpenAsync(day);

        Assert.NotEqual(first.Session.Session_, second.Session.Session_);
        Assert.Equal(first.Session.Session_, again.Session.Session_);

        Task<OpenSessionResponse> OpenAsync(string bearer) =>
            silo.CallAsync<OpenSessionRequest, OpenSessionResponse>(
                "OpenSession",
                new OpenSessionRequest
                {
                    RequestId = "nightly",
                    Agent = "agents/writer",
                    UseCase = "useCases/promo",
                    Unattended = true,
                },
                bearer);
    }

    private static Task<CommitTokensResponse> CommitAsync(
        TestSilo silo, string bearer, string token, string reservation, long used) =>
        silo.CallAsync<CommitTokensRequest, CommitTokensResponse>(
            "CommitTokens",
            new CommitTokensRequest
            {
                RequestId = NextId(),
                SessionToken = token,
                ReservationId = reservation,
                Usage = new TokenUsage { InputTokens = used },
            },
            bearer);
}
