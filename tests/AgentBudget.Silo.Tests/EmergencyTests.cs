using System.Net;
using System.Text.Json.Nodes;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using static AgentBudget.Silo.Tests.Identity;
using State = AgentBudget.Protocol.V1.Session.Types.State;

namespace AgentBudget.Silo.Tests;

/// <summary>What is ended is ended with all that came from it.</summary>
public sealed class EmergencyTests : IAsyncLifetime
{
    private readonly UserIssuer _users = new();
    private TestSilo _silo = null!;

    public async ValueTask InitializeAsync() =>
        _silo = await TestSilo.StartAsync(Identity.Catalog, _users.Settings);

    public async ValueTask DisposeAsync()
    {
        await _silo.DisposeAsync();
        _users.Dispose();
    }

    [Fact]
    public async Task The_token_of_a_suspended_session_is_revoked_like_that_of_an_open_one()
    {
        CreateCredentialResponse writer = await _silo.CreateAsync(Role.Agent, "agents/writer");
        OpenSessionResponse opened = await _silo.OpenAsync(writer.Secret, "agents/writer");
        string name = opened.Session.Session_;
        await _silo.CallAsync<SuspendSessionRequest, SuspendSessionResponse>(
            "SuspendSession", new SuspendSessionRequest { RequestId = NextId(), Session = name, Reason = "odd" });

        (HttpStatusCode status, _) =
            await _silo.AskOAuthAsync("revoke", new() { ["token"] = opened.SessionToken }, writer);

        Assert.Equal((HttpStatusCode.OK, State.Revoked), (status, await StateAsync(name)));
        await RefusedAsync(
            StatusCode.FailedPrecondition,
            () => _silo.CallAsync<ResumeSessionRequest, ResumeSessionResponse>(
                "ResumeSession", new ResumeSessionRequest { RequestId = NextId(), Session = name, Reason = "fine" }));
        Assert.Equal(
            Reason.SessionRevoked, (await _silo.SpendAsync(writer.Secret, opened.SessionToken)).Denial.Reason);
    }

