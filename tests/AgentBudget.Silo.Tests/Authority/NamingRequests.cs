using System.Text.Json.Nodes;
using Google.Protobuf.Reflection;

namespace AgentBudget.Silo.Tests.Authority;

/// <summary>Requests that name something, so that nothing but the name can be wrong with them.</summary>
internal static class NamingRequests
{
    public static readonly string[] NamingFields =
    [
        "session", "run", "agent", "use_case", "business_unit", "grain", "credential", "reservation_id",
        "session_token", "parent_session_token", "principal", "extension_request", "endpoint",
    ];

    // What a request needs beside the field that is tried, so that nothing else is wrong with it.
    private static readonly Dictionary<string, string> Bases = new()
    {
        ["ReserveTokens"] = """{"model":"m","estimate":{"inputTokens":"1","maxOutputTokens":"1"}}""",
        ["CommitTokens"] = """{"usage":{},"reservationId":"$own"}""",
        ["ReleaseTokens"] = """{"reservationId":"$own"}""",
        ["AmendReservation"] = """{"reservationId":"$own","ttl":"60s"}""",
        ["WatchSpend"] = """{"snapshot":true}""",
        ["RecordCost"] = """{"sku":"none","quantity":1}""",
        ["AuthorizeTool"] = """{"tool":"crm.read"}""",
        ["OpenSession"] = """{"useCase":"useCases/promo","unattended":true}""",
        ["RevokeSession"] = """{"reason":"odd"}""",
        ["SuspendSession"] = """{"reason":"odd"}""",
        ["ResumeSession"] = """{"reason":"fine"}""",
        ["ResetBudget"] = """{"reason":"anew"}""",
        ["AdjustSpend"] = """{"tokens":"1","reason":"typo"}""",
        ["ExtendBudget"] = """{"amountTokens":"1","reason":"more"}""",
        ["DecideDispute"] = """{"dispute":"disputes/d1","decision":"DISPUTE_DECISION_DISMISSED","reason":"no"}""",
        ["RequestExtension"] =
            """{"grain":"useCases/promo","amount":{"currencyCode":"USD","units":"1"},"reason":"more"}""",
        ["WatchExtensionRequest"] = """{"extensionRequest":"$asked"}""",
        ["DecideExtension"] = """{"decision":"EXTENSION_STATE_REFUSED","reason":"no"}""",
        ["ResetBreaker"] = """{"reason":"fine"}""",
        ["SuspendAgent"] = """{"reason":"odd"}""",
        ["ResumeAgent"] = """{"reason":"fine"}""",
        ["DecommissionAgent"] = """{"reason":"gone"}""",
        ["CreateCredential"] = """{"role":"ROLE_GATEWAY"}""",
        ["RevokeCredential"] = """{"reason":"old"}""",
        ["UpdateEndpoint"] = """{"filter":{"kinds":["NOTICE_KIND_TEST"]},"reason":"less"}""",
        ["RotateEndpointSecret"] = """{"reason":"yearly"}""",
    };

    public static IEnumerable<MethodDescriptor> Unary() => Api.ApiServices.Descriptors
        .SelectMany(service => service.Methods)
        .Where(method => !method.IsClientStreaming && !method.IsServerStreaming);

    // Every method of one request with every field that names something, nested ones as filter.use_case.
    public static IEnumerable<(MethodDescriptor Method, string Path)> NamesIn() => Api.ApiServices.Descriptors
        .SelectMany(service => service.Methods)
        .Where(method => !method.IsClientStreaming)
        .SelectMany(method => PathsIn(method.InputType, "").Select(path => (method, path)));

    public static IEnumerable<string> PathsIn(MessageDescriptor message, string prefix) =>
        message.Fields.InDeclarationOrder().SelectMany(field => field switch
        {
            { FieldType: FieldType.String, IsRepeated: false } when NamingFields.Contains(field.Name) =>
                [prefix + field.Name],
            { FieldType: FieldType.Message, IsRepeated: false, Name: "filter" } =>
                PathsIn(field.MessageType, field.Name + "."),
            _ => Enumerable.Empty<string>(),
        });

    public static JsonObject BaseOf(MethodDescriptor method, World world)
    {
        JsonObject request = JsonNode.Parse(
            Bases.GetValueOrDefault(method.Name, "{}")
                .Replace("$own", world.OwnReservation, StringComparison.Ordinal)
                .Replace("$asked", world.Value("extension_request", "own"), StringComparison.Ordinal))!
            .AsObject();
        if (method.InputType.FindFieldByName("request_id") is not null)
            request["requestId"] = Identity.NextId();
        return request;
    }

    public static JsonObject RequestOf(MethodDescriptor method, string path, string value, World world)
    {
        JsonObject request = BaseOf(method, world);
        // A reservation is named beside its own session's token.
        if (path == "reservation_id" && method.InputType.FindFieldByName("session_token") is not null)
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
}
