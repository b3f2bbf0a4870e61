namespace AgentBudget.Silo.Options;

/// <summary>What the user wrote, or nothing: on the command line, in the environment, in the file.</summary>
internal sealed record SiloOptions
{
    public string? Data { get; init; }

    public string? Http { get; init; }

    public string? Grpc { get; init; }

    public string? Catalog { get; init; }

    public string? Store { get; init; }

    public string? Demo { get; init; }

    public string? Tls { get; init; }

    public string? TlsCertificate { get; init; }

    public string? TlsKey { get; init; }

    public string? TlsClients { get; init; }

    public string? TlsClientCa { get; init; }

    public string? Origins { get; init; }

    public string? Issuer { get; init; }

    public string? TrustedIssuers { get; init; }

    public string? CheckpointKey { get; init; }

    public string? Checkpoints { get; init; }

    /// <summary>These options, with those of <paramref name="below"/> where nothing was written.</summary>
    public SiloOptions Over(SiloOptions below) => new()
    {
        Data = Data ?? below.Data,
        Http = Http ?? below.Http,
        Grpc = Grpc ?? below.Grpc,
        Catalog = Catalog ?? below.Catalog,
        Store = Store ?? below.Store,
        Demo = Demo ?? below.Demo,
        Tls = Tls ?? below.Tls,
        TlsCertificate = TlsCertificate ?? below.TlsCertificate,
        TlsKey = TlsKey ?? below.TlsKey,
        TlsClients = TlsClients ?? below.TlsClients,
        TlsClientCa = TlsClientCa ?? below.TlsClientCa,
        Origins = Origins ?? below.Origins,
        Issuer = Issuer ?? below.Issuer,
        TrustedIssuers = TrustedIssuers ?? below.TrustedIssuers,
        CheckpointKey = CheckpointKey ?? below.CheckpointKey,
        Checkpoints = Checkpoints ?? below.Checkpoints,
    };
}

/// <summary>An option is wrong; the message is a sentence that says which and what would be right.</summary>
internal sealed class OptionsException(string message) : Exception(message);