    [Fact]
    public async Task A_credential_that_leaked_takes_along_what_was_opened_with_it_and_with_tokens_of_it()
    {
        CreateCredentialResponse leaked = await _silo.CreateAsync(Role.Agent, "agents/writer");
        CreateCredentialResponse sound = await _silo.CreateAsync(Role.Agent, "agents/writer");
        OpenSessionResponse bySecret = await _silo.OpenAsync(leaked.Secret, "agents/writer");
        OpenSessionResponse byToken = await _silo.OpenAsync(await GrantAsync(leaked), "agents/writer");
        OpenSessionResponse child = await _silo.CallAsync<OpenSessionRequest, OpenSessionResponse>(
            "OpenSession", new OpenSessionRequest { RequestId = NextId() }, bySecret.SessionToken);
        OpenSessionResponse other = await _silo.OpenAsync(sound.Secret, "agents/writer");
        string credential = leaked.Credential.Credential_;
        string[] before = await ListAsync(request => request.Credential = credential);
        Assert.Equal(
            [child.Session.Session_, byToken.Session.Session_, bySecret.Session.Session_], before);

        await _silo.RevokeAsync(credential);

        foreach (OpenSessionResponse ended in new[] { bySecret, byToken, child })
        {
            Assert.Equal(State.Revoked, await StateAsync(ended.Session.Session_));
            Assert.Equal(
                Reason.SessionRevoked,
                (await _silo.SpendAsync(_silo.AdminKey, ended.SessionToken)).Denial.Reason);
            await RefusedAsync(
                StatusCode.FailedPrecondition,
                () => _silo.CallAsync<RenewSessionRequest, RenewSessionResponse>(
                    "RenewSession", new RenewSessionRequest { RequestId = NextId() }, ended.SessionToken));
            await RefusedAsync(
                StatusCode.FailedPrecondition,
                () => _silo.CallAsync<OpenSessionRequest, OpenSessionResponse>(
                    "OpenSession", new OpenSessionRequest { RequestId = NextId() }, ended.SessionToken));
        }

        Assert.Equal(State.Open, await StateAsync(other.Session.Session_));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_was_exchanged_from_a_token_ends_with_it(bool byCredential)
    {
        CreateCredentialResponse writer = await _silo.CreateAsync(Role.Agent, "agents/writer");
        CreateCredentialResponse sibling = await _silo.CreateAsync(Role.Agent, "agents/sibling");
        string first = await _users.ExchangeAsync(_silo, writer, "kim");
        string second = await AgainAsync(first, sibling);
        string third = await AgainAsync(second, writer);
        OpenSessionResponse opened = await _silo.OpenAsync(second, "agents/sibling", user: "user:kim");
        OpenSessionResponse later = await _silo.OpenAsync(third, "agents/writer", user: "user:kim");

        if (byCredential)
            await _silo.RevokeAsync(writer.Credential.Credential_);
        else
            await _silo.AskOAuthAsync("revoke", new() { ["token"] = first }, writer);

        foreach (string token in (string[])[first, second, third])
        {
            await RefusedAsync(StatusCode.Unauthenticated, () => _silo.SpendAsync(token, opened.SessionToken));
            (_, JsonNode answer) = await _silo.AskOAuthAsync("introspect", new() { ["token"] = token }, sibling);
            Assert.False((bool)answer["active"]!);
            (HttpStatusCode refused, _) = await _silo.AskOAuthAsync(
                "token", UserIssuer.ExchangeOf(token, UserIssuer.AccessTokenType), sibling);
            Assert.Equal(HttpStatusCode.BadRequest, refused);
        }

        Assert.Equal(State.Revoked, await StateAsync(opened.Session.Session_));
        Assert.Equal(State.Revoked, await StateAsync(later.Session.Session_));
    }

    [Fact]
    public async Task A_key_that_leaked_after_it_was_retired_is_ended_by_its_name()
    {
        OpenSessionResponse old = await _silo.OpenAsync(_silo.AdminKey, "agents/writer");
        RotateSigningKeyResponse yearly = await RotateAsync(NextId(), endKeyId: "", overlap: null);
        Assert.Equal(Decision.Allow, (await _silo.SpendAsync(_silo.AdminKey, old.SessionToken)).Decision);
        OpenSessionResponse fresh = await _silo.OpenAsync(_silo.AdminKey, "agents/writer");

        string request = NextId();
        RotateSigningKeyResponse ended = await RotateAsync(request, yearly.RetiredKeyId, new Duration());

        Assert.Equal((yearly.KeyId, yearly.RetiredKeyId), (ended.KeyId, ended.RetiredKeyId));
        await RefusedAsync(StatusCode.Unauthenticated, () => _silo.SpendAsync(_silo.AdminKey, old.SessionToken));
        Assert.Equal(Decision.Allow, (await _silo.SpendAsync(_silo.AdminKey, fresh.SessionToken)).Decision);
        Assert.Equal(ended, await RotateAsync(request, yearly.RetiredKeyId, new Duration()));
        await RefusedAsync(
            StatusCode.InvalidArgument, () => RotateAsync(NextId(), yearly.RetiredKeyId, new Duration()));
        RotateSigningKeyResponse present = await RotateAsync(NextId(), ended.KeyId, new Duration());
        Assert.Equal(ended.KeyId, present.RetiredKeyId);
        await RefusedAsync(StatusCode.Unauthenticated, () => _silo.SpendAsync(_silo.AdminKey, fresh.SessionToken));
    }

    [Fact]
    public async Task A_session_ends_with_what_its_user_gave()
    {
        CreateCredentialResponse writer = await _silo.CreateAsync(Role.Agent, "agents/writer");
        long end = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() + 100;
        string kim = await _users.ExchangeAsync(_silo, writer, "kim", claims => claims["exp"] = end);
        CreateCredentialResponse sibling = await _silo.CreateAsync(Role.Agent, "agents/sibling");
        foreach ((string token, string agent) in
            new[] { (kim, "agents/writer"), (await AgainAsync(kim, sibling), "agents/sibling") })
        {
            OpenSessionResponse opened = await _silo.OpenAsync(token, agent, user: "user:kim");
            Assert.Equal((end, end), (opened.Session.ExpireTime.Seconds, opened.Session.LifetimeEndTime.Seconds));
            RenewSessionResponse renewed = await _silo.CallAsync<RenewSessionRequest, RenewSessionResponse>(
                "RenewSession",
                new RenewSessionRequest { RequestId = NextId(), Ttl = new Duration { Seconds = 3600 } },
                opened.SessionToken);
            Assert.Equal(end, renewed.Session.ExpireTime.Seconds);
        }
    }

    [Fact]
    public async Task Sessions_of_a_user_are_found_and_ended_by_an_administrator()
    {
        CreateCredentialResponse writer = await _silo.CreateAsync(Role.Agent, "agents/writer");
        OpenSessionResponse kims = await _silo.OpenAsync(writer.Secret, "agents/writer", user: "user:kim");
        OpenSessionResponse lees = await _silo.OpenAsync(writer.Secret, "agents/writer", user: "user:lee");
        Assert.Equal([kims.Session.Session_], await ListAsync(request => request.OnBehalfOf = "user:kim"));
        RevokeSessionsRequest request = new() { RequestId = NextId(), OnBehalfOf = "user:kim", Reason = "left" };
        await RefusedAsync(
            StatusCode.PermissionDenied,
            () => _silo.CallAsync<RevokeSessionsRequest, RevokeSessionsResponse>(
                "RevokeSessions", request, writer.Secret));
        RevokeSessionsResponse revoked =
            await _silo.CallAsync<RevokeSessionsRequest, RevokeSessionsResponse>("RevokeSessions", request);
        Assert.Equal(1, revoked.Revoked);
        Assert.Equal(State.Revoked, await StateAsync(kims.Session.Session_));
        Assert.Equal(State.Open, await StateAsync(lees.Session.Session_));
        await RefusedAsync(
            StatusCode.InvalidArgument,
            () => _silo.CallAsync<RevokeSessionsRequest, RevokeSessionsResponse>(
                "RevokeSessions", new RevokeSessionsRequest { RequestId = NextId(), Reason = "all" }));
    }

    [Fact]
    public async Task What_a_user_gave_ends_with_the_user_whoever_exchanged_it_and_however_often()
    {
        CreateCredentialResponse writer = await _silo.CreateAsync(Role.Agent, "agents/writer");
        CreateCredentialResponse sibling = await _silo.CreateAsync(Role.Agent, "agents/sibling");
        string first = await _users.ExchangeAsync(_silo, writer, "kim");
        string second = await AgainAsync(first, sibling);
        string lees = await _users.ExchangeAsync(_silo, writer, "lee");
        OpenSessionResponse session = await _silo.OpenAsync(first, "agents/writer", user: "user:kim");

        RevokeSessionsResponse revoked = await _silo.CallAsync<RevokeSessionsRequest, RevokeSessionsResponse>(
            "RevokeSessions",
            new RevokeSessionsRequest { RequestId = NextId(), OnBehalfOf = "user:kim", Reason = "left" });

        Assert.Equal(1, revoked.Revoked);
        Assert.Equal(State.Revoked, await StateAsync(session.Session.Session_));
        await RefusedAsync(StatusCode.Unauthenticated, () => _silo.OpenAsync(first, "agents/writer", user: "user:kim"));
        await RefusedAsync(
            StatusCode.Unauthenticated, () => _silo.OpenAsync(second, "agents/sibling", user: "user:kim"));
        // Neither the user's own token nor one of ours is exchanged again.
        foreach (Dictionary<string, string> form in (Dictionary<string, string>[])
            [
                UserIssuer.ExchangeOf(_users.TokenOf("kim")),
                UserIssuer.ExchangeOf(first, UserIssuer.AccessTokenType),
                UserIssuer.ExchangeOf(second, UserIssuer.AccessTokenType),
            ])
        {
            (HttpStatusCode refused, _) = await _silo.AskOAuthAsync("token", form, writer);
            Assert.Equal(HttpStatusCode.BadRequest, refused);
        }

        await _silo.OpenAsync(lees, "agents/writer", user: "user:lee");
        // The agent's own right to name a user is another matter: RevokeCredential ends it.
        await _silo.OpenAsync(writer.Secret, "agents/writer", user: "user:kim");
    }

    [Fact]
    public async Task A_user_is_a_name_of_visible_characters_and_proven_or_claimed()
    {
        CreateCredentialResponse writer = await _silo.CreateAsync(Role.Agent, "agents/writer");
        foreach (string unseen in (string[])["user:ki\u200Bm", "user:kim\u202E", " user:kim", "user:\u3164"])
        {
            await RefusedAsync(
                StatusCode.InvalidArgument, () => _silo.OpenAsync(writer.Secret, "agents/writer", user: unseen));
        }

        OpenSessionResponse claimed = await _silo.OpenAsync(writer.Secret, "agents/writer", user: "user:Rene\u0301");
        Assert.Equal(("user:Ren\u00E9", UserProof.Claimed), (claimed.Session.OnBehalfOf, claimed.Session.UserProof));
        string kim = await _users.ExchangeAsync(_silo, writer, "kim");
        OpenSessionResponse proven = await _silo.OpenAsync(kim, "agents/writer", user: "");
        Assert.Equal(("user:kim", UserProof.Proven), (proven.Session.OnBehalfOf, proven.Session.UserProof));
        await SettleAsync(claimed.SessionToken, tokens: 1_000);
        await SettleAsync(proven.SessionToken, tokens: 2_000);

        GetAttributionCoverageResponse coverage =
            await _silo.CallAsync<GetAttributionCoverageRequest, GetAttributionCoverageResponse>(
                "GetAttributionCoverage", new GetAttributionCoverageRequest());
        Assert.Equal((2_000_000, 1_000_000), (coverage.ProvenUsers.Nanos, coverage.ClaimedUsers.Nanos));
        await _silo.ApplyAsync(Identity.Catalog + "\nrequireProvenUsers: true\n", "proof");
        await RefusedAsync(
            StatusCode.PermissionDenied, () => _silo.OpenAsync(writer.Secret, "agents/writer", user: "user:kim"));
        await _silo.OpenAsync(kim, "agents/writer", user: "user:kim");
        await _silo.OpenAsync(writer.Secret, "agents/writer");
    }

    private async Task SettleAsync(string session, long tokens)
    {
        ReserveTokensResponse held = await _silo.SpendAsync(_silo.AdminKey, session);
        await _silo.CommitAsync(session, NextId(), held.Reservation.ReservationId, tokens);
    }

    private async Task<string> GrantAsync(CreateCredentialResponse client) => (string)(await _silo.AskOAuthAsync(
        "token", new() { ["grant_type"] = "client_credentials" }, client)).Answer["access_token"]!;

    private async Task<string> AgainAsync(string token, CreateCredentialResponse client) =>
        (string)(await _silo.AskOAuthAsync(
            "token", UserIssuer.ExchangeOf(token, UserIssuer.AccessTokenType), client)).Answer["access_token"]!;

    private Task<RotateSigningKeyResponse> RotateAsync(string requestId, string endKeyId, Duration? overlap) =>
        _silo.CallAsync<RotateSigningKeyRequest, RotateSigningKeyResponse>(
            "RotateSigningKey",
            new RotateSigningKeyRequest
            {
                RequestId = requestId,
                EndKeyId = endKeyId,
                Overlap = overlap,
                Reason = "leaked",
            });

    private async Task<State> StateAsync(string session) =>
        (await _silo.CallAsync<GetSessionRequest, GetSessionResponse>(
            "GetSession", new GetSessionRequest { Session = session })).Session.State;

    private async Task<string[]> ListAsync(Action<ListSessionsRequest> change)
    {
        ListSessionsRequest request = new();
        change(request);
        ListSessionsResponse listed =
            await _silo.CallAsync<ListSessionsRequest, ListSessionsResponse>("ListSessions", request);
        return [.. listed.Sessions.Select(session => session.Session_)];
    }
}
