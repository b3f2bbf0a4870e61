using System.Net;
using System.Text.Json.Nodes;
using AgentBudget.Protocol.V1;
using Grpc.Core;
using State = AgentBudget.Protocol.V1.Session.Types.State;

namespace AgentBudget.Silo.Tests.Authority;

/// <summary>
/// Every endpoint of OAuth × every kind of client × every token that it can name, against <see cref="Sight"/>. Every
/// revocation is answered alike, so that what became of the token is looked at.
/// </summary>
public sealed class OAuthMatrixTests : IAsyncLifetime
{
    private static readonly string[] Relations =
        ["own", "kim", "lee", "sibling", "child", "parent", "unit", "tenant", World.Absent];

    private const int EndedCallers = 6; // What the world adds after its sessions.

    private static readonly string[] AccessRelations = ["own", "kim", "lee", "sibling", "unit", "tenant", World.Absent];

    private readonly UserIssuer _users = new();
    private readonly Matrix _matrix = new("OAuth");
    private readonly Dictionary<string, CreateCredentialResponse> _holders = [];
    private readonly Queue<OpenSessionResponse> _ofUnit = []; // Its agent is suspended before they are asked about.
    private TestSilo _silo = null!;
    private World _world = null!;

    public async ValueTask InitializeAsync()
    {
        _silo = await TestSilo.StartAsync(Identity.Catalog, _users.Settings);
        _world = await World.MakeAsync(_silo, _users);
        foreach ((string Role, string Bearer) _ in _world.Callers)
            _ofUnit.Enqueue(await OpenAsync("unit"));
        for (int ended = 0; ended < EndedCallers; ended++)
            _ofUnit.Enqueue(await OpenAsync("unit"));
        await _world.AddEndedAsync(_silo);
        await _world.AddAdminAsync(_silo);
        foreach ((string whose, string agent) in
            new[] { ("own", "agents/writer"), ("sibling", "agents/sibling"), ("unit", "agents/seller") })
        {
            _holders[whose] = await CreateAsync(Role.Agent, agent, "acme");
        }

        _holders["kim"] = _holders["lee"] = _holders["own"];
        _holders["tenant"] = await CreateAsync(Role.Agent, "agents/writer", "other");
    }

    public async ValueTask DisposeAsync()
    {
        await _silo.DisposeAsync();
        _users.Dispose();
    }

    [Fact]
    public async Task Every_client_is_answered_about_every_token_as_the_table_says()
    {
        foreach ((string role, string bearer) in _world.Callers)
        {
            await AskAboutSessionsAsync(role, bearer);
            await AskAboutAccessTokensAsync(role, bearer);
            if (Sight.IsNobody(role))
                continue;
            await RevokeSessionsAsync(role, bearer);
            await RevokeAccessTokensAsync(role, bearer);
        }

        _matrix.AssertNoDifference(300);
        _matrix.AssertEveryLineCounts(Sight.IsOfOAuth);
    }

    private async Task AskAboutSessionsAsync(string role, string bearer)
    {
        Told absent = await AskAsync("introspect", bearer, Token(_world.Value("session_token", World.Absent)));
        foreach (string whose in Relations.Where(whose => IsAsked(role, whose)))
        {
            Told answer = await AskAsync("introspect", bearer, Token(_world.Value("session_token", whose)));
            Add($"{role} introspect session {whose}", role, "introspect", "read", whose, answer, absent);
        }
    }

    private async Task AskAboutAccessTokensAsync(string role, string bearer)
    {
        string none = await AccessTokenAsync(World.Absent);
        Told unknown = await AskAsync("introspect", bearer, Token(none));
        Told unheard = await ExchangeAsync(bearer, none);
        foreach (string whose in AccessRelations.Where(whose => IsAsked(role, whose)))
        {
            string token = await AccessTokenAsync(whose);
            Told answer = await AskAsync("introspect", bearer, Token(token));
            Add($"{role} introspect access token {whose}", role, "introspect", "known", whose, answer, unknown);
            Told exchanged = await ExchangeAsync(bearer, token);
            Add($"{role} exchange {whose}", role, "token", "exchanged", whose, exchanged, unheard);
        }
    }

    private async Task RevokeSessionsAsync(string role, string bearer)
    {
        foreach (string whose in Relations.Where(whose => whose != World.Absent))
        {
            OpenSessionResponse opened = whose == "unit" ? _ofUnit.Dequeue() : await OpenAsync(whose);
            Told answer = await AskAsync("revoke", bearer, Token(opened.SessionToken));
            Told state = new(answer.Code, answer.Sentence, $"{await StateAsync(opened, whose)}");
            Told open = answer with { Rest = $"{State.Open}" };
            Add($"{role} revoke session {whose}", role, "revoke", "ended", whose, state, open);
        }
    }

