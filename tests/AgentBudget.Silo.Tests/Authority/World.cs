using System.Diagnostics;
using AgentBudget.Identity;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace AgentBudget.Silo.Tests.Authority;

/// <summary>
/// Two tenants, and in the first everything once for each relation that a caller can have to it: its own, its
/// sibling's, its parent's and child's, another user's, another business unit's; and what is not there.
/// </summary>
internal sealed class World
{
    public const string Absent = "absent";

    private readonly Dictionary<(string Kind, string Whose), string> _values = [];

    public List<(string Role, string Bearer)> Callers { get; } = [];

    private string _stale = "";

    public string OwnReservation { get; private set; } = "";

    public static async Task<World> MakeAsync(TestSilo silo, UserIssuer? users = null)
    {
        World world = new();
        await silo.ApplyAsync(
            Identity.Catalog.Replace("tenant: acme", "tenant: other", StringComparison.Ordinal), "other");
        const string marketing = "businessUnits/marketing";
        // The sibling's session opened the writer's, which opened another one of the sibling.
        await world.AddAsync(silo, "parent", "agents/sibling", "useCases/promo", marketing, "acme");
        await world.AddAsync(silo, "own", "agents/writer", "useCases/promo", marketing, "acme", above: "parent");
        await world.AddAsync(silo, "child", "agents/sibling", "useCases/promo", marketing, "acme", above: "own");
        await world.AddAsync(silo, "sibling", "agents/sibling", "useCases/promo", marketing, "acme");
        await world.AddAsync(silo, "unit", "agents/seller", "useCases/leads", "businessUnits/sales", "acme");
        await world.AddAsync(silo, "tenant", "agents/writer", "useCases/promo", marketing, "other");
        foreach (string user in (string[])["kim", "lee"])
        {
            await world.AddAsync(
                silo, user, "agents/writer", "useCases/promo", marketing, "acme", onBehalfOf: $"user:{user}");
        }

        world.OwnReservation = world._values[("reservation_id", "own")];
        world.AddAbsent(silo);
        Dictionary<string, string> acme = Tenant("acme");
        foreach ((string role, Role kind, string principal, string[] grains) in
            new (string, Role, string, string[])[]
            {
                ("agent", Role.Agent, "agents/writer", []),
                ("owner", Role.Owner, "kim", ["businessUnits/marketing"]),
                ("gateway", Role.Gateway, "edge", []),
                ("orchestrator", Role.Orchestrator, "flows", []),
                ("finance", Role.Finance, "desk", []),
                ("auditor", Role.Auditor, "deloitte", []),
            })
        {
            CreateCredentialRequest request =
                new() { RequestId = Identity.NextId(), Principal = principal, Role = kind };
            request.Grains.Add(grains);
            CreateCredentialResponse made = await silo.CallAsync<CreateCredentialRequest, CreateCredentialResponse>(
                "CreateCredential", request, metadata: acme);
            world.Callers.Add((role, made.Secret));
        }

        world.Callers.Add(("session", world._values[("session_token", "own")]));
        if (users is not null)
        {
            CreateCredentialRequest request =
                new() { RequestId = Identity.NextId(), Principal = "agents/writer", Role = Role.Agent };
            CreateCredentialResponse agent =
                await silo.CallAsync<CreateCredentialRequest, CreateCredentialResponse>(
                    "CreateCredential", request, metadata: acme);
            world.Callers.Add(("kim", await users.ExchangeAsync(silo, agent, "kim")));
        }

        return world;
    }

    /// <summary>Adds a caller who may do everything, which undoes much: ask as it last.</summary>
    public async Task AddAdminAsync(TestSilo silo)
    {
        CreateCredentialResponse made = await silo.CallAsync<CreateCredentialRequest, CreateCredentialResponse>(
            "CreateCredential",
            new CreateCredentialRequest { RequestId = Identity.NextId(), Principal = "root", Role = Role.Admin },
            metadata: Tenant("acme"));
        Callers.Add(("admin", made.Secret));
    }

    /// <summary>
    /// Adds callers who are nobody any more (a revoked and an expired credential), the token of a session past its
    /// expiry, the credential of a suspended agent, and an administrator of the other tenant.
    /// </summary>
    public async Task AddEndedAsync(TestSilo silo)
    {
        Dictionary<string, string> acme = Tenant("acme");
        CreateCredentialResponse revoked = await CreateAsync(silo, Role.Admin, "once", acme);
        await silo.CallAsync<RevokeCredentialRequest, RevokeCredentialResponse>(
            "RevokeCredential",
            new RevokeCredentialRequest
            {
                RequestId = Identity.NextId(),
                Credential = revoked.Credential.Credential_,
                Reason = "leaked",
            },
            metadata: acme);
        Callers.Add(("revoked", revoked.Secret));
        Callers.Add(("expired", await ExpiredAsync(silo)));
        Callers.Add(("stale", _stale));
        Callers.Add(("suspended", (await CreateAsync(silo, Role.Agent, "agents/seller", acme)).Secret));
        await silo.CallAsync<SuspendAgentRequest, SuspendAgentResponse>(
            "SuspendAgent",
            new SuspendAgentRequest { RequestId = Identity.NextId(), Agent = "agents/seller", Reason = "odd" },
            metadata: acme);
        Callers.Add(("foreign", (await CreateAsync(silo, Role.Admin, "root", Tenant("other"))).Secret));
    }

    public string Value(string path, string whose) => _values[(path.Split('.')[^1], whose)];

