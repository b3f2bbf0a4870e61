using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AgentBudget.Client;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Dashboard.SigningIn;

/// <summary>
/// Who is signed in. A browser holds a random token in its cookie and nothing else; a credential is in memory here,
/// and on the disk sealed with a key that is made of that token, so that a restart signs nobody out and the file alone
/// tells nothing.
/// </summary>
internal sealed partial class SessionStore : IAsyncDisposable
{
    /// <summary>A working day, after which one signs in again.</summary>
    internal static readonly TimeSpan Life = TimeSpan.FromHours(12);

    private const int SessionsMax = 256; // The oldest ends for one more.
    private const int TokenBytes = 32;
    private const int NonceBytes = 12;
    private const int TagBytes = 16;
    private static readonly byte[] SealPurpose = "agentbudget dashboard sign-in 1"u8.ToArray();

    private readonly DashboardModel _model;
    private readonly TimeProvider _time;
    private readonly ILogger<SessionStore> _logger;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Sealed> _kept = [];
    private readonly Dictionary<string, SignedIn> _live = [];

    public SessionStore(DashboardModel model, TimeProvider time, ILogger<SessionStore> logger)
    {
        _model = model;
        _time = time;
        _logger = logger;
        foreach (Sealed kept in Load()) _kept[kept.Id] = kept;
    }

    // As it is on the disk.
    private sealed record Sealed(string Id, byte[] Content, long EndSeconds);

    private sealed record Content(string Credential, string? Tenant);

    /// <summary>Signs in. Answers the token for the cookie, which is kept nowhere here.</summary>
    internal string Add(string credential, string? tenant)
    {
        byte[] token = RandomNumberGenerator.GetBytes(TokenBytes);
        long end = (_time.GetUtcNow() + Life).ToUnixTimeSeconds();
        Sealed kept = new(IdOf(token), Seal(token, new Content(credential, tenant)), end);
        List<SignedIn> ended = [];
        lock (_lock)
        {
            while (_kept.Count >= SessionsMax) Forget(_kept.Values.MinBy(old => old.EndSeconds)!.Id, ended);
            _kept[kept.Id] = kept;
            Save();
        }

        End(ended);
        return Base64Url.EncodeToString(token);
    }

    /// <summary>Who a cookie's token signs in, or null.</summary>
    internal SignedIn? Find(string cookie)
    {
        if (!Base64Url.IsValid(cookie, out int length) || length != TokenBytes) return null;
        byte[] token = Base64Url.DecodeFromChars(cookie);
        string id = IdOf(token);
        List<SignedIn> ended = [];
        try
        {
            lock (_lock)
            {
                if (!_kept.TryGetValue(id, out Sealed? kept)) return null;
                if (kept.EndSeconds <= _time.GetUtcNow().ToUnixTimeSeconds())
                {
                    Forget(id, ended);
                    Save();
                    return null;
                }

                if (_live.TryGetValue(id, out SignedIn? live)) return live;
                return Open(token, kept) is { } content ? _live[id] = Make(kept, content) : null;
            }
        }
        finally
        {
            End(ended);
        }
    }

    /// <summary>Who has a name and is signed in now, or null.</summary>
    internal SignedIn? FindLive(string id)
    {
        lock (_lock) return _live.GetValueOrDefault(id);
    }

    /// <summary>Signs out, on every page.</summary>
    internal void Remove(string id)
    {
        List<SignedIn> ended = [];
        lock (_lock)
        {
            Forget(id, ended);
            Save();
        }

        foreach (SignedIn one in ended) one.IsSignedOut = true;
        End(ended);
    }

    /// <summary>A client that calls with a credential.</summary>
    internal AgentBudgetClient ClientOf(string credential, string? tenant) => new(new AgentBudgetClientOptions
    {
        Address = _model.Api(),
        Credential = credential,
        Tenant = tenant,
        AllowCleartext = true, // The silo that serves this page, by itself.
        ConfigureConnections = handler => handler.UseProxy = false,
    });

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        SignedIn[] live;
        lock (_lock)
        {
            live = [.. _live.Values];
            _live.Clear();
        }

