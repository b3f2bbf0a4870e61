using System.Globalization;
using System.Text;

namespace AgentBudget.Identity;

/// <summary>
/// The memory of one silo by itself. What a process that ended has used is told by its file, which names a time that
/// everything used was issued at or before: nothing that old is taken after a start.
/// </summary>
public sealed class ReplayMemory : IReplayMemory
{
    private readonly Lock _gate = new();
    private readonly UsedIds _used;
    private readonly string? _path;

    private ReplayMemory(UsedIds used, string? path)
    {
        _used = used;
        _path = path;
    }

    /// <summary>Opens the memory of one kind.</summary>
    /// <param name="kind">What it remembers.</param>
    /// <param name="path">The file; null to forget with the process.</param>
    /// <exception cref="InvalidDataException">The file holds something else.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static ReplayMemory Open(ReplayKind kind, string? path)
    {
        ArgumentNullException.ThrowIfNull(kind);
        if (path is null || !File.Exists(path))
            return new ReplayMemory(new UsedIds(kind.WindowSeconds, forgottenSeconds: 0), path);
        bool isRead = long.TryParse(
            File.ReadAllText(path).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out long seconds);
        return isRead
            ? new ReplayMemory(new UsedIds(kind.WindowSeconds, seconds), path)
            : throw new InvalidDataException(
                $"{path} must hold a time in seconds: remove it once it is {kind.WindowSeconds} s old.");
    }

    /// <inheritdoc/>
    public ValueTask<ProofOutcome> TryUseAsync(ProofOwner owner, string id, long issuedSeconds, long nowSeconds) =>
        new(TryUse(owner, id, issuedSeconds, nowSeconds));

    /// <summary>The same; it never waits.</summary>
    internal ProofOutcome TryUse(ProofOwner owner, string id, long issuedSeconds, long nowSeconds)
    {
        TokenHash hash = TokenHash.Of(Encoding.UTF8.GetBytes(id));
        lock (_gate)
        {
            ProofOutcome outcome = _used.Look(owner, hash, issuedSeconds, nowSeconds);
            if (outcome != ProofOutcome.Taken)
                return outcome;
            if (!TryTell(issuedSeconds))
                return ProofOutcome.Unknown;
            _used.Use(owner, hash, issuedSeconds);
            return ProofOutcome.Taken;
        }
    }

    // Before the use has an effect: a process that ends right after it must not take the same again.
    private bool TryTell(long issuedSeconds)
    {
        if (_path is null || _used.IsTold(issuedSeconds))
            return true;
        long ahead = UsedIds.AheadOf(issuedSeconds);
        try
        {
            SecretFile.Replace(_path, ahead.ToString(CultureInfo.InvariantCulture));
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return false; // What cannot be remembered cannot be told from what was used before.
        }

        _used.Tell(ahead);
        return true;
    }
}