    private static Task<CreateCredentialResponse> CreateAsync(
        TestSilo silo, Role role, string principal, Dictionary<string, string> tenant, DateTimeOffset? until = null) =>
        silo.CallAsync<CreateCredentialRequest, CreateCredentialResponse>(
            "CreateCredential",
            new CreateCredentialRequest
            {
                RequestId = Identity.NextId(),
                Principal = principal,
                Role = role,
                ExpireTime = until is { } time ? Timestamp.FromDateTimeOffset(time) : null,
            },
            metadata: tenant);

    private static async Task<string> ExpiredAsync(TestSilo silo)
    {
        DateTimeOffset until = silo.Time.GetUtcNow().AddSeconds(5);
        CreateCredentialResponse made = await CreateAsync(silo, Role.Admin, "once", Tenant("acme"), until);
        for (long begun = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(begun) < TestSilo.Patience;)
        {
            try
            {
                await silo.CallAsync<ListCredentialsRequest, ListCredentialsResponse>(
                    "ListCredentials", new ListCredentialsRequest(), made.Secret);
            }
            catch (RpcException refused) when (refused.StatusCode == StatusCode.Unauthenticated)
            {
                return made.Secret;
            }
        }

        throw new InvalidOperationException("the credential does not expire");
    }

    private static Dictionary<string, string> Tenant(string tenant) => new() { ["agentbudget-tenant"] = tenant };

    private async Task AddAsync(
        TestSilo silo,
        string whose,
        string agent,
        string useCase,
        string businessUnit,
        string tenant,
        string? above = null,
        string onBehalfOf = "")
    {
        OpenSessionResponse opened = await silo.CallAsync<OpenSessionRequest, OpenSessionResponse>(
            "OpenSession",
            new OpenSessionRequest
            {
                RequestId = Identity.NextId(),
                Agent = agent,
                UseCase = useCase,
                Unattended = onBehalfOf.Length == 0,
                OnBehalfOf = onBehalfOf,
                ParentSessionToken = above is null ? "" : _values[("session_token", above)],
            },
            metadata: Tenant(tenant));
        ReserveTokensResponse reserved = await silo.SpendAsync(silo.AdminKey, opened.SessionToken);
        RequestExtensionResponse asked = await silo.CallAsync<RequestExtensionRequest, RequestExtensionResponse>(
            "RequestExtension",
            new RequestExtensionRequest
            {
                RequestId = Identity.NextId(),
                SessionToken = opened.SessionToken,
                Grain = useCase,
                Amount = new Money { CurrencyCode = "USD", Units = 1 },
                Reason = "more",
            });
        CreateEndpointResponse endpoint = await silo.CallAsync<CreateEndpointRequest, CreateEndpointResponse>(
            "CreateEndpoint",
            new CreateEndpointRequest
            {
                RequestId = Identity.NextId(),
                Kind = EndpointKind.Webhook,
                Url = "https://hooks.invalid/budget",
                Filter = new NoticeFilter { Kinds = { NoticeKind.Test } },
            },
            metadata: Tenant(tenant));
        CreateCredentialRequest request =
            new() { RequestId = Identity.NextId(), Principal = agent, Role = Role.Agent };
        CreateCredentialResponse credential =
            await silo.CallAsync<CreateCredentialRequest, CreateCredentialResponse>(
                "CreateCredential", request, metadata: Tenant(tenant));
        _values[("session", whose)] = _values[("run", whose)] = opened.Session.Session_;
        _values[("session_token", whose)] = _values[("parent_session_token", whose)] = opened.SessionToken;
        _values[("extension_request", whose)] = asked.ExtensionRequest.ExtensionRequest_;
        _values[("reservation_id", whose)] = reserved.Reservation.ReservationId;
        _values[("agent", whose)] = _values[("principal", whose)] = agent;
        _values[("use_case", whose)] = useCase;
        _values[("grain", whose)] = whose switch
        {
            "sibling" => agent,
            "child" or "parent" or "lee" or "kim" => opened.Session.Session_,
            _ => useCase,
        };
        _values[("business_unit", whose)] = businessUnit;
        _values[("endpoint", whose)] = endpoint.Endpoint.Endpoint;
        _values[("credential", whose)] = credential.Credential.Credential_;
    }

    private void AddAbsent(TestSilo silo)
    {
        using KeyRing keys = KeyRing.LoadOrCreate(
            Path.Combine(silo.DataFolder, "signing.key"), Path.Combine(silo.DataFolder, "signing.retired.json"));
        SessionTokens tokens = new(keys, TimeProvider.System);
        long now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        SessionCaller none = new()
        {
            Tenant = "acme",
            Session = "sessions/s99999",
            Agent = "agents/writer",
            UseCase = "useCases/promo",
            OnBehalfOf = "",
            Scope = "",
            ExpiresAtSeconds = now + 3600,
        };
        string token = tokens.Mint(none);
        _stale = tokens.Mint(none with { Session = _values[("session", "own")], ExpiresAtSeconds = now - 60 });
        _values[("session", Absent)] = _values[("run", Absent)] = "sessions/s99999";
        _values[("session_token", Absent)] = _values[("parent_session_token", Absent)] = token;
        _values[("endpoint", Absent)] = "notification-endpoints/n99999";
        _values[("extension_request", Absent)] = "extension-requests/x99999";
        _values[("reservation_id", Absent)] = "r99999";
        _values[("agent", Absent)] = _values[("principal", Absent)] = "agents/nobody";
        _values[("use_case", Absent)] = _values[("grain", Absent)] = "useCases/nothing";
        _values[("business_unit", Absent)] = "businessUnits/nowhere";
        _values[("credential", Absent)] = "credentials/c99999";
    }
}
