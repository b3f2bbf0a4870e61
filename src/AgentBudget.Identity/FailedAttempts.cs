namespace AgentBudget.Identity;

/// <summary>
/// Failed attempts by the key id that was shown, whether there is such a credential or not: after a few within a minute
/// each further one waits. The right secret never waits, so nobody locks a credential's holder out. Safe for any
/// thread.
/// </summary>
/// <param name="time">The clock.</param>
public sealed class FailedAttempts(TimeProvider time)
{
    /// <summary>Failed attempts of one key id within a minute that do not wait: a person with a list of secrets.
    /// </summary>
    internal const int FreeAttempts = 10;

    /// <summary>Key ids that are told apart within a minute: about 10 MB.</summary>
    internal const int KeyIdsMax = 100_000;

    /// <summary>What each further one waits.</summary>
    internal static readonly TimeSpan Wait = TimeSpan.FromSeconds(1);

    private const long SecondsPerMinute = 60;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, int> _attempts = new(StringComparer.Ordinal);
    private long _minute;

    /// <summary>Counts a failed attempt and completes when it may be answered.</summary>
    /// <param name="shown">What was shown: a secret or a key id; a text that is none does not wait.</param>
    /// <param name="cancellation">Whoever waits has left.</param>
    public Task SlowAsync(ReadOnlySpan<char> shown, CancellationToken cancellation) =>
        IsToWait(shown)
            ? Task.Delay(Wait, time, cancellation)
            : Task.CompletedTask;

    /// <summary>Counts a failed attempt, and says whether it waits.</summary>
    internal bool IsToWait(ReadOnlySpan<char> shown)
    {
        string? keyId = CredentialSecret.TryParse(shown, out PresentedSecret parsed)
            ? $"{parsed.Tenant}.c{parsed.Number}"
            : CredentialSecret.TryParseKeyId(shown, out _, out _) ? shown.ToString() : null;
        if (keyId is null)
            return false;
        long minute = time.GetUtcNow().ToUnixTimeSeconds() / SecondsPerMinute;
        lock (_gate)
        {
            if (_minute != minute)
            {
                _minute = minute;
                _attempts.Clear();
            }

            int attempts = _attempts.GetValueOrDefault(keyId) + 1;
            if (attempts > 1 || _attempts.Count < KeyIdsMax)
                _attempts[keyId] = attempts;
            return attempts > FreeAttempts;
        }
    }
}