    private async Task RevokeAccessTokensAsync(string role, string bearer)
    {
        foreach (string whose in AccessRelations.Where(whose => whose != World.Absent))
        {
            string token = await AccessTokenAsync(whose);
            Told answer = await AskAsync("revoke", bearer, Token(token));
            Told state = await AskAsync("introspect", _holders[whose].Secret, Token(token));
            Told live = answer with { Rest = "live" };
            bool isLive = !state.Rest.Contains("\"active\":false", StringComparison.Ordinal);
            Told became = answer with { Rest = isLive ? "live" : "dead" };
            Add($"{role} revoke access token {whose}", role, "revoke", "dead", whose, became, live);
        }
    }

    // Who fails waits after some attempts: one name for each question is enough.
    private static bool IsAsked(string role, string whose) => whose == "own" || !Sight.IsNobody(role);

    private void Add(
        string what, string role, string endpoint, string kind, string whose, Told answer, Told absent) =>
        _matrix.Add(what, sight => sight.OfOAuth(role, endpoint, kind, whose), answer, absent);

    // One that is of a user, where one can be; the absent one was ended.
    private async Task<string> AccessTokenAsync(string whose)
    {
        switch (whose)
        {
            case "own" or "tenant":
                return await GrantAsync(_holders[whose]);
            case World.Absent:
                string ended = await GrantAsync(_holders["own"]);
                await _silo.AskOAuthAsync("revoke", Token(ended), _holders["own"]);
                return ended;
            default:
                return await _users.ExchangeAsync(_silo, _holders[whose], whose == "lee" ? "lee" : "kim");
        }
    }

    private async Task<string> GrantAsync(CreateCredentialResponse client) => (string)(await _silo.AskOAuthAsync(
        "token", new() { ["grant_type"] = "client_credentials" }, client)).Answer["access_token"]!;

    private Task<Told> ExchangeAsync(string bearer, string token) =>
        AskAsync("token", bearer, UserIssuer.ExchangeOf(token, UserIssuer.AccessTokenType));

    private static Dictionary<string, string> Token(string token) => new() { ["token"] = token };

    // As the client whose secret it is; a token is nobody's secret.
    private async Task<Told> AskAsync(string endpoint, string bearer, Dictionary<string, string> form)
    {
        bool isSecret = bearer.StartsWith("ab", StringComparison.Ordinal);
        string keyId = isSecret
            ? bearer[(bearer.IndexOf('_', StringComparison.Ordinal) + 1)..bearer.LastIndexOf('.')]
            : _holders["own"].Credential.KeyId;
        Dictionary<string, string> sent = new(form) { ["client_id"] = keyId, ["client_secret"] = bearer };
        (HttpStatusCode status, JsonNode answer) = await _silo.AskOAuthAsync(endpoint, sent);
        string error = (string?)answer["error"] ?? "";
        if (status == HttpStatusCode.OK)
            return new Told(StatusCode.OK, "", Known(answer));
        return error switch
        {
            "invalid_client" => new Told(StatusCode.Unauthenticated, "", ""),
            "unauthorized_client" => new Told(StatusCode.PermissionDenied, Matrix.Forbidden, ""),
            _ => new Told(StatusCode.InvalidArgument, "", answer.ToJsonString()),
        };
    }

    private static string Known(JsonNode answer) => answer["access_token"] is null ? answer.ToJsonString() : "a token";

    private Task<OpenSessionResponse> OpenAsync(string whose)
    {
        string agent = _world.Value("agent", whose);
        string user = whose is "kim" or "lee" ? $"user:{whose}" : "";
        return _silo.CallAsync<OpenSessionRequest, OpenSessionResponse>(
            "OpenSession",
            new OpenSessionRequest
            {
                RequestId = Identity.NextId(),
                Agent = agent,
                UseCase = _world.Value("use_case", whose),
                Unattended = user.Length == 0,
                OnBehalfOf = user,
            },
            metadata: TenantOf(whose));
    }

    private async Task<State> StateAsync(OpenSessionResponse opened, string whose) =>
        (await _silo.CallAsync<GetSessionRequest, GetSessionResponse>(
            "GetSession",
            new GetSessionRequest { Session = opened.Session.Session_ },
            metadata: TenantOf(whose))).Session.State;

    private Task<CreateCredentialResponse> CreateAsync(Role role, string principal, string tenant) =>
        _silo.CallAsync<CreateCredentialRequest, CreateCredentialResponse>(
            "CreateCredential",
            new CreateCredentialRequest { RequestId = Identity.NextId(), Principal = principal, Role = role },
            metadata: new Dictionary<string, string> { ["agentbudget-tenant"] = tenant });

    private static Dictionary<string, string> TenantOf(string whose) =>
        new() { ["agentbudget-tenant"] = whose == "tenant" ? "other" : "acme" };
}
