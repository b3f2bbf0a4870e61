using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Simulation.Core;
using AgentBudget.Simulation.Silos;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Simulation.Clients;

// Subagents, tools, credentials, and the standing of agents.
internal static partial class Workload
{
    private const int TokensMax = 500;

    private const string User = "user:kim";

    private static OpenSessionCommand OpenChild(TenantModel tenant)
    {
        SimRandom random = tenant.Random;
        OpenSessionCommand open = Open(tenant);
        if (random.Coin()) open.Request.Agent = "";
        if (random.Coin()) open.Request.UseCase = "";
        if (random.Below(12) == 0) open.Request.OnBehalfOf = "user:somebody-else";
        if (random.Below(4) == 0) open.Request.SubagentsPlanned = random.Spread(1, 40);
        return open with { Parent = AnySession(tenant) };
    }

    private static Command Amend(TenantModel tenant)
    {
        if (tenant.Holds.Count == 0) return Reserve(tenant);
        SimRandom random = tenant.Random;
        KnownHold hold = AnyHold(tenant);
        var request = new AmendReservationRequest { RequestId = tenant.NextId() };
        if (random.Coin()) request.Model = random.Any(Catalogs.Models);
        if (random.Coin())
            request.Estimate = new TokenEstimate { InputTokens = random.Spread(1, 3000), MaxOutputTokens = 0 };
        if (random.Coin() || (request.Model.Length == 0 && request.Estimate is null))
            request.Ttl = TtlOf(tenant) ?? Seconds(random.Spread(1, 900));
        return new AmendCommand(
            hold.Session, Misnamed(random, hold.Number), request, HolderOf(hold, random));
    }

    private static AuthorizeToolCommand AuthorizeTool(TenantModel tenant) => new(
        AnySession(tenant),
        new AuthorizeToolRequest
        {
            RequestId = tenant.NextId(),
            Tool = tenant.Random.Any(NamedTools),
            ToolArgumentsDigest = tenant.Random.Any(Digests),
        },
        AnyPrincipal(tenant.Random));

    private static RecordCostCommand RecordCost(TenantModel tenant)
    {
        SimRandom random = tenant.Random;
        var request = new RecordCostRequest { RequestId = tenant.NextId(), Sku = random.Any(Skus) };
        request.ToolArgumentsDigest = random.Any(Digests);
        if (random.Coin()) request.Quantity = random.Between(1, 8) / 2.0;
        if (random.Below(30) == 0) request.Quantity = 1_000_000_000;
        if (random.Below(4) == 0) request.Tags.Add("customer", random.Below(12) == 0 ? "k9" : "k2");
        return new RecordCostCommand(AnySession(tenant), request, AnyPrincipal(random));
    }

    private static CreateCredentialCommand CreateCredential(TenantModel tenant)
    {
        SimRandom random = tenant.Random;
        var request = new CreateCredentialRequest { RequestId = tenant.NextId() };
        (request.Principal, request.Role) = random.Below(6) switch
        {
            0 => ("people/kim", Role.Owner),
            1 => ("gateway-1", Role.Gateway),
            2 => ("agents/nobody", Role.Agent),
            _ => ($"agents/{Catalogs.AnyAgent(tenant)}", Role.Agent),
        };
        if (request.Role == Role.Owner) request.Grains.Add($"useCases/{Catalogs.AnyUseCase(tenant)}");
        // Some expire while the run goes on, some are to end before they begin.
        if (random.Below(3) == 0) request.ExpireTime = WallIn(tenant, random.Between(-5, 120));
        byte[] secret = new byte[32];
        for (int i = 0; i < secret.Length; i++) secret[i] = (byte)tenant.Random.Below(256);
        return new CreateCredentialCommand(request, ByteString.CopyFrom(secret), Caller);
    }

    private static RevokeCredentialCommand RevokeCredential(TenantModel tenant)
    {
        bool isKnown = tenant.Credentials.Count > 0 && tenant.Random.Below(4) > 0;
        long credential = isKnown ? tenant.Random.Any(tenant.Credentials) : 3;
        var request = new RevokeCredentialRequest { RequestId = tenant.NextId(), Reason = "leaked" };
        request.KeepSessions = tenant.Random.Below(4) == 0;
        return new RevokeCredentialCommand(credential, request, Caller);
    }

    private static RevokeSessionsCommand RevokeSessions(TenantModel tenant)
    {
        var request = new RevokeSessionsRequest { RequestId = tenant.NextId(), Reason = "left" };
        bool isByCredential = tenant.Credentials.Count > 0 && tenant.Random.Coin();
        if (isByCredential) request.Credential = $"credentials/c{tenant.Random.Any(tenant.Credentials)}";
        if (!isByCredential || tenant.Random.Below(4) == 0) request.OnBehalfOf = User;
        return new RevokeSessionsCommand(request, Caller);
    }

    // What a session is opened with: the operator's key, a credential, or a token that a user gave for a while.
    private static SessionOrigin? OriginOf(TenantModel tenant, OpenSessionRequest request)
    {
        SimRandom random = tenant.Random;
        if (random.Coin()) (request.Unattended, request.OnBehalfOf) = (false, random.Any(Catalogs.Users));
        if (tenant.Credentials.Count == 0 || random.Coin()) return null;
        // Mostly one that is live; what ended opens nothing.
        List<long> credentials = [random.Below(4) == 0 ? random.Any(tenant.Credentials) : tenant.Credentials[^1]];
        if (random.Below(4) == 0) credentials.Add(random.Any(tenant.Credentials));
        if (random.Coin()) return new SessionOrigin(credentials, []);
        Timestamp end = WallIn(tenant, random.Between(-5, 3600));
        return new SessionOrigin(
            credentials,
            [$"t{random.Below(TokensMax)}"],
            IsUserProven: request.OnBehalfOf.Length > 0,
            DelegationEndNanos: random.Coin() ? (end.Seconds * 1_000_000_000) + end.Nanos : 0,
            DelegationStartNanos: WallIn(tenant, random.Between(-60, 0)).Seconds * 1_000_000_000);
    }

