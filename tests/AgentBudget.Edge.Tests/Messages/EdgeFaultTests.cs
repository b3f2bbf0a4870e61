using AgentBudget.Rpc.Tests.Hostile;
using AgentBudget.Rpc.Wire;
using Google.Rpc;

namespace AgentBudget.Rpc.Tests.Wire;

/// <summary>The one map of the edge's own errors, and that errors.proto says the same.</summary>
public sealed class EdgeFaultTests
{
    private const string Prefix = "EDGE_REASON_";

    private static readonly Dictionary<EdgeFault, (RpcStatusCode Code, string Reason)> Faulted = new()
    {
        [EdgeFault.MessageTooLarge] = (RpcStatusCode.ResourceExhausted, "MESSAGE_TOO_LARGE"),
        [EdgeFault.TooManyItems] = (RpcStatusCode.ResourceExhausted, "TOO_MANY_ITEMS"),
        [EdgeFault.MessageMissing] = (RpcStatusCode.Unimplemented, "MESSAGE_MISSING"),
        [EdgeFault.MoreThanOneMessage] = (RpcStatusCode.Unimplemented, "MORE_THAN_ONE_MESSAGE"),
        [EdgeFault.MessageIncomplete] = (RpcStatusCode.Internal, "MESSAGE_INCOMPLETE"),
        [EdgeFault.FlagsUnknown] = (RpcStatusCode.Internal, "FLAGS_UNKNOWN"),
        [EdgeFault.CompressionUndeclared] = (RpcStatusCode.Internal, "COMPRESSION_UNDECLARED"),
        [EdgeFault.CompressionInvalid] = (RpcStatusCode.Internal, "COMPRESSION_INVALID"),
        [EdgeFault.EncodingUnsupported] = (RpcStatusCode.Unimplemented, "ENCODING_UNSUPPORTED"),
        [EdgeFault.MessageMalformed] = (RpcStatusCode.InvalidArgument, "MESSAGE_MALFORMED"),
        [EdgeFault.HeaderMalformed] = (RpcStatusCode.InvalidArgument, "HEADER_MALFORMED"),
        [EdgeFault.ProtocolVersionUnknown] = (RpcStatusCode.InvalidArgument, "PROTOCOL_VERSION_UNKNOWN"),
        [EdgeFault.MethodUnknown] = (RpcStatusCode.Unimplemented, "METHOD_UNKNOWN"),
        [EdgeFault.MessageLate] = (RpcStatusCode.DeadlineExceeded, "MESSAGE_LATE"),
        [EdgeFault.DeadlinePassed] = (RpcStatusCode.DeadlineExceeded, "DEADLINE_PASSED"),
        [EdgeFault.CallerGaveUp] = (RpcStatusCode.Cancelled, "CALLER_GAVE_UP"),
        [EdgeFault.Draining] = (RpcStatusCode.Unavailable, "DRAINING"),
        [EdgeFault.Bug] = (RpcStatusCode.Internal, "BUG"),
    };

    public static TheoryData<string> EveryFault() => [.. Enum.GetNames<EdgeFault>()];

    [Theory]
    [MemberData(nameof(EveryFault))]
    public void A_fault_of_the_edge_has_its_status_and_reason(string name)
    {
        EdgeFault fault = Enum.Parse<EdgeFault>(name);

        RpcException error = Faults.Make(fault, "A sentence.");

        ErrorInfo info = error.GetDetail<ErrorInfo>()!;
        Assert.Equal(Faulted[fault], (error.StatusCode, info.Reason));
        Assert.Equal("rpc", info.Domain);
        Assert.Single(error.Status.Details);
    }

    [Fact]
    public void The_contract_documents_every_reason_of_the_edge_with_its_status_and_no_other()
    {
        Dictionary<string, string> expected = Faulted.Values.ToDictionary(
            fault => fault.Reason, fault => SnakeCase(fault.Code));

        Dictionary<string, string> documented = DocumentedCodes();

        documented.Remove("UNSPECIFIED");
        Assert.Equal(expected.OrderBy(pair => pair.Key), documented.OrderBy(pair => pair.Key));
    }

    [Fact]
    public void Every_fault_of_the_edge_is_a_case_of_the_hostile_table_or_needs_time_or_a_defect()
    {
        EdgeFault[] timed =
        [
            EdgeFault.MessageLate, EdgeFault.DeadlinePassed, EdgeFault.CallerGaveUp, EdgeFault.Draining, EdgeFault.Bug,
        ];

        string[] missing =
        [
            .. Enum.GetValues<EdgeFault>().Except(timed).Select(Faults.ReasonOf)
                .Where(reason => !HostileCases.All.Any(
                    one => one.Outcome.EndsWith(reason, StringComparison.Ordinal))),
        ];

        Assert.Empty(missing);
    }

    // Names as errors.proto has them, and the word in capitals that begins the comment above each.
    private static Dictionary<string, string> DocumentedCodes()
    {
        Dictionary<string, string> codes = [];
        string code = "";
        bool isAbove = false;
        foreach (string line in File.ReadLines(Path.Combine(AppContext.BaseDirectory, "errors.proto")))
        {
            string text = line.Trim();
            if (text.StartsWith("// ", StringComparison.Ordinal))
            {
                code = isAbove ? code : text[3..].Split(' ', '.', ',')[0];
                isAbove = true;
                continue;
            }

            if (text.StartsWith(Prefix, StringComparison.Ordinal))
                codes[text[Prefix.Length..text.IndexOf(' ', StringComparison.Ordinal)]] = code;
            isAbove = false;
        }

        return codes;
    }

    private static string SnakeCase(RpcStatusCode code) => string.Concat(
        code.ToString().Select((letter, at) => at > 0 && char.IsUpper(letter) ? $"_{letter}" : $"{letter}"))
        .ToUpperInvariant();
}
