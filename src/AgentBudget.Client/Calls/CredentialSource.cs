using Grpc.Core;

namespace AgentBudget.Client;

/// <summary>Where the credential comes from, and the headers that carry it.</summary>
internal sealed class CredentialSource
{
    private const string AuthorizationHeader = "authorization";
    private const string TenantHeader = "agentbudget-tenant";
    private const int FileBytesMax = 16 * 1024; // The service takes no larger header.

    private readonly Func<CancellationToken, ValueTask<string>>? _provider;
    private readonly string? _file;
    private readonly string? _tenant;
    private readonly Lock _gate = new();
    private string? _known;
    private int _version;

    public CredentialSource(AgentBudgetClientOptions options)
        : this(options.Credential, options.CredentialFile, options.CredentialProvider, options.Tenant)
    {
    }

    public CredentialSource(string credential, string? tenant)
        : this(credential, file: null, provider: null, tenant)
    {
    }

    private CredentialSource(
        string? credential, string? file, Func<CancellationToken, ValueTask<string>>? provider, string? tenant)
    {
        _known = credential;
        _file = file;
        _provider = provider;
        _tenant = tenant;
        OfCalls = CallCredentials.FromInterceptor(async (_, metadata) => await AddToAsync(metadata, default));
    }

    /// <summary>The credential as gRPC takes it: asked for with every call.</summary>
    public CallCredentials OfCalls { get; }

    /// <summary>Counts the credentials that there were: who was refused says with which one.</summary>
    public int Version
    {
        get
        {
            lock (_gate) return _version;
        }
    }

    public async ValueTask AddToAsync(Metadata metadata, CancellationToken cancellation)
    {
        string credential = await GetAsync(cancellation);
        metadata.Add(AuthorizationHeader, $"Bearer {credential}");
        if (_tenant is not null) metadata.Add(TenantHeader, _tenant);
    }

    /// <summary>Looks for another credential than the one that was refused; false where there is none.</summary>
    /// <param name="refused">The version before the call that was refused.</param>
    /// <param name="cancellation">Gives up.</param>
    public async ValueTask<bool> RefreshAsync(int refused, CancellationToken cancellation)
    {
        if (Version != refused) return true; // Somebody else, refused too, has found it.
        if (_file is not null) Note(await ReadAsync(_file, cancellation));
        else if (_provider is not null) await AskAsync(cancellation);
        return Version != refused;
    }

    private async ValueTask<string> GetAsync(CancellationToken cancellation)
    {
        if (_provider is not null) return await AskAsync(cancellation);
        lock (_gate)
        {
            if (_known is not null) return _known;
        }

        return Note(await ReadAsync(_file!, cancellation));
    }

    private async ValueTask<string> AskAsync(CancellationToken cancellation) =>
        Note(Checked(await _provider!(cancellation), "The credential provider's answer"));

    // The first one is no other one.
    private string Note(string credential)
    {
        lock (_gate)
        {
            if (_known is not null && _known != credential) _version++;
            return _known = credential;
        }
    }

    private static async Task<string> ReadAsync(string file, CancellationToken cancellation)
    {
        try
        {
            using FileStream stream = File.OpenRead(file);
            if (stream.Length > FileBytesMax)
                throw CallFault.Local(StatusCode.Unauthenticated, $"{file} is too long to be a credential.")
                    .ToException(requestId: "");
            using StreamReader reader = new(stream);
            return Checked((await reader.ReadToEndAsync(cancellation)).Trim(), file);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            CallFault unread = CallFault.Local(
                StatusCode.Unauthenticated, $"The credential file {file} cannot be read: {fault.Message}");
            throw (unread with { Cause = fault }).ToException(requestId: "");
        }
    }

    private static string Checked(string credential, string origin) =>
        AgentBudgetClientOptions.IsHeaderText(credential)
            ? credential
            : throw CallFault.Local(
                StatusCode.Unauthenticated,
                $"{origin} is no credential: it must be visible ASCII characters without spaces.")
                .ToException(requestId: "");
}
