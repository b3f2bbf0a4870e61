using System.Net;
using System.Text.Json.Nodes;
using AgentBudget.Identity;
using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;

namespace AgentBudget.Silo.Tests;

/// <summary>
/// Every method × every field that names something × everything that is not the caller's: the answer is that to a name
/// which nothing has, byte for byte.
/// </summary>
public sealed class ForeignObjectTests
{
    private const string Absent = "absent";

    private static readonly string[] NamingFields =
    [
        "session", "run", "agent", "use_case", "business_unit", "grain", "credential", "reservation_id",
        "session_token", "parent_session_token", "principal",
    ];

    // What is no name of anything: a key, a text, or something of the catalog that no role is kept from.
    private static readonly string[] OtherFields =
    [
        "request_id", "model", "tool", "sku", "region", "tool_arguments_digest", "reason", "document", "window",
        "public_jwk", "certificate_sha256", "page_token", "task", "on_behalf_of", "service_tier",
    ];

    // What a request needs beside the field that is tried, so that nothing else is wrong with it.
    private static readonly Dictionary<string, string> Bases = new()
    {
        ["ReserveTokens"] = """{"model":"m","estimate":{"inputTokens":"1","maxOutputTokens":"1"}}""",
        ["CommitTokens"] = """{"usage":{},"reservationId":"$own"}""",
        ["ReleaseTokens"] = """{"reservationId":"$own"}""",
        ["AmendReservation"] = """{"reservationId":"$own","ttl":"60s"}""",
        ["RecordCost"] = """{"sku":"none","quantity":"1"}""",
        ["AuthorizeTool"] = """{"tool":"crm.read"}""",
        ["OpenSession"] = """{"useCase":"useCases/promo","unattended":true}""",
        ["RevokeSession"] = """{"reason":"odd"}""",
        ["SuspendSession"] = """{"reason":"odd"}""",
        ["ResumeSession"] = """{"reason":"fine"}""",
        ["ExtendBudget"] = """{"amountTokens":"1","reason":"more"}""",
        ["ResetBudget"] = """{"reason":"anew"}""",
        ["AdjustSpend"] = """{"tokens":"1","reason":"typo"}""",
        ["RerateSpend"] =
            """{"startTime":"2026-01-01T00:00:00Z","endTime":"2026-01-02T00:00:00Z","priceVersion":"1"}""",
        ["ResetBreaker"] = """{"reason":"fine"}""",
        ["SuspendAgent"] = """{"reason":"odd"}""",
        ["ResumeAgent"] = """{"reason":"fine"}""",
        ["DecommissionAgent"] = """{"reason":"gone"}""",
        ["CreateCredential"] = """{"role":"ROLE_GATEWAY"}""",
        ["RevokeCredential"] = """{"reason":"old"}""",
    };

    [Fact]
    public async Task What_is_not_the_callers_is_answered_like_what_is_not_there()
    {
        using UserIssuer users = new();
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog, users.Settings);
        World world = await World.MakeAsync(silo, users);
        List<string> differences = [];
        int compared = 0;
        int answered = 0;
        foreach ((string role, string bearer) in world.Callers)
        {
            foreach ((MethodDescriptor method, string path) in NamesIn())
            {
                JsonObject Request(string value) => RequestOf(method, path, value, world);
                (HttpStatusCode Status, string Text) absent =
                    await SendAsync(silo, method, Request(world.Value(path, Absent)), bearer);
                foreach (string foreign in World.ForeignTo(role, path))
                {
                    compared++;
                    (HttpStatusCode Status, string Text) answer =
                        await SendAsync(silo, method, Request(world.Value(path, foreign)), bearer);
                    if (answer != absent)
                        differences.Add($"{role} {method.Name} {path} {foreign}: {answer} and {absent}");
                }

                (HttpStatusCode Status, string Text) own =
                    await SendAsync(silo, method, Request(world.Value(path, role == "kim" ? role : "own")), bearer);
                if (own.Status == HttpStatusCode.OK && own != absent)
                    answered++;
            }
        }

