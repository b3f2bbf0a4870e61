using System.Text.Json;

namespace AgentBudget.Rpc.Wire;

/// <summary>
/// Counts items in the text of a message before it is parsed, without its schema: all elements of arrays, each of
/// which is an item, and the members of an object that has more of them than any message has fields, which can only be
/// a map. So it refuses no message that <see cref="ItemCount"/> would let pass; entries of many small maps are left to
/// that one.
/// </summary>
internal static class JsonItemCount
{
    // Deeper than the parser goes; what is deeper still it refuses.
    private const int DepthMax = 256;

    // No message has as many fields.
    private const int FieldsMax = 200;

    /// <summary>Whether there are more items than given. A malformed text is left to the parser.</summary>
    internal static bool IsAbove(int itemsMax, ReadOnlySpan<byte> text)
    {
        // An item takes a character at least, so most texts need no counting.
        if (text.Length <= itemsMax)
            return false;
        try
        {
            return CountsAbove(itemsMax, text);
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static bool CountsAbove(int itemsMax, ReadOnlySpan<byte> text)
    {
        Utf8JsonReader reader = new(text, new JsonReaderOptions { MaxDepth = DepthMax });
        Span<int> members = stackalloc int[DepthMax + 1]; // Of the object at each depth; below 0 for an array.
        const int Array = -1;
        members[0] = 0;
        int elements = 0;
        int membersMax = Math.Max(itemsMax, FieldsMax);
        while (reader.Read())
        {
            if (reader.TokenType is JsonTokenType.EndObject or JsonTokenType.EndArray)
                continue;
            int depth = reader.CurrentDepth;
            if (reader.TokenType == JsonTokenType.PropertyName)
            {
                if (++members[depth] > membersMax)
                    return true;
                continue;
            }

            if (members[depth] == Array && ++elements > itemsMax)
                return true;
            if (reader.TokenType is JsonTokenType.StartArray or JsonTokenType.StartObject)
                members[depth + 1] = reader.TokenType == JsonTokenType.StartArray ? Array : 0;
        }

        return false;
    }
}
