using System.Buffers.Text;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using AgentBudget.Protocol.V1;
using AgentBudget.Silo.Tests.Support;
using Grpc.Core;
using Grpc.Net.Client;
using static AgentBudget.Silo.Tests.Identity;

namespace AgentBudget.Silo.Tests;

/// <summary>Credentials, access tokens and sessions that are bound to a client certificate (RFC 8705).</summary>
public sealed class CertificateBindingTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("agentbudget-bound-");
    private readonly TestCertificates _certificates = new();
    private readonly X509Certificate2 _thief;

    public CertificateBindingTests() => _thief = _certificates.MakeClient("thief");

    private string Thumbprint => Base64Url.EncodeToString(SHA256.HashData(_certificates.Client.RawData));

    [Fact]
    public async Task A_credential_that_is_bound_to_a_certificate_is_worth_nothing_without_it()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog, Tls());
        CreateCredentialResponse made = await BoundAsync(silo);
        using GrpcChannel own = Channel(silo, _certificates.Client);
        using GrpcChannel none = Channel(silo, null);
        using GrpcChannel thief = Channel(silo, _thief);

        Assert.Equal(Thumbprint, made.Credential.CertificateSha256);
        Assert.Equal("agents/writer", (await OpenAsync(own, made.Secret)).Session.Agent);
        RpcException wrong =
            await RefusedAsync(StatusCode.Unauthenticated, () => OpenAsync(own, made.Secret[..^2] + "AA"));
        foreach (Func<Task> elsewhere in new Func<Task>[]
        {
            () => OpenAsync(none, made.Secret), () => OpenAsync(thief, made.Secret),
            () => silo.OpenAsync(made.Secret, ""),
        })
        {
            RpcException refused = await RefusedAsync(StatusCode.Unauthenticated, elsewhere);
            Assert.Equal(wrong.Status, refused.Status);
        }

        SuspectCredential seen = Assert.Single((await ReviewAsync(silo)).UnprovenCredentials);
        Assert.Equal((made.Credential.Credential_, 3), (seen.Credential, seen.Unproven));
        Assert.Equal([$"certificate {Thumbprint}"], seen.Places);
        await silo.StopAsync();
        await silo.StartAgainAsync(more: Tls());
        SuspectCredential kept = Assert.Single((await ReviewAsync(silo)).UnprovenCredentials);
        Assert.Equal(seen, kept);
    }

    [Fact]
    public async Task An_access_token_of_a_bound_credential_is_bound_alike()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog, Tls());
        CreateCredentialResponse made = await BoundAsync(silo);
        using GrpcChannel own = Channel(silo, _certificates.Client);
        using GrpcChannel thief = Channel(silo, _thief);
        using HttpClient http = Http(_certificates.Client);
        using HttpClient thiefs = Http(_thief);

        JsonNode granted = await TokenAsync(silo, http, made);
        string token = (string)granted["access_token"]!;
        JsonNode claims = JsonNode.Parse(Base64Url.DecodeFromChars(token.Split('.')[1]))!;

        Assert.Equal("Bearer", (string)granted["token_type"]!);
        Assert.Equal(Thumbprint, (string)claims["cnf"]!["x5t#S256"]!);
        Assert.Equal("invalid_client", (string)(await TokenAsync(silo, thiefs, made))["error"]!);
        await OpenAsync(own, token);
        await RefusedAsync(StatusCode.Unauthenticated, () => OpenAsync(thief, token));
        await RefusedAsync(StatusCode.Unauthenticated, () => silo.OpenAsync(token, ""));
        JsonNode metadata = JsonNode.Parse(await http.GetStringAsync(
            new Uri($"https://{silo.Host.Tls}/.well-known/oauth-authorization-server")))!;
        Assert.True((bool)metadata["tls_client_certificate_bound_access_tokens"]!);
    }

    [Fact]
    public async Task A_session_that_is_opened_so_spends_from_its_certificate_alone()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog, Tls());
        using GrpcChannel own = Channel(silo, _certificates.Client);
        using GrpcChannel thief = Channel(silo, _thief);
        RpcException none = await RefusedAsync(
            StatusCode.InvalidArgument,
            () => silo.CallAsync<OpenSessionRequest, OpenSessionResponse>("OpenSession", Constrained()));
        Assert.Contains("this connection shows none", none.Status.Detail, StringComparison.Ordinal);

        OpenSessionResponse opened = await OpenAsync(own, silo.AdminKey, Constrained());
        OpenSessionResponse child = await OpenAsync(
            own,
            silo.AdminKey,
            new OpenSessionRequest { RequestId = NextId(), ParentSessionToken = opened.SessionToken });
        RenewSessionResponse renewed = await silo.CallAsync<RenewSessionRequest, RenewSessionResponse>(
            "RenewSession", new RenewSessionRequest { RequestId = NextId(), Session = opened.Session.Session_ });

        Assert.Equal(Thumbprint, opened.Session.Confirmation.CertificateSha256);
        Assert.Equal(opened.Session.Confirmation, child.Session.Confirmation);
        string forged = opened.SessionToken[..^4] + "AAAA";
        RpcException expected =
            await RefusedAsync(StatusCode.Unauthenticated, () => ReserveAsync(own, silo.AdminKey, forged));
        foreach (string token in new[] { opened.SessionToken, child.SessionToken, renewed.SessionToken })
        {
            ReserveTokensResponse held = await ReserveAsync(own, silo.AdminKey, token);
            Assert.Equal(Decision.Allow, held.Decision);
            Assert.Equal(Decision.Allow, (await ReserveAsync(own, token, "")).Decision);
            foreach (Func<Task> elsewhere in new Func<Task>[]
            {
                () => ReserveAsync(thief, silo.AdminKey, token), () => ReserveAsync(thief, token, ""),
                () => silo.SpendAsync(silo.AdminKey, token), () => silo.SpendAsync(token, ""),
                () => silo.CommitAsync(token, NextId(), held.Reservation.ReservationId, 1),
                () => silo.BalanceAsync(token),
                () => silo.CallAsync<OpenSessionRequest, OpenSessionResponse>(
                    "OpenSession", new OpenSessionRequest { RequestId = NextId(), ParentSessionToken = token }),
            })
            {
                RpcException refused = await RefusedAsync(StatusCode.Unauthenticated, elsewhere);
                Assert.Equal(expected.Status, refused.Status);
            }
        }
    }

    [Fact]
    public async Task A_stream_spends_for_a_bound_session_from_its_certificate_alone()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog, Tls());
        using GrpcChannel own = Channel(silo, _certificates.Client);
        using GrpcChannel thief = Channel(silo, _thief);
        OpenSessionResponse opened = await OpenAsync(own, silo.AdminKey, Constrained());
        OpenSessionResponse free = await silo.OpenAsync(silo.AdminKey, "agents/writer");

        Assert.Equal([0, 0], (IEnumerable<int>)await ItemsAsync(silo, own, opened.SessionToken, free.SessionToken));
        Assert.Equal(
            [(int)StatusCode.Unauthenticated, 0],
            (IEnumerable<int>)await ItemsAsync(silo, thief, opened.SessionToken, free.SessionToken));
    }

    [Fact]
    public async Task Shared_and_unused_credentials_are_told_after_a_restart_too()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog, Tls());
        CreateCredentialResponse shared = await silo.CreateAsync(Role.Gateway, "edge");
        CreateCredentialResponse used = await silo.CreateAsync(Role.Agent, "agents/writer");
        CreateCredentialResponse unused = await silo.CreateAsync(Role.Agent, "agents/writer");
        OpenSessionResponse opened = await silo.OpenAsync(silo.AdminKey, "agents/writer");
        using GrpcChannel certified = Channel(silo, _certificates.Client);
        await silo.SpendAsync(shared.Secret, opened.SessionToken);
        await ReserveAsync(certified, shared.Secret, opened.SessionToken);
        await silo.SpendAsync(used.Secret, opened.SessionToken);
        GetAccessReviewResponse before = await ReviewAsync(silo);

        await silo.StopAsync();
        await silo.StartAgainAsync(more: Tls());

        GetAccessReviewResponse after = await ReviewAsync(silo);
        foreach (GetAccessReviewResponse review in new[] { before, after })
        {
            SuspectCredential found = Assert.Single(review.SharedCredentials);
            Assert.Equal((shared.Credential.Credential_, "edge"), (found.Credential, found.Principal));
            Assert.Equal(["127.0.0.0/24", $"certificate {Thumbprint}"], found.Places);
            Assert.Empty(review.UnprovenCredentials);
            AgentAccess writer = review.Agents.Single(agent => agent.Agent == "agents/writer");
            Assert.Equal([unused.Credential.Credential_], writer.UnusedCredentials);
        }

        ListCredentialsResponse listed = await silo.CallAsync<ListCredentialsRequest, ListCredentialsResponse>(
            "ListCredentials", new ListCredentialsRequest { Principal = "agents/writer" });
        Assert.Equal([true, false], listed.Credentials.Select(credential => credential.LastUseTime is not null));
        Assert.Equal(used.Credential.Credential_, listed.Credentials[0].Credential_);
    }

    public void Dispose()
    {
        _thief.Dispose();
        _certificates.Dispose();
        _folder.Delete(recursive: true);
    }

    private static OpenSessionRequest Constrained() => new()
    {
        RequestId = NextId(),
        Agent = "agents/writer",
        UseCase = "useCases/promo",
        Unattended = true,
        SenderConstraint = SenderConstraint.Certificate,
    };

    // The status of each item that reserves with one of the tokens.
    private static async Task<int[]> ItemsAsync(TestSilo silo, GrpcChannel channel, params string[] tokens)
    {
        using AsyncDuplexStreamingCall<SpendRequest, SpendResponse> stream = channel.OpenSpend(silo.AdminKey);
        List<int> codes = [];
        foreach (string token in tokens)
        {
            await stream.RequestStream.WriteAsync(new SpendRequest { Reserve = Reserve(token) });
            SpendResponse? answer = await stream.NextAsync();
            codes.Add(answer!.Status?.Code ?? 0);
        }

        return [.. codes];
    }

    private static ReserveTokensRequest Reserve(string token) => new()
    {
        RequestId = NextId(),
        SessionToken = token,
        Model = "m",
        Estimate = new TokenEstimate { InputTokens = 1000, MaxOutputTokens = 0 },
    };

    private static Task<ReserveTokensResponse> ReserveAsync(GrpcChannel channel, string bearer, string token) =>
        channel.CallAsync<ReserveTokensRequest, ReserveTokensResponse>("ReserveTokens", Reserve(token), bearer);

    private static Task<OpenSessionResponse> OpenAsync(
        GrpcChannel channel, string bearer, OpenSessionRequest? request = null) =>
        channel.CallAsync<OpenSessionRequest, OpenSessionResponse>(
            "OpenSession",
            request ?? new OpenSessionRequest
            {
                RequestId = NextId(),
                UseCase = "useCases/promo",
                Unattended = true,
            },
            bearer);

    private static Task<GetAccessReviewResponse> ReviewAsync(TestSilo silo) =>
        silo.CallAsync<GetAccessReviewRequest, GetAccessReviewResponse>("GetAccessReview", new());

    private static async Task<JsonNode> TokenAsync(TestSilo silo, HttpClient http, CreateCredentialResponse client)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, $"https://{silo.Host.Tls}/oauth2/token");
        string pair = $"{client.Credential.KeyId}:{client.Secret}";
        request.Headers.Authorization =
            new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.ASCII.GetBytes(pair)));
        request.Content = new FormUrlEncodedContent(
            new Dictionary<string, string> { ["grant_type"] = "client_credentials" });
        using HttpResponseMessage response = await http.SendAsync(request).WaitAsync(TestSilo.Patience);
        return JsonNode.Parse(await response.Content.ReadAsStringAsync())!;
    }

    private Task<CreateCredentialResponse> BoundAsync(TestSilo silo) =>
        silo.CallAsync<CreateCredentialRequest, CreateCredentialResponse>(
            "CreateCredential",
            new CreateCredentialRequest
            {
                RequestId = NextId(),
                Principal = "agents/writer",
                Role = Role.Agent,
                CertificateSha256 = Thumbprint,
            });

    private GrpcChannel Channel(TestSilo silo, X509Certificate2? client) =>
        Calls.ChannelTo(silo.Host.Tls!, _certificates, client);

    private HttpClient Http(X509Certificate2 client) => new(new SocketsHttpHandler
    {
        SslOptions =
        {
            ClientCertificates = [client],
            CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
                CustomTrustStore = { _certificates.Authority },
            },
        },
    });

    private Dictionary<string, string?> Tls()
    {
        _certificates.WriteTo(_folder.FullName);
        string FileOf(string name) => Path.Combine(_folder.FullName, name);
        return new Dictionary<string, string?>
        {
            ["tls:endPoint"] = "127.0.0.1:0",
            ["tls:certificate"] = FileOf("silo.crt"),
            ["tls:key"] = FileOf("silo.key"),
            ["tls:clients"] = "optional",
            ["tls:clientCa"] = FileOf("clients.crt"),
        };
    }
}
