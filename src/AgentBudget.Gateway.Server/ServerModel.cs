using System.Security.Cryptography;
using AgentBudget.Cli.Connecting;
using AgentBudget.Client;
using AgentBudget.Gateway.Options;
using AgentBudget.Identity;
using AgentBudget.Silo.Options;
using Microsoft.Extensions.Configuration;

namespace AgentBudget.Gateway.Server;

/// <summary>How a gateway runs as a process of its own: every setting checked, every default filled in.</summary>
/// <param name="Gateway">What it serves.</param>
/// <param name="Client">How it reaches the budget.</param>
/// <param name="Tls">How TLS is spoken; null where it is not.</param>
/// <param name="MetricsKey">The key that reads metrics; null where they are not served.</param>
internal sealed record ServerModel(
    GatewayModel Gateway, AgentBudgetClientOptions Client, TlsModel? Tls, FileKey? MetricsKey)
{
    private const string Section = "gateway";

    /// <summary>Checks what was written.</summary>
    /// <param name="settings">What was written, by key.</param>
    /// <exception cref="OptionsException">Something is wrong.</exception>
    public static ServerModel From(IConfiguration settings)
    {
        GatewayModel gateway;
        try
        {
            gateway = GatewayModel.From(settings.GetSection(Section), Environment.GetEnvironmentVariable);
        }
        catch (GatewayOptionsException fault)
        {
            throw new OptionsException(fault.Message);
        }

        return new ServerModel(
            gateway,
            ClientOf(settings, gateway.Tenant),
            TlsModel.From(CheckedOptions.From(settings.GetSection(TlsOptions.Section), new TlsOptionsValidator())),
            MetricsKeyOf(settings[ServerSetting.MetricsKeyFile]));
    }

    /// <summary>What is wrong with a key of a file; null for one that is right.</summary>
    public static string? FaultOf(string key, string? value)
    {
        if (key.StartsWith($"{Section}:", StringComparison.OrdinalIgnoreCase)) return null;
        foreach (string section in (string[])[Section, TlsOptions.Section])
        {
            if (key.Equals(section, StringComparison.OrdinalIgnoreCase))
                return value is null ? null : $"{section} holds keys of its own.";
        }

        string[] keys =
        [
            .. ServerSetting.All.Select(setting => setting.Key)
                .Where(known => !known.StartsWith($"{Section}:", StringComparison.Ordinal)),
        ];
        return keys.Contains(key, StringComparer.OrdinalIgnoreCase)
            ? null
            : $"{key} is not a key; the keys are {string.Join(", ", keys)} and {Section}.";
    }

    private static AgentBudgetClientOptions ClientOf(IConfiguration settings, string? tenant)
    {
        string server = settings[ServerSetting.Server] ?? ServerSetting.DefaultServer;
        if (!Uri.TryCreate(server, UriKind.Absolute, out Uri? address)
            || address.Scheme is not ("http" or "https") || address.PathAndQuery != "/")
        {
            throw new OptionsException($"server must be http(s)://HOST:PORT of a silo's gRPC, not {server}.");
        }

        bool allowsCleartext = settings[ServerSetting.AllowCleartext] switch
        {
            null => false,
            string text => bool.TryParse(text, out bool value)
                ? value
                : throw new OptionsException($"allowCleartext must be true or false, not {text}."),
        };
        if (address.Scheme == "http" && !address.IsLoopback && !allowsCleartext)
            throw new OptionsException(
                $"server {server} is cleartext to another machine: use https://, or set allowCleartext.");
        string credential = settings[ServerSetting.CredentialFile] ?? throw new OptionsException(
            "credentialFile must name the file of a credential of the role gateway. An administrator makes one: "
            + "agentbudget credentials create NAME --role gateway --secret-file FILE.");
        if (!File.Exists(credential)) throw new OptionsException($"credentialFile {credential} does not exist.");
        AgentBudgetClientOptions client = new()
        {
            Address = address,
            CredentialFile = credential,
            Tenant = tenant,
            AllowCleartext = allowsCleartext,
        };
        if (settings[ServerSetting.CaFile] is { } authorities) Trust(client, authorities);
        return client;
    }

    private static FileKey? MetricsKeyOf(string? file)
    {
        if (file is null) return null;
        try
        {
            return FileKey.LoadOrCreate(file, FileKey.MetricsPrefix, out _);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw new OptionsException($"metricsKeyFile {file} cannot be used: {fault.Message}");
        }
    }

    private static void Trust(AgentBudgetClientOptions client, string file)
    {
        try
        {
            Authorities.Trust(client, file);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new OptionsException($"caFile {file} holds no certificates that can be read: {fault.Message}");
        }
    }
}