    private static RevokeAccessTokenCommand RevokeAccessToken(TenantModel tenant)
    {
        long seconds = (SimWall.Start.Ticks - DateTime.UnixEpoch.Ticks) / SimScheduler.Second;
        bool isUsed = tenant.Tokens.Count > 0 && tenant.Random.Below(4) > 0;
        var revoked = new AccessTokenRevoked
        {
            TokenId = isUsed ? tenant.Random.Any(tenant.Tokens) : $"t{tenant.Random.Below(TokensMax)}",
            Credential = 2,
            ExpireTime = new Timestamp { Seconds = seconds + tenant.Random.Between(1, 3600) },
        };
        return new RevokeAccessTokenCommand(tenant.NextId(), revoked, Caller);
    }

    /// <summary>Ends a token of its own that would have lived on for days.</summary>
    public static RevokeAccessTokenCommand EndToken(TenantModel tenant)
    {
        string id = tenant.NextId();
        var revoked = new AccessTokenRevoked { TokenId = id, Credential = 2, ExpireTime = WallIn(tenant, 864_000) };
        return new RevokeAccessTokenCommand(id, revoked, Caller);
    }

    // Of credentials by rising number, some of which ended.
    private static RecordCredentialUsesCommand RecordUses(TenantModel tenant)
    {
        var used = new CredentialsUsed();
        foreach (long credential in tenant.Credentials.Where(_ => tenant.Random.Coin()).Distinct().Order())
        {
            // The clock that saw it may be ahead of the log's.
            Timestamp seen = WallIn(tenant, tenant.Random.Between(-60, 60));
            seen.Seconds -= seen.Seconds % 60;
            seen.Nanos = 0;
            used.Uses.Add(new CredentialUse
            {
                Credential = credential,
                LastUseTime = seen,
                Places = { "203.0.113.0/24" },
            });
        }

        return new RecordCredentialUsesCommand(tenant.NextId(), used);
    }

    private static RecordNotificationsCommand ChangeNotices(TenantModel tenant)
    {
        var changed = new NotificationsChanged
        {
            Change = NotificationChange.Created,
            Kind = EndpointKind.Webhook,
            Target = "https://hooks.acme.test",
            Filter = new NoticeFilter { Kinds = { NoticeKind.BudgetExhausted }, Grains = { "useCases/promo" } },
        };
        return new RecordNotificationsCommand(tenant.NextId(), changed, Caller);
    }

    private static RecordKeyRotationCommand RotateKey(TenantModel tenant)
    {
        string id = tenant.NextId();
        var rotated = new SigningKeyRotated { KeyId = $"key-{id}", RetiredKeyId = "old", Reason = "yearly" };
        return new RecordKeyRotationCommand(id, rotated, Caller);
    }

    private static SuspendSessionCommand SuspendSession(TenantModel tenant)
    {
        long session = AnySession(tenant);
        var request = new SuspendSessionRequest { RequestId = tenant.NextId(), Reason = "odd" };
        request.WholeRun = IsWholeRun(tenant, session);
        return new SuspendSessionCommand(session, request, Caller);
    }

    private static ResumeSessionCommand ResumeSession(TenantModel tenant)
    {
        long session = AnySession(tenant);
        var request = new ResumeSessionRequest { RequestId = tenant.NextId(), Reason = "seen" };
        request.WholeRun = IsWholeRun(tenant, session);
        return new ResumeSessionCommand(session, request, Caller);
    }

    // Of a session that a caller was told of, so that it is known which run it is of.
    private static bool IsWholeRun(TenantModel tenant, long session) =>
        tenant.Random.Below(3) == 0 && tenant.Sessions.Contains(session);

    private static ResetBreakerCommand ResetBreaker(TenantModel tenant) => new(
        new ResetBreakerRequest
        {
            RequestId = tenant.NextId(),
            Grain = $"sessions/s{AnySession(tenant)}",
            Reason = "understood",
        },
        Caller);

    private static SuspendAgentCommand SuspendAgent(TenantModel tenant) => new(
        new SuspendAgentRequest { RequestId = tenant.NextId(), Agent = AgentName(tenant), Reason = "odd" }, Caller);

    // For all, or for one user.
    private static ResumeAgentCommand ResumeAgent(TenantModel tenant)
    {
        string agent = AgentName(tenant);
        if (tenant.Random.Coin()) agent += $"/users/{tenant.Random.Any(Catalogs.Users)}";
        return new ResumeAgentCommand(
            new ResumeAgentRequest { RequestId = tenant.NextId(), Agent = agent, Reason = "seen" }, Caller);
    }

    private static DecommissionAgentCommand DecommissionAgent(TenantModel tenant) => new(
        new DecommissionAgentRequest { RequestId = tenant.NextId(), Agent = AgentName(tenant), Reason = "old" },
        Caller);

    private static string AgentName(TenantModel tenant) => $"agents/{Catalogs.AnyAgent(tenant)}";
}
