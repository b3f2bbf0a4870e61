using System.Text;

namespace AgentBudget.Identity;

/// <summary>
/// Ids that were used within the time in which they count, so that none is used twice. Two generations by time; full,
/// it takes none: what cannot be remembered cannot be told from a replay. Safe for any thread.
/// </summary>
internal sealed class ReplayCache(long windowSeconds)
{
    /// <summary>Ids of one generation: about 10 MB, and far above what clients ask for tokens.</summary>
    internal const int EntriesMax = 100_000;

    private readonly Lock _gate = new();
    private HashSet<TokenHash> _young = [];
    private HashSet<TokenHash> _old = [];
    private long _turnSeconds;

    /// <summary>Remembers an id; false when it was there, or there is no room.</summary>
    internal bool TryUse(string id, long nowSeconds)
    {
        TokenHash hash = TokenHash.Of(Encoding.UTF8.GetBytes(id));
        lock (_gate)
        {
            if (nowSeconds - _turnSeconds >= windowSeconds)
            {
                _old = nowSeconds - _turnSeconds >= 2 * windowSeconds ? [] : _young;
                _young = [];
                _turnSeconds = nowSeconds;
            }

            return _young.Count < EntriesMax && !_old.Contains(hash) && _young.Add(hash);
        }
    }
}