        Assert.Empty(differences);
        Assert.True(compared > 150, $"only {compared} answers were compared");
        Assert.True(answered > 25, $"only {answered} of the callers' own were answered");
    }

    [Fact]
    public async Task The_items_of_a_stream_are_answered_like_their_methods()
    {
        using UserIssuer users = new();
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog, users.Settings);
        World world = await World.MakeAsync(silo, users);
        List<string> differences = [];
        int compared = 0;
        foreach ((string role, string bearer) in world.Callers.Where(caller => World.Spends(caller.Role)))
        {
            using AsyncDuplexStreamingCall<SpendRequest, SpendResponse> stream = silo.OpenSpend(bearer);
            foreach (FieldDescriptor item in SpendRequest.Descriptor.Oneofs[0].Fields)
            {
                foreach (string path in PathsIn(item.MessageType, ""))
                {
                    SpendResponse absent = await ItemAsync(stream, item, path, world.Value(path, Absent), world);
                    foreach (string foreign in World.ForeignTo(role, path))
                    {
                        compared++;
                        SpendResponse answer = await ItemAsync(stream, item, path, world.Value(path, foreign), world);
                        if (!answer.Equals(absent))
                            differences.Add($"{role} {item.Name} {path} {foreign}: {answer} and {absent}");
                    }
                }
            }
        }

        Assert.Empty(differences);
        Assert.True(compared > 60, $"only {compared} answers were compared");
    }

    [Fact]
    public async Task What_an_owner_watches_of_others_begins_like_what_is_not_there()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        World world = await World.MakeAsync(silo);
        string owner = world.Callers.Single(caller => caller.Role == "owner").Bearer;
        async Task<SpendSnapshot> FirstAsync(string path, string whose)
        {
            WatchSpendRequest request = new() { Snapshot = true, Filter = new SpendFilter() };
            FieldDescriptor field = SpendFilter.Descriptor.FindFieldByName(path);
            field.Accessor.SetValue(request.Filter, world.Value(path, whose));
            using CancellationTokenSource late = new(TestSilo.Patience);
            await foreach (WatchSpendResponse response in silo.WatchAsync(request, late.Token, owner))
                return response.Snapshot;
            throw new InvalidOperationException("the stream ended");
        }

        foreach (string path in PathsIn(SpendFilter.Descriptor, ""))
        {
            SpendSnapshot absent = await FirstAsync(path, Absent);
            foreach (string foreign in World.ForeignTo("owner", path))
                Assert.Equal(absent, await FirstAsync(path, foreign));
        }
    }

    [Fact]
    public async Task Another_tenant_that_is_named_beside_a_call_is_like_none()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        World world = await World.MakeAsync(silo);
        List<string> differences = [];
        int notFound = 0;
        // A session's own token names its tenant: what is named beside it is not looked at.
        foreach ((string role, string bearer) in world.Callers.Where(caller => caller.Role != "session"))
        {
            foreach (MethodDescriptor method in Unary())
            {
                JsonObject Request() => BaseOf(method, world);
                (HttpStatusCode, string) foreign = await SendAsync(silo, method, Request(), bearer, "other");
                (HttpStatusCode Status, string) absent = await SendAsync(silo, method, Request(), bearer, "nowhere");
                notFound += absent.Status == HttpStatusCode.NotFound ? 1 : 0;
                if (foreign != absent)
                    differences.Add($"{role} {method.Name}: {foreign} and {absent}");
            }
        }

        Assert.Empty(differences);
        Assert.True(notFound > 15, $"only {notFound} named a tenant at all");
    }

    [Fact]
    public void Every_field_of_every_request_is_a_name_or_known_to_be_none()
    {
        IEnumerable<string> unknown = Api.ApiServices.Descriptors
            .SelectMany(service => service.Methods)
            .SelectMany(method => TextsIn(method.InputType).Select(name => $"{method.Name} {name}"))
            .Where(text => !NamingFields.Concat(OtherFields).Contains(text.Split(' ')[1]));
        Assert.Empty(unknown);
        Assert.Superset(
            new HashSet<string> { "ReserveTokens", "GetSession", "ListEntries", "GetChargeback", "RevokeCredential" },
            NamesIn().Select(name => name.Method.Name).ToHashSet());
    }

    private static IEnumerable<string> TextsIn(MessageDescriptor message) =>
        message.Fields.InDeclarationOrder().SelectMany(field => field switch
        {
            { FieldType: FieldType.String, IsRepeated: false } => [field.Name],
            { FieldType: FieldType.Message, IsMap: false, IsRepeated: false }
                when field.MessageType.File.Package == message.File.Package => TextsIn(field.MessageType)
                    .Where(name => name is not ("currency_code" or "item" or "sku")),
            _ => Enumerable.Empty<string>(),
        });

    private static IEnumerable<MethodDescriptor> Unary() => Api.ApiServices.Descriptors
        .SelectMany(service => service.Methods)
        .Where(method => !method.IsClientStreaming && !method.IsServerStreaming);

    private static async Task<SpendResponse> ItemAsync(
        AsyncDuplexStreamingCall<SpendRequest, SpendResponse> stream,
        FieldDescriptor item,
        string path,
        string value,
        World world)
    {
        MethodDescriptor method = Unary().Single(unary => unary.InputType == item.MessageType);
        string json = RequestOf(method, path, value, world).ToJsonString();
        SpendRequest request = new();
        item.Accessor.SetValue(request, JsonParser.Default.Parse(json, item.MessageType));
        await stream.RequestStream.WriteAsync(request);
        return (await stream.NextAsync())!;
    }

    // Every unary method with every field that names something, nested ones as filter.use_case.
    private static IEnumerable<(MethodDescriptor Method, string Path)> NamesIn() =>
        Unary().SelectMany(method => PathsIn(method.InputType, "").Select(path => (method, path)));

    private static IEnumerable<string> PathsIn(MessageDescriptor message, string prefix) =>
        message.Fields.InDeclarationOrder().SelectMany(field => field switch
        {
            { FieldType: FieldType.String, IsRepeated: false } when NamingFields.Contains(field.Name) =>
                [prefix + field.Name],
            { FieldType: FieldType.Message, IsRepeated: false, Name: "filter" } =>
                PathsIn(field.MessageType, field.Name + "."),
            _ => Enumerable.Empty<string>(),
        });

    private static JsonObject BaseOf(MethodDescriptor method, World world)
    {
        JsonObject request = JsonNode.Parse(
            Bases.GetValueOrDefault(method.Name, "{}").Replace("$own", world.OwnReservation, StringComparison.Ordinal))!
            .AsObject();
        if (method.InputType.FindFieldByName("request_id") is not null)
            request["requestId"] = Identity.NextId();
        return request;
    }

    private static JsonObject RequestOf(MethodDescriptor method, string path, string value, World world)
    {
        JsonObject request = BaseOf(method, world);
        // A reservation is named beside its own session's token.
        if (path == "reservation_id")
            request["sessionToken"] = world.Value("session_token", "own");
        JsonObject target = request;
        string[] names = path.Split('.');
        foreach (string name in names[..^1])
            target = (target[name] = new JsonObject()).AsObject();
        target[ToJson(names[^1])] = value;
        return request;
    }

    private static string ToJson(string name) => string.Concat(
        name.Split('_').Select((part, index) => index == 0 ? part : char.ToUpperInvariant(part[0]) + part[1..]));

    private static async Task<(HttpStatusCode Status, string Text)> SendAsync(
        TestSilo silo, MethodDescriptor method, JsonObject request, string bearer, string? tenant = null)
    {
        (HttpStatusCode status, JsonNode body) = await silo.PostAsync(method.Name, request, bearer, tenant);
        return (status, body.ToJsonString());
    }

    private sealed class World
    {
        private readonly Dictionary<(string Kind, string Whose), string> _values = [];

        public List<(string Role, string Bearer)> Callers { get; } = [];

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

        public static bool Spends(string role) => role is "agent" or "gateway" or "orchestrator" or "session" or "kim";

        public string Value(string path, string whose) => _values[(path.Split('.')[^1], whose)];

        // A shown token is the right to speak for its session within the tenant; names are seen as far as the role
        // sees.
        public static string[] ForeignTo(string role, string path)
        {
            string kind = path.Split('.')[^1];
            bool isToken = kind is "session_token" or "parent_session_token";
            string[] others = ["sibling", "child", "parent", "unit"];
            if (kind == "reservation_id")
                return others;
            string[] names = role switch
            {
                // The sibling works for the same use case, and of its run the sibling's session is the root.
                "agent" when kind is "use_case" or "business_unit" => ["unit"],
                "agent" => kind is "run" ? ["sibling", "unit"] : others,
                // The agent with a token for kim: of its own sessions those for lee and for nobody are foreign too.
                "kim" when kind is "use_case" or "business_unit" or "grain" => ["unit"],
                "kim" when kind is "agent" or "principal" => others,
                "kim" => kind is "run" ? ["sibling", "unit"] : ["lee", "own", .. others],
                "owner" => kind is "agent" or "principal" ? [] : ["unit"],
                "gateway" => isToken ? [] : ["own", .. others],
                // It may open subagents of every agent and use case of its tenant.
                "session" => kind is "agent" or "use_case" ? [] : others,
                _ => [],
            };
            return isToken ? [.. names, "tenant"] : names;
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
            CreateCredentialRequest request =
                new() { RequestId = Identity.NextId(), Principal = agent, Role = Role.Agent };
            CreateCredentialResponse credential =
                await silo.CallAsync<CreateCredentialRequest, CreateCredentialResponse>(
                    "CreateCredential", request, metadata: Tenant(tenant));
            _values[("session", whose)] = _values[("run", whose)] = opened.Session.Session_;
            _values[("session_token", whose)] = _values[("parent_session_token", whose)] = opened.SessionToken;
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
            _values[("credential", whose)] = credential.Credential.Credential_;
        }

        private void AddAbsent(TestSilo silo)
        {
            using KeyRing keys = KeyRing.LoadOrCreate(
                Path.Combine(silo.DataFolder, "signing.key"), Path.Combine(silo.DataFolder, "signing.retired.json"));
            string token = new SessionTokens(keys, TimeProvider.System).Mint(new SessionCaller
            {
                Tenant = "acme",
                Session = "sessions/s99999",
                Agent = "agents/writer",
                UseCase = "useCases/promo",
                OnBehalfOf = "",
                Scope = "",
                ExpiresAtSeconds = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() + 3600,
            });
            _values[("session", Absent)] = _values[("run", Absent)] = "sessions/s99999";
            _values[("session_token", Absent)] = _values[("parent_session_token", Absent)] = token;
            _values[("reservation_id", Absent)] = "r99999";
            _values[("agent", Absent)] = _values[("principal", Absent)] = "agents/nobody";
            _values[("use_case", Absent)] = _values[("grain", Absent)] = "useCases/nothing";
            _values[("business_unit", Absent)] = "businessUnits/nowhere";
            _values[("credential", Absent)] = "credentials/c99999";
        }
    }
}
