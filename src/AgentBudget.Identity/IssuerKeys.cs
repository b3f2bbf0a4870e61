using System.Text;

namespace AgentBudget.Identity;

/// <summary>
/// The keys of an issuer, from a file or a URL. A file is read again when it has changed; a page is asked again once a
/// minute, and when a token names a key that is not among them. A key that is not there any more counts no longer.
/// Safe for any thread.
/// </summary>
/// <param name="jwks">The URL or the path.</param>
/// <param name="http">Asks for pages.</param>
/// <param name="time">The clock.</param>
internal sealed class IssuerKeys(string jwks, HttpClient http, TimeProvider time)
{
    private const int JwksBytesMax = 64 * 1024;

    private static readonly TimeSpan FetchMax = TimeSpan.FromSeconds(5);

    // A key that left its set because it leaked is taken for so long at most.
    private static readonly TimeSpan KeysAge = TimeSpan.FromMinutes(1);

    // A token with a key that nobody has must not make us ask its issuer at every try.
    private static readonly TimeSpan FetchAgain = TimeSpan.FromSeconds(30);

    // An issuer that is away may have ended a key meanwhile.
    private static readonly TimeSpan UnheardMax = TimeSpan.FromHours(1);

    private readonly Lock _gate = new();
    private readonly bool _isPage =
        Uri.TryCreate(jwks, UriKind.Absolute, out Uri? url) && url.Scheme is "http" or "https";

    private Task<Known>? _reading;
    private Known _known = new([], DateTimeOffset.MinValue, DateTimeOffset.MinValue, FileStamp: default);

    /// <summary>Asks for pages, and follows nobody elsewhere.</summary>
    internal static HttpClient NewClient() =>
        new(new SocketsHttpHandler { AllowAutoRedirect = false })
        {
            Timeout = FetchMax,
            MaxResponseContentBufferSize = JwksBytesMax,
        };

    /// <summary>The keys as they are now, for a token that names one of them; empty names none.</summary>
    internal async ValueTask<IReadOnlyList<PublicKey>> GetAsync(string keyId)
    {
        Task<Known> reading;
        lock (_gate)
        {
            if (IsFresh(keyId))
                return _known.All;
            reading = _reading ??= ReadAsync();
        }

        return (await reading).All;
    }

    private bool IsFresh(string keyId)
    {
        TimeSpan age = time.GetUtcNow() - _known.AskedAt;
        if (!_isPage)
            return _known.FileStamp != default && _known.FileStamp == StampOfFile();
        bool isThere = keyId.Length == 0 || _known.All.Any(key => key.KeyId == keyId);
        return age < FetchAgain || (isThere && age < KeysAge);
    }

    private (DateTime Written, long Bytes) StampOfFile()
    {
        FileInfo file = new(jwks);
        return file.Exists ? (file.LastWriteTimeUtc, file.Length) : default;
    }

    private async Task<Known> ReadAsync()
    {
        await Task.Yield(); // Not within the lock.
        DateTimeOffset now = time.GetUtcNow();
        (DateTime, long) stamp = _isPage ? default : StampOfFile();
        IReadOnlyList<PublicKey>? keys = await TryReadAsync();
        lock (_gate)
        {
            _reading = null;
            // What was known stays until its issuer answers, for a while; with nothing known, nothing passes.
            return _known = keys is not null ? new Known(keys, now, now, stamp)
                : now - _known.HeardAt < UnheardMax ? _known with { AskedAt = now }
                : _known with { All = [], AskedAt = now };
        }
    }

    private async Task<IReadOnlyList<PublicKey>?> TryReadAsync()
    {
        try
        {
            byte[] set = _isPage ? await http.GetByteArrayAsync(new Uri(jwks)) : await File.ReadAllBytesAsync(jwks);
            return set.Length <= JwksBytesMax ? PublicKey.ReadSet(Encoding.UTF8.GetString(set)) : null;
        }
        catch (Exception fault) when (fault is HttpRequestException or TaskCanceledException or IOException
            or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private sealed record Known(
        IReadOnlyList<PublicKey> All,
        DateTimeOffset AskedAt,
        DateTimeOffset HeardAt,
        (DateTime Written, long Bytes) FileStamp);
}
