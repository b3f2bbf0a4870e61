using System.Security.Cryptography;

namespace AgentBudget.Identity;

/// <summary>
/// SHA-256 of what comes with every call. Each thread keeps its own hash: setting one up anew costs as much as hashing
/// a token does.
/// </summary>
internal static class Sha256
{
    [ThreadStatic]
    private static IncrementalHash? _ofThread;

    internal static void Hash(ReadOnlySpan<byte> data, Span<byte> hash)
    {
        IncrementalHash sha = _ofThread ??= IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        sha.AppendData(data);
        sha.GetHashAndReset(hash);
    }
}
