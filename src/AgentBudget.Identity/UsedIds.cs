namespace AgentBudget.Identity;

/// <summary>
/// Ids that were used, in memory: two generations by time. Whatever is no longer remembered is refused by the time
/// that it was issued at, so no clock is trusted to keep an id from being used twice; the clock says only when memory
/// is given back. Each principal and each tenant has a share; the one that uses more meets its own bound, and nobody
/// else's id is refused for it. Not safe for several threads.
/// </summary>
/// <param name="windowSeconds">See <see cref="ReplayKind.WindowSeconds"/>.</param>
/// <param name="forgottenSeconds">Everything that was used before was issued at this time or earlier.</param>
internal sealed class UsedIds(long windowSeconds, long forgottenSeconds)
{
    /// <summary>Ids of one principal in one generation: about 5 MB, and 700 proven calls a second.</summary>
    internal const int PrincipalEntriesMax = 100_000;

    /// <summary>Ids of one tenant in one generation: three principals at their bound.</summary>
    internal const int TenantEntriesMax = 300_000;

    /// <summary>
    /// How far ahead of what is used the time is told to whoever remembers next, in seconds: so often it is told at
    /// most while ids come, and for so long after a start ids are refused at most that a caller with a right clock
    /// makes.
    /// </summary>
    private const long LeadSeconds = 2;

    private Generation _young = new();
    private Generation _old = new();
    private long _forgottenSeconds = forgottenSeconds;
    private long _toldSeconds = forgottenSeconds;
    private long _turnSeconds;

    /// <summary>What a use of an id would come to. Changes nothing.</summary>
    internal ProofOutcome Look(ProofOwner owner, TokenHash id, long issuedSeconds, long nowSeconds)
    {
        TurnOver(nowSeconds);
        if (issuedSeconds <= _forgottenSeconds || _old.Used.Contains(id) || _young.Used.Contains(id))
            return ProofOutcome.Refused;
        return _young.HasRoom(owner) ? ProofOutcome.Taken : ProofOutcome.Exhausted;
    }

    /// <summary>
    /// Whether an id that is used now would be refused by whoever remembers next. If not, the time of
    /// <see cref="AheadOf"/> has to be told before the id is used.
    /// </summary>
    internal bool IsTold(long issuedSeconds) => issuedSeconds <= _toldSeconds;

    /// <summary>The time to tell for an id.</summary>
    internal static long AheadOf(long issuedSeconds) => issuedSeconds + LeadSeconds;

    /// <summary>Whoever remembers next refuses what was issued up to a time.</summary>
    internal void Tell(long seconds) => _toldSeconds = seconds;

    /// <summary>Uses an id that <see cref="Look"/> would take.</summary>
    internal void Use(ProofOwner owner, TokenHash id, long issuedSeconds) => _young.Add(owner, id, issuedSeconds);

    private void TurnOver(long nowSeconds)
    {
        if (nowSeconds - _turnSeconds < windowSeconds)
            return;
        Forget(_old);
        _old = _young;
        _young = new Generation();
        if (nowSeconds - _turnSeconds >= 2 * windowSeconds)
        {
            Forget(_old);
            _old = new Generation();
        }

        _turnSeconds = nowSeconds;
    }

    private void Forget(Generation generation) =>
        _forgottenSeconds = Math.Max(_forgottenSeconds, generation.LastIssuedSeconds);

    private sealed class Generation
    {
        private readonly Dictionary<ProofOwner, int> _ofPrincipal = [];
        private readonly Dictionary<string, int> _ofTenant = new(StringComparer.Ordinal);

        internal HashSet<TokenHash> Used { get; } = [];

        internal long LastIssuedSeconds { get; private set; }

        internal bool HasRoom(ProofOwner owner) =>
            _ofPrincipal.GetValueOrDefault(owner) < PrincipalEntriesMax
            && _ofTenant.GetValueOrDefault(owner.Tenant) < TenantEntriesMax;

        internal void Add(ProofOwner owner, TokenHash id, long issuedSeconds)
        {
            Used.Add(id);
            LastIssuedSeconds = Math.Max(LastIssuedSeconds, issuedSeconds);
            _ofPrincipal[owner] = _ofPrincipal.GetValueOrDefault(owner) + 1;
            _ofTenant[owner.Tenant] = _ofTenant.GetValueOrDefault(owner.Tenant) + 1;
        }
    }
}
