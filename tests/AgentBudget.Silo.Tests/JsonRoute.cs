using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Google.Api;
using Google.Protobuf.Reflection;

namespace AgentBudget.Silo.Tests;

/// <summary>Calls of a method as JSON, by the routes that its proto declares.</summary>
internal static partial class JsonRoute
{
    // Deeper than what is taken, so that it is the silo that refuses.
    private static readonly JsonSerializerOptions Deep = new(JsonSerializerDefaults.Web) { MaxDepth = 1000 };

    /// <summary>
    /// A request of a method: by the first of its routes whose path the body can fill, and else by its main one with a
    /// name that nothing has. What is not in the path is the body, or the query where the route has none.
    /// </summary>
    public static HttpRequestMessage RequestOf(MethodDescriptor method, JsonObject body, Uri origin)
    {
        HttpRule main = method.GetOptions().GetExtension(AnnotationsExtensions.Http);
        HttpRule rule = main.AdditionalBindings.Prepend(main)
            .FirstOrDefault(
                candidate => Variable().Matches(PathOf(candidate)).All(part => body[NameOf(part)] is not null))
            ?? main;
        JsonObject rest = body.DeepClone().AsObject();
        string path = Variable().Replace(PathOf(rule), part =>
        {
            string value = (string?)rest[NameOf(part)] ?? (part.Groups[2].Success ? part.Groups[2].Value : "*")
                .Replace("*", "none", StringComparison.Ordinal);
            rest.Remove(NameOf(part));
            return string.Join('/', value.Split('/').Select(Uri.EscapeDataString));
        });
        HttpRequestMessage request = new(new HttpMethod(rule.PatternCase.ToString().ToUpperInvariant()), "");
        if (rule.Body == "*")
            request.Content = JsonContent.Create(rest, options: Deep);
        else
            path += "?" + string.Join('&', ParametersOf(rest, ""));
        request.RequestUri = new Uri(origin, path);
        return request;
    }

    private static IEnumerable<string> ParametersOf(JsonNode? node, string name) => node switch
    {
        JsonObject members => members.SelectMany(
            member => ParametersOf(member.Value, name.Length == 0 ? member.Key : $"{name}.{member.Key}")),
        JsonArray elements => elements.SelectMany(element => ParametersOf(element, name)),
        _ => [$"{name}={Uri.EscapeDataString(node?.ToString() ?? "")}"],
    };

    private static string PathOf(HttpRule rule) => rule.PatternCase switch
    {
        HttpRule.PatternOneofCase.Get => rule.Get,
        HttpRule.PatternOneofCase.Put => rule.Put,
        HttpRule.PatternOneofCase.Post => rule.Post,
        HttpRule.PatternOneofCase.Patch => rule.Patch,
        _ => throw new InvalidOperationException($"no route is a {rule.PatternCase}"),
    };

    // As JSON names the field.
    private static string NameOf(Match part) => string.Concat(part.Groups[1].Value.Split('_')
        .Select((word, index) => index == 0 ? word : char.ToUpperInvariant(word[0]) + word[1..]));

    [GeneratedRegex("[{]([a-z_]+)(?:=([^}]*))?[}]")]
    private static partial Regex Variable();
}
