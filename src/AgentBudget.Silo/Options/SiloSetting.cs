namespace AgentBudget.Silo.Options;

/// <summary>One thing that can be set: a key in a file and in the environment, an option on the command line.</summary>
/// <param name="Key">In a file; in the environment with the prefix, and <c>__</c> for each colon.</param>
/// <param name="Option">On the command line.</param>
/// <param name="HelpName">What its value is; null for a flag.</param>
/// <param name="Description">For the help, with the default.</param>
internal sealed record SiloSetting(string Key, string Option, string? HelpName, string Description)
{
    /// <summary>Every setting, in the order of the help.</summary>
    public static IReadOnlyList<SiloSetting> All { get; } =
    [
        new("data", "--data", "DIR", "Folder of ledger, reports and keys. [default: ./data]"),
        new("http", "--http", "HOST:PORT", "Where HTTP/1.1 is served in cleartext: JSON calls, OAuth, /healthz, "
            + $"/readyz, /metrics. [default: {ServeOptions.HttpDefault}]"),
        new("grpc", "--grpc", "HOST:PORT", "Where gRPC is served in cleartext. [default: 127.0.0.1:7071]"),
        .. TlsOptions.Settings.Select(tls => new SiloSetting(tls.Key, tls.Option, tls.HelpName, tls.Description)),
        new("origins", "--origins", "ORIGINS", "Origins whose pages may call from a browser, separated by commas. "
            + "[default: none]"),
        new("catalog", "--catalog", "FILE", "Catalog to apply before anything is served."),
        new("store", "--store", "STORE", "Where ledgers are kept: sqlite, for this silo alone; or postgres or azure, "
            + "for a cluster of silos. [default: sqlite]"),
        new("cluster:postgres", "--postgres", "CONNECTION", "Database of --store postgres, such as "
            + "Host=…;Database=…;Username=…. A password is better in the environment."),
        new("cluster:azure", "--azure", "CONNECTION", "Storage account of --store azure, as its connection string: "
            + "DefaultEndpointsProtocol=https;AccountName=…;AccountKey=…. It is better in the environment."),
        new("cluster:key", "--cluster-key", "FILE", "Key that seals what the silos share in the store, of 32 bytes "
            + "or more and the same for every silo."),
        new("cluster:address", "--silo-address", "HOST:PORT", "Where the other silos reach this one."),
        new("cluster:certificate", "--silo-certificate", "FILE", "Certificate in PEM that this silo shows the others; "
            + "needed unless --silo-address is a loopback address."),
        new("cluster:certificateKey", "--silo-certificate-key", "FILE", "Private key of that certificate in PEM."),
        new("cluster:ca", "--silo-ca", "FILE", "Authority in PEM that the silos' certificates must lead to."),
        new("cluster:directory", "--directory", "KIND", "Directory of grains: distributed or local. [default: "
            + "distributed]"),
        new("gateway:listen", "--gateway", "HOST:PORT", "Where model calls of unchanged SDKs are served and pass the "
            + "budget. Where they go from there is gateway:upstreams in the file; without any, a built-in demo model "
            + "answers. [default: nowhere]"),
        new("dashboard", "--dashboard", "WHERE", "Where the page for people is served, at /dashboard beside JSON: "
            + "loopback, to this machine alone; on, wherever HTTP is served; or off. [default: loopback]"),
        new("demo", "--demo", null, "Drive sample traffic through the public API, a runaway agent among it, and "
            + "print it."),
        new("identity:issuer", "--issuer", "URL", "URL that access tokens name as their issuer. [default: where HTTP "
            + "is served]"),
        new("identity:trustedIssuers", "--trusted-issuers", "FILE", "Issuers whose users' tokens agents may exchange, "
            + "as in docs/security.md."),
        new("checkpoint:key", "--checkpoint-key", "FILE", "Key that signs checkpoints, apart from the store; with "
            + "--verify its public part will do. [default: checkpoint.key in the data folder]"),
        new("checkpoint:file", "--checkpoints", "FILE", "Newest signed checkpoint of each ledger, apart from the "
            + "store; with --verify the ones to compare with. [default: ledger.checkpoints in the data folder]"),
        new("notifications:smtp", "--smtp", "HOST:PORT", "Mail server that notices are sent over. TLS from the first "
            + "byte on port 465, STARTTLS on others; without TLS on this machine alone. [default: none]"),
        new("notifications:smtpFrom", "--smtp-from", "ADDRESS", "Who mail is from."),
        new("notifications:smtpUser", "--smtp-user", "USER", "Who signs in to the mail server. [default: nobody]"),
        new("notifications:smtpPasswordFile", "--smtp-password-file", "FILE", "File with that user's password."),
        new("notifications:allowPrivate", "--notices-allow-private", null, "Let notices go to cleartext URLs and to "
            + "addresses that are not public, as in development: whoever makes an endpoint reaches what the silo "
            + "reaches."),
        new("telemetry:otlp", "--otlp", "URL", "Collector that gets metrics, traces and logs by OTLP over gRPC. "
            + "[default: none]"),
    ];
}
