namespace AgentBudget.Client;

/// <summary>
/// How a client reaches the service. Checked as a whole when the client is made, and at the start of the host when it
/// is registered with <see cref="AgentBudgetServiceCollectionExtensions.AddAgentBudgetClient"/>.
/// </summary>
public sealed class AgentBudgetClientOptions
{
    internal const int SpendStreamsMax = 64;
    internal const int PendingCallsLimit = 1_000_000;
    internal static readonly TimeSpan CallTimeoutMax = TimeSpan.FromHours(1);

    /// <summary>
    /// Where the service answers gRPC: scheme, host and port. Default <c>http://127.0.0.1:7071</c>, an embedded silo.
    /// </summary>
    public Uri Address { get; set; } = new("http://127.0.0.1:7071");

    /// <summary>
    /// What the client authenticates with: the secret of a credential, an access token, or a session's token. Give
    /// this, <see cref="CredentialFile"/> or <see cref="CredentialProvider"/>.
    /// </summary>
    public string? Credential { get; set; }

    /// <summary>
    /// A file that holds the credential and nothing else. It is read again when the service refuses what was read, so
    /// that a rotation needs no restart.
    /// </summary>
    public string? CredentialFile { get; set; }

    /// <summary>
    /// Answers the credential to use now, for tokens that live for minutes. Asked once for each attempt of a call and
    /// each opening of a stream, so it should answer from memory as a rule.
    /// </summary>
    public Func<CancellationToken, ValueTask<string>>? CredentialProvider { get; set; }

    /// <summary>The tenant that the operator's key acts on. Every other credential belongs to one tenant.</summary>
    public string? Tenant { get; set; }

    /// <summary>
    /// Allows cleartext HTTP to other machines, where everyone on the way reads the credential. Loopback always may.
    /// </summary>
    public bool AllowCleartext { get; set; }

    /// <summary>
    /// How long a call is tried, with all its retries, before it fails. 10 ms to 1 h, default 30 s. Calls look at their
    /// end every 100 ms.
    /// </summary>
    public TimeSpan CallTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>The pause before the first retry, which doubles with each further one. Default 25 ms.</summary>
    public TimeSpan RetryDelay { get; set; } = TimeSpan.FromMilliseconds(25);

    /// <summary>The longest pause before a retry. Default 2 s.</summary>
    public TimeSpan RetryDelayMax { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Streams that all spending calls share, 1 to 64. Default 2. Fewer streams make larger and so cheaper messages.
    /// </summary>
    public int SpendStreams { get; set; } = 2;

    /// <summary>
    /// Spending calls that may wait for their answers at a time, 1 to 1,000,000; one more fails at once. Default
    /// 100,000.
    /// </summary>
    public int PendingCallsMax { get; set; } = 100_000;

    /// <summary>
    /// Changes the handler of the connections: certificates to trust or to show, a proxy. The client disposes it.
    /// </summary>
    public Action<SocketsHttpHandler>? ConfigureConnections { get; set; }

    /// <summary>What is wrong with these options, a sentence each; empty for good ones.</summary>
    internal IReadOnlyList<string> Faults()
    {
        List<string> faults = [];
        if (!IsAddressUsable()) faults.Add("Address must be http:// or https:// with a host and no path.");
        else if (Address.Scheme == Uri.UriSchemeHttp && !Address.IsLoopback && !AllowCleartext)
            faults.Add("Address is cleartext to another machine: use https://, or set AllowCleartext.");
        int credentials = (Credential is null ? 0 : 1) + (CredentialFile is null ? 0 : 1)
            + (CredentialProvider is null ? 0 : 1);
        if (credentials != 1) faults.Add("Give exactly one of Credential, CredentialFile and CredentialProvider.");
        if (Credential is { } secret && !IsHeaderText(secret))
            faults.Add("Credential must be visible ASCII characters without spaces.");
        if (Tenant is { } tenant && !IsHeaderText(tenant))
            faults.Add("Tenant must be visible ASCII characters without spaces.");
        if (CallTimeout < TimeSpan.FromMilliseconds(10) || CallTimeout > CallTimeoutMax)
            faults.Add("CallTimeout must be 10 ms to 1 h.");
        if (RetryDelay < TimeSpan.FromMilliseconds(1) || RetryDelay > RetryDelayMax)
            faults.Add("RetryDelay must be at least 1 ms and at most RetryDelayMax.");
        if (RetryDelayMax > TimeSpan.FromMinutes(5)) faults.Add("RetryDelayMax must be at most 5 min.");
        if (SpendStreams is < 1 or > SpendStreamsMax) faults.Add($"SpendStreams must be 1 to {SpendStreamsMax}.");
        if (PendingCallsMax is < 1 or > PendingCallsLimit)
            faults.Add($"PendingCallsMax must be 1 to {PendingCallsLimit}.");
        return faults;
    }

    internal static bool IsHeaderText(string text) =>
        text.Length > 0 && text.All(letter => letter is > ' ' and < '\x7f');

    private bool IsAddressUsable() =>
        Address is { IsAbsoluteUri: true, PathAndQuery: "/", Host.Length: > 0 }
        && (Address.Scheme == Uri.UriSchemeHttp || Address.Scheme == Uri.UriSchemeHttps);
}
