using System.CommandLine;
using System.Security.Cryptography;
using AgentBudget.Client;
using Microsoft.Extensions.Options;

namespace AgentBudget.Cli.Connecting;

/// <summary>Where a command calls, and with what: from options, then variables, then the profile.</summary>
internal static class Connection
{
    public static AgentBudgetClient Open(GlobalOptions options, ParseResult parsed)
    {
        Profile? profile = ProfileOf(options, parsed);
        string file = parsed.GetValue(options.CredentialFile) ?? Variable(GlobalOptions.CredentialFileVariable)
            ?? profile?.CredentialFile
            ?? throw CliException.Usage(
                "There is no credential: log in with 'agentbudget login', or name a file with --credential-file or "
                + $"{GlobalOptions.CredentialFileVariable}. An embedded silo keeps its operator's key in "
                + "data/admin.key.");
        if (!File.Exists(file))
            throw new CliException(ExitCodes.NoInput, $"The credential file {file} does not exist.");
        return Open(options, parsed, AddressOf(ServerOf(options, parsed, profile)), client =>
        {
            client.CredentialFile = file;
            client.Tenant = parsed.GetValue(options.Tenant) ?? profile?.Tenant;
        });
    }

    public static AgentBudgetClient Open(
        GlobalOptions options, ParseResult parsed, Uri server, Action<AgentBudgetClientOptions> change)
    {
        AgentBudgetClientOptions client = new()
        {
            Address = server,
            AllowCleartext = parsed.GetValue(options.AllowCleartext),
            CallTimeout = TimeSpan.FromSeconds(parsed.GetValue(options.Timeout)),
            SpendStreams = 1,
        };
        change(client);
        if (parsed.GetValue(options.CaFile) is { } authorities) Trust(client, authorities);
        try
        {
            return new AgentBudgetClient(client);
        }
        catch (OptionsValidationException fault)
        {
            string sentence = string.Join(' ', fault.Failures)
                .Replace("Address", $"The server {server}", StringComparison.Ordinal)
                .Replace("set AllowCleartext", "add --allow-cleartext", StringComparison.Ordinal);
            throw CliException.Usage(sentence);
        }
    }

    public static string ServerOf(GlobalOptions options, ParseResult parsed, Profile? profile) =>
        parsed.GetValue(options.Server) ?? Variable(GlobalOptions.ServerVariable) ?? profile?.Server
        ?? ProfileStore.DefaultServer;

    public static Uri AddressOf(string server) =>
        Uri.TryCreate(server, UriKind.Absolute, out Uri? address) && address.Scheme is "http" or "https"
            ? address!
            : throw CliException.Usage($"The server {server} is no address: give http(s)://HOST:PORT.");

    public static Profile? ProfileOf(GlobalOptions options, ParseResult parsed)
    {
        ProfileSet set = ProfileStore.OfUser().Read();
        string? named = parsed.GetValue(options.Profile) ?? Variable(GlobalOptions.ProfileVariable);
        if (named is not null)
            return set.Profiles.GetValueOrDefault(named)
                ?? throw CliException.Usage(
                    $"There is no profile {named}: make it with 'agentbudget login --profile {named}'.");
        return set.Current is { } current ? set.Profiles.GetValueOrDefault(current) : null;
    }

    private static void Trust(AgentBudgetClientOptions client, string file)
    {
        try
        {
            Authorities.Trust(client, file);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new CliException(
                ExitCodes.NoInput, $"{file} holds no certificates that can be read: {fault.Message}");
        }
    }

    private static string? Variable(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
}
