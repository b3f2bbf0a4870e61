using System.Text;
using Microsoft.Extensions.AI;

namespace AgentBudget.Client;

/// <summary>What a chat weighs in bytes, for estimates.</summary>
internal static class ChatSize
{
    private const int BytesPerMessage = 24; // Roles and separators.
    private const int BytesPerOther = 256; // A reference to a file, or what is not known here.

    public static long InputBytes(IReadOnlyList<ChatMessage> messages, ChatOptions? options)
    {
        long bytes = BytesOf(options?.Instructions);
        foreach (ChatMessage message in messages) bytes += BytesPerMessage + message.Contents.Sum(BytesOf);
        foreach (AITool tool in options?.Tools ?? []) bytes += BytesOf(tool);
        return bytes;
    }

    public static long BytesOf(AIContent content) => content switch
    {
        TextContent text => BytesOf(text.Text),
        TextReasoningContent reasoning => BytesOf(reasoning.Text),
        DataContent data => data.Data.Length,
        FunctionCallContent call => BytesOf(call.Name)
            + (call.Arguments?.Sum(argument => BytesOf(argument.Key) + BytesOf(argument.Value?.ToString())) ?? 0),
        FunctionResultContent result => BytesOf(result.Result?.ToString()),
        UsageContent => 0,
        _ => BytesPerOther,
    };

    private static long BytesOf(AITool tool) => BytesOf(tool.Name) + BytesOf(tool.Description)
        + (tool is AIFunctionDeclaration function ? BytesOf(function.JsonSchema.GetRawText()) : BytesPerOther);

    private static long BytesOf(string? text) => text is null ? 0 : Encoding.UTF8.GetByteCount(text);
}