        foreach (SignedIn one in live) await one.DisposeAsync();
    }

    private SignedIn Make(Sealed kept, Content content)
    {
        ViewerRole role = ViewerRights.RoleOf(content.Credential) ?? ViewerRole.Agent;
        return new SignedIn(
            kept.Id, content.Credential, content.Tenant, role, DateTimeOffset.FromUnixTimeSeconds(kept.EndSeconds))
        {
            Client = ClientOf(content.Credential, content.Tenant),
        };
    }

    private void Forget(string id, List<SignedIn> ended)
    {
        _kept.Remove(id);
        if (_live.Remove(id, out SignedIn? live)) ended.Add(live);
    }

    private static void End(List<SignedIn> ended)
    {
        foreach (SignedIn one in ended) _ = one.DisposeAsync().AsTask();
    }

    private static string IdOf(byte[] token) => Convert.ToHexStringLower(SHA256.HashData(token));

    private static byte[] KeyOf(byte[] token) =>
        HKDF.DeriveKey(HashAlgorithmName.SHA256, token, outputLength: 32, info: SealPurpose);

    private static byte[] Seal(byte[] token, Content content)
    {
        byte[] plain = JsonSerializer.SerializeToUtf8Bytes(content);
        byte[] whole = new byte[NonceBytes + TagBytes + plain.Length];
        Span<byte> nonce = whole.AsSpan(0, NonceBytes);
        RandomNumberGenerator.Fill(nonce);
        using AesGcm cipher = new(KeyOf(token), TagBytes);
        cipher.Encrypt(
            nonce, plain, whole.AsSpan(NonceBytes + TagBytes), whole.AsSpan(NonceBytes, TagBytes));
        return whole;
    }

    private static Content? Open(byte[] token, Sealed kept)
    {
        ReadOnlySpan<byte> whole = kept.Content;
        if (whole.Length < NonceBytes + TagBytes) return null;
        byte[] plain = new byte[whole.Length - NonceBytes - TagBytes];
        using AesGcm cipher = new(KeyOf(token), TagBytes);
        try
        {
            cipher.Decrypt(
                whole[..NonceBytes], whole[(NonceBytes + TagBytes)..], whole.Slice(NonceBytes, TagBytes), plain);
            return JsonSerializer.Deserialize<Content>(plain);
        }
        catch (Exception fault) when (fault is CryptographicException or JsonException)
        {
            return null; // Another file was put in its place.
        }
    }

    private List<Sealed> Load()
    {
        try
        {
            return File.Exists(_model.SessionsFile)
                ? JsonSerializer.Deserialize<List<Sealed>>(File.ReadAllText(_model.SessionsFile)) ?? []
                : [];
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or JsonException)
        {
            Log.SessionsLost(_logger, fault, _model.SessionsFile);
            return [];
        }
    }

    // Who cannot be remembered on the disk is signed in all the same, until the next start.
    private void Save()
    {
        long now = _time.GetUtcNow().ToUnixTimeSeconds();
        string content = JsonSerializer.Serialize(_kept.Values.Where(kept => kept.EndSeconds > now));
        try
        {
            string unfinished = _model.SessionsFile + ".new";
            File.Delete(unfinished);
            FileStreamOptions options = new() { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            using (FileStream file = new(unfinished, options)) file.Write(Encoding.UTF8.GetBytes(content));
            File.Move(unfinished, _model.SessionsFile, overwrite: true);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            Log.SessionsUnkept(_logger, fault, _model.SessionsFile);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(91, LogLevel.Warning, "{File} cannot be read: everybody signs in to the dashboard again")]
        internal static partial void SessionsLost(ILogger logger, Exception fault, string file);

        [LoggerMessage(92, LogLevel.Warning, "{File} cannot be written: the next start signs everybody out")]
        internal static partial void SessionsUnkept(ILogger logger, Exception fault, string file);
    }
}
