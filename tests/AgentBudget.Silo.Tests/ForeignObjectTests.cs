using System.Net;
using System.Text.Json.Nodes;
using AgentBudget.Protocol.V1;
using AgentBudget.Silo.Tests.Authority;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using static AgentBudget.Silo.Tests.Authority.NamingRequests;
using static AgentBudget.Silo.Tests.Authority.World;

namespace AgentBudget.Silo.Tests;

/// <summary>
/// Every method × every field that names something × everything that is not the caller's: the answer is that to a name
/// which nothing has, byte for byte.
/// </summary>
public sealed class ForeignObjectTests
{
    // What is no name of anything: a key, a text, or something of the catalog that no role is kept from.
    private static readonly string[] OtherFields =
    [
        "request_id", "model", "tool", "sku", "region", "tool_arguments_digest", "reason", "document", "window",
        "public_jwk", "certificate_sha256", "page_token", "task", "on_behalf_of", "service_tier", "dispute",
        "end_key_id",
    ];

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

    private static async Task<(HttpStatusCode Status, string Text)> SendAsync(
        TestSilo silo, MethodDescriptor method, JsonObject request, string bearer, string? tenant = null)
    {
        (HttpStatusCode status, JsonNode body) = await silo.PostAsync(method.Name, request, bearer, tenant);
        return (status, body.ToJsonString());
    }
}
