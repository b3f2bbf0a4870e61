using System.Globalization;
using System.Runtime.InteropServices;
using AgentBudget.Storage;

namespace AgentBudget.Identity;

/// <summary>
/// What was used of one kind in one tenant, in a whole cluster, at its owner. The cluster's store has a time that
/// everything used was issued at or before, and a version that each owner raises: who becomes the owner refuses what
/// was issued up to that time, and the former one can tell no later time, so it takes nothing that its successor
/// would. No two owners ever take the same id, whatever their clocks and the directory of grains say. Safe for any
/// thread.
/// </summary>
/// <param name="keys">Where the time is.</param>
/// <param name="kind">What it remembers.</param>
/// <param name="tenant">Whose.</param>
/// <param name="time">The clock; it says only when memory is given back.</param>
public sealed class SharedReplayMemory(SharedKeys keys, ReplayKind kind, string tenant, TimeProvider time) : IDisposable
{
    private const string Prefix = "used.";
    private const string StartName = Prefix + "start";

    private readonly SemaphoreSlim _change = new(1, 1); // One change of the store at a time.
    private readonly Lock _gate = new();
    private UsedIds? _used; // Null for one who is no owner, or does not know.
    private long _version;

    /// <summary>Another owner has come. Nothing is taken here any more.</summary>
    public bool IsFenced { get; private set; }

    private string Name => $"{Prefix}{kind.Name}/{tenant}";

    /// <summary>
    /// Notes the time at which the silos of a cluster began to remember together, once for all of them: what was used
    /// before then, by whatever remembered it, is refused.
    /// </summary>
    /// <exception cref="StoreException">The store cannot be reached.</exception>
    public static Task BeginAsync(SharedKeys keys, TimeProvider time, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(keys);
        ArgumentNullException.ThrowIfNull(time);
        return StartAsync(keys, time, cancellationToken);
    }

    /// <summary>Uses an id, if it is new and there is room for it.</summary>
    /// <param name="principal">Whose it is.</param>
    /// <param name="idHash">The id's SHA-256.</param>
    /// <param name="issuedSeconds">When it was issued, as it says itself.</param>
    /// <param name="cancellationToken">Gives up waiting for the store.</param>
    /// <exception cref="StoreException">The store cannot be reached; nothing is known of the id.</exception>
    public async ValueTask<ProofOutcome> TryUseAsync(
        string principal, ReadOnlyMemory<byte> idHash, long issuedSeconds, CancellationToken cancellationToken)
    {
        ProofOwner owner = new(tenant, principal);
        TokenHash id = MemoryMarshal.Read<TokenHash>(idHash.Span);
        if (TryUse(owner, id, issuedSeconds) is { } known)
            return known;
        await _change.WaitAsync(cancellationToken);
        try
        {
            if (_used is null)
                await AcquireAsync(cancellationToken);
            if (TryUse(owner, id, issuedSeconds) is { } now)
                return now;
            await TellAsync(UsedIds.AheadOf(issuedSeconds), cancellationToken);
            return TryUse(owner, id, issuedSeconds) ?? ProofOutcome.Unknown;
        }
        finally
        {
            _change.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _change.Dispose();

    // Null while the store has to be asked first.
    private ProofOutcome? TryUse(ProofOwner owner, TokenHash id, long issuedSeconds)
    {
        lock (_gate)
        {
            if (IsFenced)
                return ProofOutcome.Unknown;
            if (_used is null)
                return null;
            ProofOutcome outcome = _used.Look(owner, id, issuedSeconds, time.GetUtcNow().ToUnixTimeSeconds());
            if (outcome != ProofOutcome.Taken)
                return outcome;
            if (!_used.IsTold(issuedSeconds))
                return null;
            _used.Use(owner, id, issuedSeconds);
            return ProofOutcome.Taken;
        }
    }

    private async Task AcquireAsync(CancellationToken cancellationToken)
    {
        (long Version, string Text)? found = await keys.ReadAsync(Name, cancellationToken);
        string text = found?.Text ?? await StartAsync(keys, time, cancellationToken);
        if (!await TryWriteAsync(found?.Version ?? 0, text, cancellationToken))
            return;
        lock (_gate)
            _used = new UsedIds(kind.WindowSeconds, long.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture));
    }

    private async Task TellAsync(long seconds, CancellationToken cancellationToken)
    {
        bool isWritten = false;
        try
        {
            isWritten = await TryWriteAsync(_version, TextOf(seconds), cancellationToken);
        }
        finally
        {
            lock (_gate)
            {
                if (isWritten)
                    _used!.Tell(seconds);
                else
                    _used = null; // A write of which nothing is known may be there, with the next version.
            }
        }
    }

    private async Task<bool> TryWriteAsync(long version, string text, CancellationToken cancellationToken)
    {
        bool isWritten = await keys.TryWriteAsync(Name, version, text, cancellationToken);
        lock (_gate)
        {
            if (isWritten)
                _version = version + 1;
            else
                IsFenced = true;
        }

        return isWritten;
    }

    private static Task<string> StartAsync(SharedKeys keys, TimeProvider time, CancellationToken cancellationToken) =>
        keys.ReadOrAddAsync(
            StartName,
            () => TextOf(time.GetUtcNow().ToUnixTimeSeconds() + SessionTokens.ClockSkewSeconds),
            cancellationToken);

    private static string TextOf(long seconds) => seconds.ToString(CultureInfo.InvariantCulture);
}
