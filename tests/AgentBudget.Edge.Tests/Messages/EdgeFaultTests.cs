using AgentBudget.Api.Edge.Checks;
using AgentBudget.Edge.Tests.Hostile;
using Google.Rpc;
using Status = Google.Rpc.Status;

namespace AgentBudget.Edge.Tests.Messages;

/// <summary>The one map of the edge's own errors, and that errors.proto says the same.</summary>
public sealed class EdgeFaultTests
{
    private const string Prefix = "EDGE_REASON_";

    private static readonly Dictionary<EdgeFault, (Code Code, string Reason)> Faulted = new()
    {
        [EdgeFault.MessageTooLarge] = (Code.ResourceExhausted, "MESSAGE_TOO_LARGE"),
        [EdgeFault.TooManyItems] = (Code.ResourceExhausted, "TOO_MANY_ITEMS"),
        [EdgeFault.MessageMissing] = (Code.Unimplemented, "MESSAGE_MISSING"),
        [EdgeFault.MoreThanOneMessage] = (Code.Unimplemented, "MORE_THAN_ONE_MESSAGE"),
        [EdgeFault.MessageIncomplete] = (Code.Internal, "MESSAGE_INCOMPLETE"),
        [EdgeFault.FlagsUnknown] = (Code.Internal, "FLAGS_UNKNOWN"),
        [EdgeFault.CompressionUndeclared] = (Code.Internal, "COMPRESSION_UNDECLARED"),
        [EdgeFault.CompressionInvalid] = (Code.Internal, "COMPRESSION_INVALID"),
        [EdgeFault.EncodingUnsupported] = (Code.Unimplemented, "ENCODING_UNSUPPORTED"),
        [EdgeFault.MessageMalformed] = (Code.InvalidArgument, "MESSAGE_MALFORMED"),
        [EdgeFault.HeaderMalformed] = (Code.InvalidArgument, "HEADER_MALFORMED"),
        [EdgeFault.MethodUnknown] = (Code.Unimplemented, "METHOD_UNKNOWN"),
        [EdgeFault.MessageLate] = (Code.DeadlineExceeded, "MESSAGE_LATE"),
        [EdgeFault.DeadlinePassed] = (Code.DeadlineExceeded, "DEADLINE_PASSED"),
        [EdgeFault.CallerGaveUp] = (Code.Cancelled, "CALLER_GAVE_UP"),
        [EdgeFault.Draining] = (Code.Unavailable, "DRAINING"),
        [EdgeFault.Bug] = (Code.Internal, "BUG"),
    };

    public static TheoryData<string> EveryFault() => [.. Enum.GetNames<EdgeFault>()];

    [Theory]
    [MemberData(nameof(EveryFault))]
    public void A_fault_of_the_edge_has_its_status_and_reason(string name)
    {
        EdgeFault fault = Enum.Parse<EdgeFault>(name);

        Status error = EdgeFaults.Make(fault, "A sentence.");

        ErrorInfo info = error.Details.Single().Unpack<ErrorInfo>();
        Assert.Equal(Faulted[fault], ((Code)error.Code, info.Reason));
        Assert.Equal("agentbudget", info.Domain);
    }

    [Fact]
    public void The_contract_documents_every_reason_of_the_edge_with_its_status()
    {
        Dictionary<string, string> documented = DocumentedCodes();

        Assert.All(Faulted.Values, fault => Assert.Equal(SnakeCase(fault.Code), documented[fault.Reason]));
    }

    [Fact]
    public void Every_fault_of_a_request_is_a_case_of_the_hostile_table_or_needs_time()
    {
        string[] missing =
        [
            .. Enum.GetValues<EdgeFault>()
                .Except([EdgeFault.MessageLate, EdgeFault.CallerGaveUp, EdgeFault.Draining, EdgeFault.Bug])
                .Select(EdgeFaults.ReasonOf)
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

    private static string SnakeCase(Code code) => string.Concat(
        code.ToString().Select((letter, at) => at > 0 && char.IsUpper(letter) ? $"_{letter}" : $"{letter}"))
        .ToUpperInvariant();
}
