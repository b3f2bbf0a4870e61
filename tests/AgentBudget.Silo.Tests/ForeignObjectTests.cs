using System.Net;
using System.Text.Json.Nodes;
using AgentBudget.Silo.Tests.Authority;
using Google.Protobuf.Reflection;
using static AgentBudget.Silo.Tests.Authority.NamingRequests;

namespace AgentBudget.Silo.Tests;

/// <summary>
/// What another tenant has is answered like what is not there, and no field that names something is forgotten by the
/// matrix of <see cref="AuthorityMatrixTests"/>.
/// </summary>
public sealed class ForeignObjectTests
{
    // What is no name of anything: a key, a text, or something of the catalog that no role is kept from.
    private static readonly string[] OtherFields =
    [
        "request_id", "model", "tool", "sku", "region", "tool_arguments_digest", "reason", "document", "window",
        "public_jwk", "certificate_sha256", "page_token", "task", "on_behalf_of", "service_tier", "dispute",
        "end_key_id", "version", "url", "delivery",
    ];

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

    private static async Task<(HttpStatusCode Status, string Text)> SendAsync(
        TestSilo silo, MethodDescriptor method, JsonObject request, string bearer, string? tenant = null)
    {
        (HttpStatusCode status, JsonNode body) = await silo.PostAsync(method.Name, request, bearer, tenant);
        return (status, body.ToJsonString());
    }
}
