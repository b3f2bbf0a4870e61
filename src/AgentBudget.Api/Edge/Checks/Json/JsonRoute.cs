using System.Text.RegularExpressions;
using Google.Api;
using Google.Protobuf.Reflection;
using Google.Rpc;
using Microsoft.AspNetCore.Grpc.JsonTranscoding;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Status = Google.Rpc.Status;

namespace AgentBudget.Api.Edge.Checks.Json;

/// <summary>What a JSON route takes, from the rule of its method (google/api/http.proto).</summary>
internal sealed partial class JsonRoute
{
    private const string WholeMessage = "*";

    private readonly HashSet<string> _pathFields;

    private JsonRoute(MethodDescriptor method, HttpRule rule)
    {
        MethodPath = $"/{method.Service.FullName}/{method.Name}";
        Input = method.InputType;
        TakesBody = rule.Body.Length > 0;
        if (TakesBody && rule.Body != WholeMessage)
            BodyField = Input.FindFieldByName(rule.Body);
        _pathFields = [.. PathField().Matches(PatternOf(rule)).Select(match => match.Groups["name"].Value)];
    }

    /// <summary><c>/package.Service/Method</c>.</summary>
    internal string MethodPath { get; }

    /// <summary>The request message.</summary>
    internal MessageDescriptor Input { get; }

    /// <summary>Whether the rule names a body.</summary>
    internal bool TakesBody { get; }

    /// <summary>The field that the body is; null where it is the whole message.</summary>
    internal FieldDescriptor? BodyField { get; }

    internal static JsonRoute Of(GrpcJsonTranscodingMetadata called) => new(called.MethodDescriptor, called.HttpRule);

    /// <summary>Compares a query with the message; null when it has no fault.</summary>
    internal Status? FaultOf(IQueryCollection query)
    {
        List<BadRequest.Types.FieldViolation> violations = [];
        HashSet<string> given = [];
        foreach (KeyValuePair<string, StringValues> parameter in query)
        {
            string? fault = FaultOf(parameter.Key, parameter.Value, given);
            if (fault is not null && violations.Count < JsonWalk.ViolationsMax)
                violations.Add(JsonWalk.Violation(parameter.Key, fault));
        }

        return violations.Count == 0 ? null : EdgeFaults.MessageMalformed(violations);
    }

    /// <summary>Whether a member of the message is part of the path, and so has no place in a body.</summary>
    internal bool IsInPath(FieldDescriptor field) =>
        field.ContainingType == Input && _pathFields.Contains(field.Name);

    // A field has two spellings, its own and that of JSON; it is given by one of them, once.
    private string? FaultOf(string name, StringValues values, HashSet<string> given)
    {
        FieldDescriptor? field = null;
        List<string> path = [];
        MessageDescriptor? within = Input;
        foreach (string part in name.Split('.'))
        {
            field = within is null ? null : JsonFields.Find(within, part);
            if (field is null)
                return $"is not a member of {Input.FullName}";
            path.Add(field.Name);
            within = field is { FieldType: FieldType.Message, IsRepeated: false } ? field.MessageType : null;
        }

        if (_pathFields.Contains(string.Join('.', path)))
            return "is given by the path";
        if (TakesBody && (BodyField is null || path[0] == BodyField.Name))
            return "belongs into the body";
        if (field!.IsMap)
            return "cannot be given in a query";
        bool isFirst = given.Add(string.Join('.', path));
        if ((values.Count > 1 || !isFirst) && !field.IsRepeated)
            return "is given twice";
        foreach (string? value in values)
        {
            if (JsonScalars.FaultOfText(value ?? "", field) is string fault)
                return fault;
        }

        return null;
    }

    private static string PatternOf(HttpRule rule) => rule.PatternCase switch
    {
        HttpRule.PatternOneofCase.Get => rule.Get,
        HttpRule.PatternOneofCase.Put => rule.Put,
        HttpRule.PatternOneofCase.Post => rule.Post,
        HttpRule.PatternOneofCase.Delete => rule.Delete,
        HttpRule.PatternOneofCase.Patch => rule.Patch,
        HttpRule.PatternOneofCase.Custom => rule.Custom.Path,
        HttpRule.PatternOneofCase.None => "",
    };

    [GeneratedRegex(@"\{(?<name>[^}=]+)")]
    private static partial Regex PathField();
}
