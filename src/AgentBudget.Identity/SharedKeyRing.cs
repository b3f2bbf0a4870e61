using System.Text.Json;
using AgentBudget.Storage;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Identity;

/// <summary>
/// Keeps a cluster's signing keys in its store, one document that is replaced whole, and brings every change of it to
/// the ring of this silo. A new key is known everywhere before it signs anywhere. Safe for any thread.
/// </summary>
public sealed partial class SharedKeyRing : IAsyncDisposable
{
    internal const string Place = "The store of the cluster";

    private const string Name = "signing";

    /// <summary>How long a key that counts no more is remembered, so that a request that is repeated ends none but it.
    /// </summary>
    private const long RememberedSeconds = 24 * 3600;

    /// <summary>What a silo that could not be told learns by itself.</summary>
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(5);

    private readonly SemaphoreSlim _changing = new(1, 1);
    private readonly CancellationTokenSource _stopping = new();
    private readonly SharedKeys _keys;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private Task _looking = Task.CompletedTask;

    private SharedKeyRing(SharedKeys keys, TimeProvider time, ILogger logger, Document document, long version)
    {
        _keys = keys;
        _time = time;
        _logger = logger;
        Ring = new KeyRing(this, document, version);
    }

    /// <summary>The keys as they are known here.</summary>
    public KeyRing Ring { get; }

    /// <summary>Makes every other silo look, and completes when they have; nothing until somebody sets it.</summary>
    public Func<Task> TellOthersAsync { get; set; } = static () => Task.CompletedTask;

    /// <summary>Reads the keys, or makes the first one, and goes on looking for changes.</summary>
    /// <param name="keys">Where they are.</param>
    /// <param name="firstPath">
    /// The file of a key that signed before there was a cluster, which becomes its first one; one that is missing is
    /// made, and not written there.
    /// </param>
    /// <param name="time">The clock of looking.</param>
    /// <param name="logger">Logs.</param>
    /// <param name="cancellationToken">Gives up waiting for the store.</param>
    /// <exception cref="InvalidDataException">They were sealed with another key.</exception>
    public static async Task<SharedKeyRing> OpenAsync(
        SharedKeys keys, string firstPath, TimeProvider time, ILogger logger, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(keys);
        while (true)
        {
            if (await keys.ReadAsync(Name, cancellationToken) is { } found)
            {
                SharedKeyRing ring = new(keys, time, logger, Read(found.Text), found.Version);
                ring._looking = ring.LookAsync();
                return ring;
            }

            string pem = File.Exists(firstPath) ? File.ReadAllText(firstPath) : SigningKey.NewPem();
            using (SigningKey.Read(pem, firstPath))
            {
                // It is one.
            }

            Document first = new(pem, Next: null, []);
            await keys.TryWriteAsync(Name, version: 0, Write(first), cancellationToken);
        }
    }

