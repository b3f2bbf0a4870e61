using System.Buffers.Text;
using System.Security.Cryptography;

namespace AgentBudget.Dashboard.SigningIn;

/// <summary>Links that sign in once, printed where only the operator reads: each works once and not for long.</summary>
public sealed class SignInLinks
{
    /// <summary>How long a link works: long enough to build, start and click.</summary>
    public static readonly TimeSpan Life = TimeSpan.FromMinutes(15);

    private const int CodeBytes = 32;
    private const int LinksMax = 16;

    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private readonly Queue<(string Hash, DateTimeOffset End)> _links = [];

    internal SignInLinks(TimeProvider time) => _time = time;

    /// <summary>A new code; where there are many, the oldest ends.</summary>
    internal string New()
    {
        string code = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(CodeBytes));
        lock (_lock)
        {
            while (_links.Count >= LinksMax) _links.Dequeue();
            _links.Enqueue((HashOf(code), _time.GetUtcNow() + Life));
        }

        return code;
    }

    /// <summary>Whether a code is good; it is not from then on.</summary>
    internal bool TryUse(string code)
    {
        string hash = HashOf(code);
        lock (_lock)
        {
            bool isGood = _links.Any(link => link.Hash == hash && link.End > _time.GetUtcNow());
            (string Hash, DateTimeOffset End)[] others = [.. _links.Where(link => link.Hash != hash)];
            _links.Clear();
            foreach ((string Hash, DateTimeOffset End) link in others) _links.Enqueue(link);
            return isGood;
        }
    }

    // Compared by its hash, so that how long a comparison takes tells nothing of a code.
    private static string HashOf(string code) =>
        Convert.ToHexString(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(code)));
}
