using System.Security.Cryptography;
using System.Text;

namespace AgentBudget.Gateway.Mcp;

/// <summary>
/// A server's session is its caller's alone: what the caller gets as its id is bound to the budget's session that began
/// it. Nothing is kept; after a restart of the gateway an id is unknown, and clients begin anew.
/// </summary>
internal sealed class McpSessionIds
{
    private const int MacChars = 32;

    private readonly byte[] _key = RandomNumberGenerator.GetBytes(32);

    public string Bind(string id, string server, string session) => $"{MacOf(id, server, session)}.{id}";

    /// <summary>The server's own id; null for one that is not this session's.</summary>
    public string? Unbind(string bound, string server, string session)
    {
        if (bound.Length <= MacChars + 1 || bound[MacChars] != '.') return null;
        string id = bound[(MacChars + 1)..];
        bool isOwn = CryptographicOperations.FixedTimeEquals(
            Encoding.ASCII.GetBytes(bound[..MacChars]), Encoding.ASCII.GetBytes(MacOf(id, server, session)));
        return isOwn ? id : null;
    }

    private string MacOf(string id, string server, string session) => Convert.ToHexStringLower(
        HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes($"{server}\n{session}\n{id}")))[..MacChars];
}