    /// <summary>Looks now.</summary>
    public async Task RefreshAsync() => await ReadAsync();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _looking;
        Ring.Dispose();
        _changing.Dispose();
        _stopping.Dispose();
    }

    /// <summary>See <see cref="KeyRing.RotateAsync"/>.</summary>
    internal async Task<KeyRotation?> RotateAsync(string requestId, DateTimeOffset now, TimeSpan overlap)
    {
        await _changing.WaitAsync();
        try
        {
            while (true)
            {
                (long version, Document document) = await ReadAsync();
                if (RetiredKey.AnswerTo(document.Retired, requestId) is { } again)
                {
                    await TellOthersAsync();
                    return again;
                }

                long nowSeconds = now.ToUnixTimeSeconds();
                if (document.Retired.Count(key => key.RetireSeconds > nowSeconds) >= KeyRing.RetiredMax) return null;
                if (document.Next is null)
                {
                    // First everyone takes what it signs.
                    await TryReplaceAsync(version, document with { Next = SigningKey.NewPem() });
                    continue;
                }

                await TellOthersAsync();
                using SigningKey old = SigningKey.Read(document.Current, Place);
                using SigningKey next = SigningKey.Read(document.Next, Place);
                KeyRotation rotation = new(
                    requestId, next.KeyId, old.KeyId, (now + overlap).ToUnixTimeSeconds());
                RetiredKey retired = new(rotation, old.PublicJwk);
                Document rotated = new(document.Next, Next: null, [.. Remembered(document, nowSeconds), retired]);
                if (!await TryReplaceAsync(version, rotated)) continue;
                await TellOthersAsync();
                return rotation;
            }
        }
        finally
        {
            _changing.Release();
        }
    }

    /// <summary>See <see cref="KeyRing.EndAsync"/>.</summary>
    internal async Task<KeyRotation?> EndAsync(
        string requestId, string keyId, DateTimeOffset now, TimeSpan overlap)
    {
        await _changing.WaitAsync();
        try
        {
            while (true)
            {
                (long version, Document document) = await ReadAsync();
                if (RetiredKey.AnswerTo(document.Retired, requestId) is { } again)
                {
                    await TellOthersAsync();
                    return again;
                }

                long nowSeconds = now.ToUnixTimeSeconds();
                List<RetiredKey> all = Remembered(document, nowSeconds);
                int place = all.FindIndex(
                    key => key.Rotation.RetiredKeyId == keyId && key.RetireSeconds > nowSeconds);
                if (place < 0) return null;
                long endSeconds = Math.Min(all[place].RetireSeconds, (now + overlap).ToUnixTimeSeconds());
                KeyRotation end = new(requestId, Ring.Current.KeyId, keyId, endSeconds);
                all[place] = all[place] with { EndedBy = end };
                if (!await TryReplaceAsync(version, document with { Retired = all })) continue;
                await TellOthersAsync();
                return end;
            }
        }
        finally
        {
            _changing.Release();
        }
    }

    private static List<RetiredKey> Remembered(Document document, long nowSeconds) =>
        [.. document.Retired.Where(key => key.RetireSeconds + RememberedSeconds > nowSeconds)];

    private static Document Read(string text)
    {
        try
        {
            return JsonSerializer.Deserialize<Document>(text) ?? throw new JsonException("it is empty");
        }
        catch (JsonException fault)
        {
            throw new InvalidDataException($"{Place} holds no signing keys: restore it from a backup.", fault);
        }
    }

    private static string Write(Document document) => JsonSerializer.Serialize(document);

    private async Task<(long Version, Document Document)> ReadAsync()
    {
        (long version, string text) = await _keys.ReadAsync(Name, CancellationToken.None)
            ?? throw new InvalidDataException($"{Place} has lost its signing keys: restore it from a backup.");
        Document document = Read(text);
        Ring.Adopt(document, version);
        return (version, document);
    }

    private async Task<bool> TryReplaceAsync(long version, Document document)
    {
        if (!await _keys.TryWriteAsync(Name, version, Write(document), CancellationToken.None)) return false;
        Ring.Adopt(document, version + 1);
        return true;
    }

    private async Task LookAsync()
    {
        using PeriodicTimer timer = new(LookInterval, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(_stopping.Token)) await TryReadAsync();
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
        }
    }

    private async Task TryReadAsync()
    {
        try
        {
            await ReadAsync();
        }
        catch (Exception fault) when (fault is StoreException or InvalidDataException)
        {
            Log.NotRead(_logger, fault);
        }
    }

    /// <summary>What the store has.</summary>
    /// <param name="Current">The key that signs, in PEM.</param>
    /// <param name="Next">One that is made known and will sign next; null for none.</param>
    /// <param name="Retired">Those that signed before.</param>
    internal sealed record Document(string Current, string? Next, List<RetiredKey> Retired);

    private static partial class Log
    {
        [LoggerMessage(71, LogLevel.Warning, "The signing keys of the cluster could not be read; tried again")]
        public static partial void NotRead(ILogger logger, Exception fault);
    }
}
