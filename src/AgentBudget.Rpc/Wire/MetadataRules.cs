using System.Buffers;

namespace AgentBudget.Rpc.Wire;

/// <summary>What a handler or a client may send as metadata of its own.</summary>
internal static class MetadataRules
{
    private static readonly SearchValues<char> NameChars =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-_.");

    /// <exception cref="ArgumentException">The name belongs to the protocol or is malformed, or the value is not
    /// printable ASCII.</exception>
    internal static void Check(string name, string value)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(value);
        if (name.AsSpan().ContainsAnyExcept(NameChars))
            throw new ArgumentException($"The metadata name '{name}' is not lower-case ASCII.", nameof(name));
        if (name.StartsWith("grpc-", StringComparison.Ordinal) || name.StartsWith("connect-", StringComparison.Ordinal)
            || name is "content-type" or "content-length" or "content-encoding" or "transfer-encoding" or "te"
                or "trailer" or "connection" or "host" or "date")
        {
            throw new ArgumentException($"The metadata name '{name}' belongs to the protocol.", nameof(name));
        }

        if (value.AsSpan().ContainsAnyExceptInRange(' ', '~'))
            throw new ArgumentException($"The metadata value of '{name}' is not printable ASCII.", nameof(value));
    }
}
