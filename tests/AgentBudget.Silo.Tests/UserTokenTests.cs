using AgentBudget.Protocol.V1;
using Grpc.Core;
using static AgentBudget.Silo.Tests.Identity;

namespace AgentBudget.Silo.Tests;

/// <summary>
/// A token that was exchanged for a user speaks for that user alone: what the session's name or token alone would open
/// to its agent is not there for it.
/// </summary>
public sealed class UserTokenTests : IDisposable
{
    private readonly UserIssuer _users = new();

    public void Dispose() => _users.Dispose();

    [Fact]
    public async Task A_token_for_kim_moves_no_session_of_lee_by_name_or_by_token()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog, _users.Settings);
        CreateCredentialResponse writer = await silo.CreateAsync(Role.Agent, "agents/writer");
        string kim = await _users.ExchangeAsync(silo, writer, "kim");
        OpenSessionResponse lees = await OpenAsync(silo, await _users.ExchangeAsync(silo, writer, "lee"));
        string name = lees.Session.Session_;
        string token = lees.SessionToken;
        foreach ((string byName, string byToken) in new[] { (name, ""), ("", token) })
        {
            await NotFoundAsync(() => silo.CallAsync<RenewSessionRequest, RenewSessionResponse>(
                "RenewSession",
                new RenewSessionRequest { RequestId = NextId(), Session = byName, SessionToken = byToken },
                kim));
            await NotFoundAsync(() => silo.CallAsync<GetSessionRequest, GetSessionResponse>(
                "GetSession", new GetSessionRequest { Session = byName, SessionToken = byToken }, kim));
            await NotFoundAsync(() => silo.CallAsync<RevokeSessionRequest, RevokeSessionResponse>(
                "RevokeSession",
                new RevokeSessionRequest
                {
                    RequestId = NextId(),
                    Session = byName,
                    SessionToken = byToken,
                    Reason = "odd",
                },
                kim));
            await NotFoundAsync(() => silo.CallAsync<EndSessionRequest, EndSessionResponse>(
                "EndSession",
                new EndSessionRequest { RequestId = NextId(), Session = byName, SessionToken = byToken },
                kim));
        }

        await NotFoundAsync(() => silo.SpendAsync(kim, token));
        await NotFoundAsync(() => silo.CallAsync<GetBalanceRequest, GetBalanceResponse>(
            "GetBalance", new GetBalanceRequest { SessionToken = token }, kim));
        RpcException grain = await Assert.ThrowsAsync<RpcException>(
            () => silo.CallAsync<GetBalanceRequest, GetBalanceResponse>(
                "GetBalance", new GetBalanceRequest { Grain = name }, kim));
        Assert.Equal(StatusCode.NotFound, grain.StatusCode);
        await NotFoundAsync(() => OpenAsync(silo, kim, open => open.ParentSessionToken = token));
        // The agent itself still may: what was taken away was taken from the token, not from the credential.
        Assert.Equal(Decision.Allow, (await silo.SpendAsync(writer.Secret, token)).Decision);
    }

    [Fact]
    public async Task A_token_for_kim_lists_and_watches_what_is_kims()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog, _users.Settings);
        CreateCredentialResponse writer = await silo.CreateAsync(Role.Agent, "agents/writer");
        string kim = await _users.ExchangeAsync(silo, writer, "kim");
        OpenSessionResponse lees = await OpenAsync(silo, await _users.ExchangeAsync(silo, writer, "lee"));
        await silo.OpenAsync(writer.Secret, "agents/writer");
        OpenSessionResponse kims = await OpenAsync(silo, kim);
        async Task<IEnumerable<string>> ListAsync(string bearer) =>
            (await silo.CallAsync<ListSessionsRequest, ListSessionsResponse>(
                "ListSessions", new ListSessionsRequest(), bearer)).Sessions.Select(session => session.Session_);

        Assert.Equal([kims.Session.Session_], await ListAsync(kim));
        Assert.Equal(3, (await ListAsync(writer.Secret)).Count());
        Assert.Equal(StatusCode.NotFound, await WatchAsync(silo, kim, lees.Session.Session_));
        Assert.Equal(StatusCode.OK, await WatchAsync(silo, kim, kims.Session.Session_));
    }

    [Fact]
    public async Task A_token_for_kim_opens_no_subagent_for_nobody_or_for_another()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog, _users.Settings);
        CreateCredentialResponse writer = await silo.CreateAsync(Role.Agent, "agents/writer");
        string kim = await _users.ExchangeAsync(silo, writer, "kim");
        OpenSessionResponse parent = await OpenAsync(silo, kim);
        Assert.Equal("user:kim", parent.Session.OnBehalfOf);
        await RefusedAsync(
            StatusCode.InvalidArgument,
            () => OpenAsync(silo, kim, open =>
            {
                open.ParentSessionToken = parent.SessionToken;
                open.Unattended = true;
            }));
        await RefusedAsync(
            StatusCode.InvalidArgument, () => OpenAsync(silo, kim, open => open.OnBehalfOf = "user:lee"));
        OpenSessionResponse child = await OpenAsync(silo, kim, open => open.ParentSessionToken = parent.SessionToken);
        Assert.Equal("user:kim", child.Session.OnBehalfOf);
        Assert.Equal(Decision.Allow, (await silo.SpendAsync(kim, child.SessionToken)).Decision);
    }

    private static Task<OpenSessionResponse> OpenAsync(
        TestSilo silo, string bearer, Action<OpenSessionRequest>? change = null)
    {
        OpenSessionRequest request = new() { RequestId = NextId(), UseCase = "useCases/promo" };
        change?.Invoke(request);
        return silo.CallAsync<OpenSessionRequest, OpenSessionResponse>("OpenSession", request, bearer);
    }

    private static async Task<StatusCode> WatchAsync(TestSilo silo, string bearer, string session)
    {
        using Grpc.Net.Client.GrpcChannel channel = Calls.ChannelTo(silo.Grpc);
        using AsyncServerStreamingCall<WatchSessionResponse> call =
            new SessionService.SessionServiceClient(channel).WatchSession(
                new WatchSessionRequest { Session = session },
                new Metadata { { "authorization", $"Bearer {bearer}" } });
        try
        {
            await call.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(TestSilo.Patience);
            return StatusCode.OK;
        }
        catch (RpcException refused)
        {
            return refused.StatusCode;
        }
    }

    private static async Task NotFoundAsync(Func<Task> call)
    {
        RpcException refused = await RefusedAsync(StatusCode.NotFound, call);
        Assert.Equal("There is no such session.", refused.Status.Detail);
    }
}
