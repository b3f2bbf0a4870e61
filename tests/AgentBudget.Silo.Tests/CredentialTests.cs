using AgentBudget.Protocol.V1;
using Grpc.Core;
using static AgentBudget.Silo.Tests.Identity;

namespace AgentBudget.Silo.Tests;

public sealed class CredentialTests
{
    [Fact]
    public async Task A_secret_is_shown_once_and_opens_sessions_of_its_agent()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        CreateCredentialRequest request = new() { RequestId = "k", Principal = "agents/writer", Role = Role.Agent };

        CreateCredentialResponse made =
            await silo.CallAsync<CreateCredentialRequest, CreateCredentialResponse>("CreateCredential", request);
        CreateCredentialResponse again =
            await silo.CallAsync<CreateCredentialRequest, CreateCredentialResponse>("CreateCredential", request);

        Assert.StartsWith("aba_acme.c", made.Secret, StringComparison.Ordinal);
        Assert.Equal("", again.Secret);
        Assert.Equal(made.Credential, again.Credential);
        OpenSessionResponse opened = await silo.OpenAsync(made.Secret, agent: "");
        Assert.Equal("agents/writer", opened.Session.Agent);
        ReserveTokensResponse reserved = await silo.SpendAsync(made.Secret, opened.SessionToken);
        Assert.Equal(Decision.Allow, reserved.Decision);
        ListEntriesResponse entries = await silo.CallAsync<ListEntriesRequest, ListEntriesResponse>(
            "ListEntries",
            new ListEntriesRequest { Filter = new SpendFilter { Kinds = { EventKind.SessionOpened } } });
        Assert.Equal($"agents/writer {made.Credential.Credential_}", Assert.Single(entries.Entries).Actor);
    }

    [Fact]
    public async Task Two_credentials_of_an_agent_work_until_the_old_one_is_revoked()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        CreateCredentialResponse old = await silo.CreateAsync(Role.Agent, "agents/writer");
        CreateCredentialResponse fresh = await silo.CreateAsync(Role.Agent, "agents/writer");
        await silo.OpenAsync(old.Secret, "agents/writer");
        await silo.OpenAsync(fresh.Secret, "agents/writer");

        RevokeCredentialResponse revoked = await silo.RevokeAsync(old.Credential.Credential_);

        Assert.Equal(Credential.Types.State.Revoked, revoked.Credential.State);
        await RefusedAsync(StatusCode.Unauthenticated, () => silo.OpenAsync(old.Secret, "agents/writer"));
        await silo.OpenAsync(fresh.Secret, "agents/writer");
        Assert.Equal(revoked, await silo.RevokeAsync(old.Credential.Credential_));
    }

    [Fact]
    public async Task Credentials_outlive_a_restart_and_so_does_their_end()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        CreateCredentialResponse live = await silo.CreateAsync(Role.Gateway, "edge");
        CreateCredentialResponse ended = await silo.CreateAsync(Role.Gateway, "edge");
        await silo.RevokeAsync(ended.Credential.Credential_);
        OpenSessionResponse opened = await silo.OpenAsync(silo.AdminKey, "agents/writer");

        await silo.StopAsync();
        await silo.StartAgainAsync();

        Assert.Equal(Decision.Allow, (await silo.SpendAsync(live.Secret, opened.SessionToken)).Decision);
        await RefusedAsync(
            StatusCode.Unauthenticated, () => silo.SpendAsync(ended.Secret, opened.SessionToken));
    }

    [Fact]
    public async Task What_is_no_live_credential_is_refused_with_the_same_bytes()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        CreateCredentialResponse made = await silo.CreateAsync(Role.Gateway, "edge");
        string good = made.Secret;
        string secret = good[(good.LastIndexOf('.') + 1)..];
        string keyId = made.Credential.KeyId;
        await silo.RevokeAsync((await silo.CreateAsync(Role.Gateway, "edge")).Credential.Credential_);
        string wrong = good[..^1] + (good[^1] == 'A' ? 'E' : 'A');
        string[] presented =
        [
            wrong, "abu_" + good[4..], "abg_" + keyId + "." + new string('A', 43), $"abg_acme.c999.{secret}",
            $"abg_other.c1.{secret}", $"abg_{keyId}.{secret}A", good[..^1], $"abg_{keyId}", "abg_", good + " x",
            $"abg_ac me.c1.{secret}", $"abg_../x.c1.{secret}", $"abg_acme.c01.{secret}", "abk_" + secret,
        ];

        List<RpcException> refused = [];
        foreach (string bearer in presented)
        {
            refused.Add(await RefusedAsync(
                StatusCode.Unauthenticated, () => silo.SpendAsync(bearer, "not looked at")));
        }

        Assert.All(refused, error => Assert.Equal(refused[0].Status, error.Status));
    }

    [Fact]
    public async Task A_gateway_spends_for_any_session_that_it_is_shown_and_does_nothing_else()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        string gateway = await silo.SecretAsync(Role.Gateway, "edge");
        OpenSessionResponse first = await silo.OpenAsync(silo.AdminKey, "agents/writer");
        OpenSessionResponse second = await silo.OpenAsync(silo.AdminKey, "agents/seller", "useCases/leads");

        Assert.Equal(Decision.Allow, (await silo.SpendAsync(gateway, first.SessionToken)).Decision);
        Assert.Equal(Decision.Allow, (await silo.SpendAsync(gateway, second.SessionToken)).Decision);
        await RefusedAsync(StatusCode.PermissionDenied, () => silo.OpenAsync(gateway, "agents/writer"));
        RpcException named = await RefusedAsync(
            StatusCode.NotFound, () => GetSessionAsync(silo, gateway, first.Session.Session_));
        RpcException absent = await RefusedAsync(
            StatusCode.NotFound, () => GetSessionAsync(silo, gateway, "sessions/s99999"));
        Assert.Equal(absent.Status, named.Status);
    }

    [Fact]
    public async Task An_agent_sees_itself_and_nobody_else()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        string writer = await silo.SecretAsync(Role.Agent, "agents/writer");
        OpenSessionResponse mine = await silo.OpenAsync(writer, "agents/writer");
        OpenSessionResponse other = await silo.OpenAsync(silo.AdminKey, "agents/sibling");

        RpcException foreignAgent =
            await RefusedAsync(StatusCode.NotFound, () => silo.OpenAsync(writer, "agents/sibling"));
        RpcException absentAgent =
            await RefusedAsync(StatusCode.NotFound, () => silo.OpenAsync(writer, "agents/nobody"));
        RpcException foreignSession = await RefusedAsync(
            StatusCode.NotFound, () => GetSessionAsync(silo, writer, other.Session.Session_));
        RpcException absentSession =
            await RefusedAsync(StatusCode.NotFound, () => GetSessionAsync(silo, writer, "sessions/s99999"));
        RpcException foreignToken =
            await RefusedAsync(StatusCode.NotFound, () => silo.SpendAsync(writer, other.SessionToken));

        Assert.Equal(absentAgent.Status, foreignAgent.Status);
        Assert.Equal(absentSession.Status, foreignSession.Status);
        Assert.Equal(absentSession.Status, foreignToken.Status);
        GetSessionResponse own = await GetSessionAsync(silo, writer, mine.Session.Session_);
        Assert.Equal(mine.Session.Session_, own.Session.Session_);
        ListSessionsResponse listed = await silo.CallAsync<ListSessionsRequest, ListSessionsResponse>(
            "ListSessions", new ListSessionsRequest(), writer);
        Assert.Equal([mine.Session.Session_], listed.Sessions.Select(session => session.Session_));
    }

    [Fact]
    public async Task An_owner_reads_its_use_cases_and_revokes_their_sessions()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        string owner = await silo.SecretAsync(Role.Owner, "kim", ["businessUnits/marketing"]);
        OpenSessionResponse own = await silo.OpenAsync(silo.AdminKey, "agents/writer");
        OpenSessionResponse foreign = await silo.OpenAsync(silo.AdminKey, "agents/seller", "useCases/leads");
        Task<RevokeSessionResponse> RevokeAsync(string session) =>
            silo.CallAsync<RevokeSessionRequest, RevokeSessionResponse>(
                "RevokeSession",
                new RevokeSessionRequest { RequestId = NextId(), Session = session, Reason = "odd" },
                owner);
        Task<GetBalanceResponse> BalanceAsync(string grain) => silo.CallAsync<GetBalanceRequest, GetBalanceResponse>(
            "GetBalance", new GetBalanceRequest { Grain = grain }, owner);

        Assert.Equal(Session.Types.State.Revoked, (await RevokeAsync(own.Session.Session_)).Session.State);
        RpcException notMine =
            await RefusedAsync(StatusCode.NotFound, () => RevokeAsync(foreign.Session.Session_));
        RpcException notThere = await RefusedAsync(StatusCode.NotFound, () => RevokeAsync("sessions/s99999"));
        Assert.Equal(notThere.Status, notMine.Status);
        Assert.Equal("useCases/promo", Assert.Single((await BalanceAsync("useCases/promo")).Grains).Grain);
        RpcException foreignGrain = await RefusedAsync(StatusCode.NotFound, () => BalanceAsync("useCases/leads"));
        RpcException absentGrain = await RefusedAsync(StatusCode.NotFound, () => BalanceAsync("useCases/none"));
        Assert.Equal(absentGrain.Status, foreignGrain.Status);

        ListEntriesResponse entries = await silo.CallAsync<ListEntriesRequest, ListEntriesResponse>(
            "ListEntries", new ListEntriesRequest(), owner);
        Assert.All(entries.Entries, entry => Assert.Equal("businessUnits/marketing", entry.Spender.BusinessUnit));
        Assert.Equal(2, entries.Entries.Count);
    }

    [Fact]
    public async Task Another_tenant_is_like_one_that_is_not_there()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        string document = Identity.Catalog.Replace("tenant: acme", "tenant: other", StringComparison.Ordinal);
        await silo.ApplyAsync(document, "other");
        Dictionary<string, string> acme = new() { ["agentbudget-tenant"] = "acme" };
        Dictionary<string, string> other = new() { ["agentbudget-tenant"] = "other" };
        CreateCredentialResponse admin = await silo.CallAsync<CreateCredentialRequest, CreateCredentialResponse>(
            "CreateCredential",
            new CreateCredentialRequest { RequestId = NextId(), Principal = "root", Role = Role.Admin },
            metadata: other);
        OpenSessionResponse opened = await silo.CallAsync<OpenSessionRequest, OpenSessionResponse>(
            "OpenSession",
            new OpenSessionRequest
            {
                RequestId = "o",
                Agent = "agents/writer",
                UseCase = "useCases/promo",
                Unattended = true,
            },
            metadata: acme);
        Task<GetCatalogResponse> CatalogAsync(string tenant) => silo.CallAsync<GetCatalogRequest, GetCatalogResponse>(
            "GetCatalog",
            new GetCatalogRequest(),
            admin.Secret,
            new Dictionary<string, string> { ["agentbudget-tenant"] = tenant });

        Assert.Equal("other", (await CatalogAsync("other")).Catalog.Tenant);
        RpcException foreign = await RefusedAsync(StatusCode.NotFound, () => CatalogAsync("acme"));
        RpcException absent = await RefusedAsync(StatusCode.NotFound, () => CatalogAsync("nowhere"));
        Assert.Equal(absent.Status, foreign.Status);
        await RefusedAsync(StatusCode.NotFound, () => silo.SpendAsync(admin.Secret, opened.SessionToken));
    }

    [Fact]
    public async Task The_end_of_an_agent_ends_its_credentials_for_the_next_call()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        CreateCredentialResponse made = await silo.CreateAsync(Role.Agent, "agents/writer");
        string sibling = await silo.SecretAsync(Role.Agent, "agents/sibling");
        OpenSessionResponse opened = await silo.OpenAsync(made.Secret, "agents/writer");

        DecommissionAgentResponse ended = await silo.CallAsync<DecommissionAgentRequest, DecommissionAgentResponse>(
            "DecommissionAgent",
            new DecommissionAgentRequest { RequestId = NextId(), Agent = "agents/writer", Reason = "gone" });

        Assert.Equal([opened.Session.Session_], ended.Sessions);
        Assert.Equal([made.Credential.Credential_], ended.Credentials);
        await RefusedAsync(StatusCode.Unauthenticated, () => silo.OpenAsync(made.Secret, "agents/writer"));
        await silo.OpenAsync(sibling, "agents/sibling");
    }

    [Fact]
    public async Task A_tool_call_is_decided_without_a_hold_and_recorded()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        string gateway = await silo.SecretAsync(Role.Gateway, "edge");
        OpenSessionResponse opened = await silo.OpenAsync(silo.AdminKey, "agents/writer");
        Task<AuthorizeToolResponse> AskAsync(string tool) =>
            silo.CallAsync<AuthorizeToolRequest, AuthorizeToolResponse>(
                "AuthorizeTool",
                new AuthorizeToolRequest { RequestId = NextId(), SessionToken = opened.SessionToken, Tool = tool },
                gateway);

        AuthorizeToolResponse allowed = await AskAsync("search.web");
        AuthorizeToolResponse denied = await AskAsync("billing.pay");

        Assert.Equal((Decision.Allow, null), (allowed.Decision, allowed.Denial));
        Assert.Equal((Decision.Deny, Reason.ToolOutOfScope), (denied.Decision, denied.Denial.Reason));
        Assert.Contains("billing.pay", denied.Denial.Message, StringComparison.Ordinal);
        ListEntriesResponse entries = await silo.CallAsync<ListEntriesRequest, ListEntriesResponse>(
            "ListEntries",
            new ListEntriesRequest
            {
                Filter = new SpendFilter { Kinds = { EventKind.ToolAuthorized, EventKind.ReservationRefused } },
            });
        Assert.Equal(
            ["search.web", "billing.pay"],
            entries.Entries.Select(entry => entry.ToolAuthorized?.Tool ?? entry.ReservationRefused.Tool));
    }

    [Fact]
    public async Task The_use_of_a_credential_is_seen_in_the_list()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        CreateCredentialResponse used = await silo.CreateAsync(Role.Agent, "agents/writer");
        CreateCredentialResponse unused = await silo.CreateAsync(Role.Agent, "agents/writer");
        await silo.OpenAsync(used.Secret, "agents/writer");

        ListCredentialsResponse listed = await silo.CallAsync<ListCredentialsRequest, ListCredentialsResponse>(
            "ListCredentials", new ListCredentialsRequest { Principal = "agents/writer" });

        Assert.Equal(
            [used.Credential.Credential_, unused.Credential.Credential_],
            listed.Credentials.Select(credential => credential.Credential_));
        Assert.NotNull(listed.Credentials[0].LastUseTime);
        Assert.Null(listed.Credentials[1].LastUseTime);
    }

    private static Task<GetSessionResponse> GetSessionAsync(TestSilo silo, string bearer, string session) =>
        silo.CallAsync<GetSessionRequest, GetSessionResponse>(
            "GetSession", new GetSessionRequest { Session = session }, bearer);
}
