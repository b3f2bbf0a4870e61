using System.CommandLine;
using AgentBudget.Cli.Output;

namespace AgentBudget.Cli.Connecting;

/// <summary>Options that every command has.</summary>
internal sealed class GlobalOptions
{
    internal const string ServerVariable = "AGENTBUDGET_SERVER";
    internal const string CredentialFileVariable = "AGENTBUDGET_CREDENTIAL_FILE";
    internal const string ProfileVariable = "AGENTBUDGET_PROFILE";

    private const double TimeoutSecondsMax = 3600;

    public Option<string?> Server { get; } = new("--server")
    {
        Description = $"Where the service answers gRPC. Also {ServerVariable}; else the profile's; else "
            + $"{ProfileStore.DefaultServer}.",
        HelpName = "URL",
        Recursive = true,
    };

    public Option<string?> CredentialFile { get; } = new("--credential-file")
    {
        Description =
            $"A file with the credential and nothing else. Also {CredentialFileVariable}; else the profile's.",
        HelpName = "FILE",
        Recursive = true,
    };

    public Option<string?> Profile { get; } = new("--profile")
    {
        Description = $"The profile of login to use. Also {ProfileVariable}; else the current one.",
        HelpName = "NAME",
        Recursive = true,
    };

    public Option<string?> Tenant { get; } = new("--tenant")
    {
        Description = "The tenant that the operator's key acts on, where there are several.",
        HelpName = "ID",
        Recursive = true,
    };

    public Option<string?> CaFile { get; } = new("--ca-file")
    {
        Description = "Certificates in PEM of the authorities to trust, in place of the machine's.",
        HelpName = "FILE",
        Recursive = true,
    };

    public Option<bool> AllowCleartext { get; } = new("--allow-cleartext")
    {
        Description = "Allow http:// to another machine, where everyone on the way reads the credential.",
        Recursive = true,
    };

    public Option<double> Timeout { get; } = new("--timeout")
    {
        Description = "How long a call is tried before it fails.",
        HelpName = "SECONDS",
        DefaultValueFactory = _ => 10,
        Recursive = true,
    };

    public Option<OutputFormat> Output { get; } = new("--output", "-o")
    {
        Description = "How answers are written: for people, as JSON of the protocol, or as CSV.",
        HelpName = "table|json|csv",
        DefaultValueFactory = _ => OutputFormat.Table,
        Recursive = true,
    };

    public GlobalOptions() => Timeout.Validators.Add(result =>
    {
        if (result.GetValueOrDefault<double>() is not (>= 0.01 and <= TimeoutSecondsMax))
            result.AddError($"--timeout must be 0.01 to {TimeoutSecondsMax} seconds.");
    });

    public void AddTo(Command root)
    {
        foreach (Option option in (Option[])
            [Server, CredentialFile, Profile, Tenant, CaFile, AllowCleartext, Timeout, Output])
        {
            root.Add(option);
        }
    }
}
