using System.Net;
using System.Text.Json.Nodes;
using AgentBudget.Identity;
using AgentBudget.Protocol.V1;
using Google.Protobuf.Reflection;

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
        "session", "agent", "use_case", "business_unit", "grain", "credential", "reservation_id", "session_token",
        "parent_session_token", "principal",
    ];

    // What a request needs beside the field that is tried, so that nothing else is wrong with it.
    private static readonly Dictionary<string, string> Bases = new()
    {
        ["ReserveTokens"] = """{"model":"m","estimate":{"inputTokens":"1"}}""",
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
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        World world = await World.MakeAsync(silo);
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
                    await SendAsync(silo, method, Request(world.Value(path, "own")), bearer);
                if (own.Status == HttpStatusCode.OK && own != absent)
                    answered++;
            }
        }

        Assert.Empty(differences);
        Assert.True(compared > 150, $"only {compared} answers were compared");
        Assert.True(answered > 25, $"only {answered} of the callers' own were answered");
    }

    [Fact]
    public void Every_method_that_names_something_is_in_the_matrix() =>
        Assert.Superset(
            new HashSet<string> { "ReserveTokens", "GetSession", "ListEntries", "GetChargeback", "RevokeCredential" },
            NamesIn().Select(name => name.Method.Name).ToHashSet());

    // Every unary method with every field that names something, nested ones as filter.use_case.
    private static IEnumerable<(MethodDescriptor Method, string Path)> NamesIn() =>
        Api.ApiServices.Descriptors.SelectMany(service => service.Methods)
            .Where(method => !method.IsClientStreaming && !method.IsServerStreaming)
            .SelectMany(method => PathsIn(method.InputType, "").Select(path => (method, path)));

    private static IEnumerable<string> PathsIn(MessageDescriptor message, string prefix) =>
        message.Fields.InDeclarationOrder().SelectMany(field => field switch
        {
            { FieldType: FieldType.String, IsRepeated: false } when NamingFields.Contains(field.Name) =>
                [prefix + field.Name],
            { FieldType: FieldType.Message, IsRepeated: false, Name: "filter" } =>
                PathsIn(field.MessageType, field.Name + "."),
            _ => Enumerable.Empty<string>(),
        });

    private static JsonObject RequestOf(MethodDescriptor method, string path, string value, World world)
    {
        JsonObject request = JsonNode.Parse(
            Bases.GetValueOrDefault(method.Name, "{}").Replace("$own", world.OwnReservation, StringComparison.Ordinal))!
            .AsObject();
        if (method.InputType.FindFieldByName("request_id") is not null)
            request["requestId"] = Identity.NextId();
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
        TestSilo silo, MethodDescriptor method, JsonObject request, string bearer)
    {
        (HttpStatusCode status, JsonNode body) = await silo.PostAsync(method.Name, request, bearer);
        return (status, body.ToJsonString());
    }

    private sealed class World
    {
        private readonly Dictionary<(string Kind, string Whose), string> _values = [];

        public List<(string Role, string Bearer)> Callers { get; } = [];

        public string OwnReservation { get; private set; } = "";

        public static async Task<World> MakeAsync(TestSilo silo)
        {
            World world = new();
            await silo.ApplyAsync(
                Identity.Catalog.Replace("tenant: acme", "tenant: other", StringComparison.Ordinal), "other");
            const string marketing = "businessUnits/marketing";
            await world.AddAsync(silo, "own", "agents/writer", "useCases/promo", marketing, "acme");
            await world.AddAsync(silo, "sibling", "agents/sibling", "useCases/promo", marketing, "acme");
            await world.AddAsync(silo, "unit", "agents/seller", "useCases/leads", "businessUnits/sales", "acme");
            await world.AddAsync(silo, "tenant", "agents/writer", "useCases/promo", marketing, "other");
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

            return world;
        }

        public string Value(string path, string whose) => _values[(path.Split('.')[^1], whose)];

        // A shown token is the right to speak for its session within the tenant; names are seen as far as the role
        // sees.
        public static string[] ForeignTo(string role, string path)
        {
            string kind = path.Split('.')[^1];
            bool isToken = kind is "session_token" or "parent_session_token";
            if (kind == "reservation_id")
                return ["sibling", "unit"];
            string[] names = role switch
            {
                // The sibling works for the same use case.
                "agent" => kind is "use_case" or "business_unit" ? ["unit"] : ["sibling", "unit"],
                "owner" => kind is "agent" or "principal" ? [] : ["unit"],
                "gateway" => isToken ? [] : ["own", "sibling", "unit"],
                _ => [],
            };
            return isToken ? [.. names, "tenant"] : names;
        }

        private static Dictionary<string, string> Tenant(string tenant) => new() { ["agentbudget-tenant"] = tenant };

        private async Task AddAsync(
            TestSilo silo, string whose, string agent, string useCase, string businessUnit, string tenant)
        {
            OpenSessionResponse opened = await silo.CallAsync<OpenSessionRequest, OpenSessionResponse>(
                "OpenSession",
                new OpenSessionRequest
                {
                    RequestId = Identity.NextId(),
                    Agent = agent,
                    UseCase = useCase,
                    Unattended = true,
                },
                metadata: Tenant(tenant));
            ReserveTokensResponse reserved = await silo.SpendAsync(silo.AdminKey, opened.SessionToken);
            CreateCredentialRequest request =
                new() { RequestId = Identity.NextId(), Principal = agent, Role = Role.Agent };
            CreateCredentialResponse credential =
                await silo.CallAsync<CreateCredentialRequest, CreateCredentialResponse>(
                    "CreateCredential", request, metadata: Tenant(tenant));
            _values[("session", whose)] = opened.Session.Session_;
            _values[("session_token", whose)] = _values[("parent_session_token", whose)] = opened.SessionToken;
            _values[("reservation_id", whose)] = reserved.Reservation.ReservationId;
            _values[("agent", whose)] = _values[("principal", whose)] = agent;
            _values[("use_case", whose)] = _values[("grain", whose)] = useCase;
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
            _values[("session", Absent)] = "sessions/s99999";
            _values[("session_token", Absent)] = _values[("parent_session_token", Absent)] = token;
            _values[("reservation_id", Absent)] = "r99999";
            _values[("agent", Absent)] = _values[("principal", Absent)] = "agents/nobody";
            _values[("use_case", Absent)] = _values[("grain", Absent)] = "useCases/nothing";
            _values[("business_unit", Absent)] = "businessUnits/nowhere";
            _values[("credential", Absent)] = "credentials/c99999";
        }
    }
}
