using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace AgentBudget.Client;

/// <summary>
/// What fits one message. The service takes 256 KiB and 1,000 elements of lists and maps, the items themselves
/// included; these bounds are below, so that what stands around the items fits too.
/// </summary>
internal static class ItemBounds
{
    internal const int MessageBytesMax = 192 * 1024;
    internal const int MessageElementsMax = 960;

    private const int DepthMax = 64; // Deeper reports are refused by the service anyway.

    /// <summary>Elements of lists and maps in an item, with itself.</summary>
    public static int ElementsOf(SpendItem item) => 1 + item.ItemCase switch
    {
        SpendItem.ItemOneofCase.Reserve => item.Reserve.Tags.Count + (item.Reserve.Estimate?.Items.Count ?? 0),
        SpendItem.ItemOneofCase.Commit => ElementsOf(item.Commit),
        SpendItem.ItemOneofCase.Amend => item.Amend.Estimate?.Items.Count ?? 0,
        SpendItem.ItemOneofCase.RecordCost => item.RecordCost.Tags.Count,
        SpendItem.ItemOneofCase.Release or SpendItem.ItemOneofCase.AuthorizeTool or SpendItem.ItemOneofCase.None => 0,
    };

    /// <summary>Why an item fits no message; null for one that does.</summary>
    public static CallFault? FaultOf(int bytes, int elements) =>
        bytes > MessageBytesMax
            ? CallFault.Local(
                StatusCode.InvalidArgument,
                $"The request has {bytes} bytes, and a spend at most {MessageBytesMax}: send a smaller one.")
            : elements > MessageElementsMax
                ? CallFault.Local(
                    StatusCode.InvalidArgument,
                    $"The request has {elements} elements of lists and maps, and a spend at most {MessageElementsMax}.")
                : null;

    private static int ElementsOf(CommitTokensRequest commit) =>
        (commit.Usage?.Items.Count ?? 0)
        + commit.Parts.Sum(part => 1 + (part.Usage?.Items.Count ?? 0))
        + (commit.ProviderUsage is { } report ? report.Items.Count + ElementsOf(StructOf(report), DepthMax) : 0);

    private static Struct? StructOf(ProviderUsage report) => report.ProviderCase switch
    {
        ProviderUsage.ProviderOneofCase.OpenAi => report.OpenAi,
        ProviderUsage.ProviderOneofCase.OpenAiResponses => report.OpenAiResponses,
        ProviderUsage.ProviderOneofCase.Anthropic => report.Anthropic,
        ProviderUsage.ProviderOneofCase.Gemini => report.Gemini,
        ProviderUsage.ProviderOneofCase.Bedrock => report.Bedrock,
        ProviderUsage.ProviderOneofCase.BedrockInvoke => report.BedrockInvoke,
        ProviderUsage.ProviderOneofCase.Compatible => report.Compatible,
        ProviderUsage.ProviderOneofCase.None => null,
    };

    private static int ElementsOf(Struct? members, int depth) =>
        members is null ? 0 : members.Fields.Values.Sum(value => 1 + ElementsOf(value, depth - 1));

    private static int ElementsOf(Value value, int depth)
    {
        if (depth <= 0) return MessageElementsMax;
        return value.KindCase switch
        {
            Value.KindOneofCase.StructValue => ElementsOf(value.StructValue, depth),
            Value.KindOneofCase.ListValue =>
                value.ListValue.Values.Sum(element => 1 + ElementsOf(element, depth - 1)),
            Value.KindOneofCase.None or Value.KindOneofCase.NullValue or Value.KindOneofCase.NumberValue
                or Value.KindOneofCase.StringValue or Value.KindOneofCase.BoolValue => 0,
        };
    }
}
