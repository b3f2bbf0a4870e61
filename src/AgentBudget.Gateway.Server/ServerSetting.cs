using AgentBudget.Silo.Options;

namespace AgentBudget.Gateway.Server;

/// <summary>A setting by its key in a file, its option and its variable.</summary>
/// <param name="Key">In a file.</param>
/// <param name="Option">On the command line.</param>
/// <param name="Variable">In the environment.</param>
/// <param name="HelpName">What its value is called; null for a flag.</param>
/// <param name="Description">A sentence.</param>
internal sealed record ServerSetting(
    string Key, string Option, string Variable, string? HelpName, string Description)
{
    public const string Server = "server";
    public const string CredentialFile = "credentialFile";
    public const string CaFile = "caFile";
    public const string AllowCleartext = "allowCleartext";
    public const string MetricsKeyFile = "metricsKeyFile";
    public const string DefaultServer = "http://127.0.0.1:7071";

    /// <summary>All of them.</summary>
    public static IReadOnlyList<ServerSetting> All { get; } =
    [
        new(Server, "--server", "AGENTBUDGET_SERVER", "URL",
            $"Where a silo answers gRPC. Default: {DefaultServer}."),
        new(CredentialFile, "--credential-file", "AGENTBUDGET_CREDENTIAL_FILE", "FILE",
            "The gateway's own credential and nothing else; of the role gateway. It is read again when the silo "
            + "refuses it, so a rotation needs no restart."),
        new(CaFile, "--ca-file", "AGENTBUDGET_CA_FILE", "FILE",
            "Certificates in PEM of the authorities to trust, in place of the machine's."),
        new(AllowCleartext, "--allow-cleartext", "AGENTBUDGET_ALLOW_CLEARTEXT", null,
            "Allow http:// to another machine, where everyone on the way reads the credential."),
        new("gateway:listen", "--gateway", "AGENTBUDGET_GATEWAY__LISTEN", "HOST:PORT",
            "Where model calls of unchanged SDKs are served. Where they go from there is gateway:upstreams in the "
            + "file; without any, a built-in demo model answers."),
        .. TlsOptions.Settings.Select(tls =>
            new ServerSetting(tls.Key, tls.Option, VariableOf(tls.Key), tls.HelpName, tls.Description)),
        new(MetricsKeyFile, "--metrics-key-file", "AGENTBUDGET_METRICS_KEY_FILE", "FILE",
            "Key that reads /metrics and may do nothing else; made where there is none. Without it /metrics is not "
            + "served."),
    ];

    private static string VariableOf(string key) =>
        $"AGENTBUDGET_{key.Replace(":", "__", StringComparison.Ordinal).ToUpperInvariant()}";
}
