using System.Buffers.Text;

namespace AgentBudget.Rpc.Wire;

/// <summary>Header values of names that end in <c>-bin</c>: base64, sent without padding, read with or without.
/// </summary>
internal static class BinaryMetadata
{
    internal static string Encode(ReadOnlySpan<byte> value) => Convert.ToBase64String(value).TrimEnd('=');

    /// <summary>Decodes the first of the values that one header may join by commas.</summary>
    internal static bool TryDecodeFirst(string text, out byte[] value)
    {
        int comma = text.IndexOf(',', StringComparison.Ordinal);
        string first = (comma < 0 ? text : text[..comma]).Trim().TrimEnd('=');
        string padded = first.PadRight((first.Length + 3) / 4 * 4, '=');
        value = new byte[Base64.GetMaxDecodedFromUtf8Length(padded.Length)];
        bool isValid = Convert.TryFromBase64String(padded, value, out int length);
        value = isValid ? value[..length] : [];
        return isValid;
    }
}
