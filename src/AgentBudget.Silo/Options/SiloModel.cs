using System.Net;
using AgentBudget.Gateway.Options;
using AgentBudget.Identity;
using AgentBudget.Notifications;
using AgentBudget.Notifications.Sending;
using AgentBudget.Silo.Hosting;
using AgentBudget.Silo.Stores;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace AgentBudget.Silo.Options;

/// <summary>How the silo runs: every option checked, every default filled in.</summary>
internal sealed record SiloModel
{
    /// <summary>The gateway's section of the configuration.</summary>
    internal const string GatewaySection = "gateway";

    /// <summary>The folder of ledger, reports and keys.</summary>
    public required string Data { get; init; }

    public required IPEndPoint Http { get; init; }

    public required IPEndPoint Grpc { get; init; }

    /// <summary>The catalog to apply at the start, or null.</summary>
    public required string? CatalogPath { get; init; }

    public required bool IsDemo { get; init; }

    /// <summary>Whether the dashboard is served.</summary>
    public bool HasDashboard { get; init; } = true;

    /// <summary>Whether it is served to other machines too.</summary>
    public bool IsDashboardOpen { get; init; }

    /// <summary>The URL that tokens name as their issuer; null for where HTTP is served.</summary>
    public string? Issuer { get; init; }

    /// <summary>Whose tokens agents may exchange.</summary>
    public IReadOnlyList<TrustedIssuer> TrustedIssuers { get; init; } = [];

    /// <summary>The file of the key that signs checkpoints.</summary>
    public required string CheckpointKeyPath { get; init; }

    /// <summary>The file of the newest checkpoint of each ledger.</summary>
    public required string CheckpointsPath { get; init; }

    /// <summary>Whether the ledgers are only verified, and nothing is served.</summary>
    public bool IsVerify { get; init; }

    /// <summary>Where and how TLS is spoken, or null.</summary>
    public required TlsModel? Tls { get; init; }

    /// <summary>How the silo is one of a cluster; null for a silo by itself.</summary>
    public ClusterModel? Cluster { get; init; }

    /// <summary>The gateway that the silo hosts, or null.</summary>
    public GatewayModel? Gateway { get; init; }

    /// <summary>Origins whose pages may call from a browser.</summary>
    public required IReadOnlyList<string> Origins { get; init; }

    /// <summary>Whether somebody beyond this machine can connect, in cleartext.</summary>
    public bool IsExposed => !IPAddress.IsLoopback(Http.Address)
        || !IPAddress.IsLoopback(Grpc.Address)
        || Gateway is { IsExposed: true };

    /// <summary>A collector that gets metrics, traces and logs; null for what OpenTelemetry's own variables say.
    /// </summary>
    public Uri? Otlp { get; init; }

    /// <summary>How notices leave.</summary>
    public NotificationOptions Notifications { get; init; } = new(AllowPrivate: false, null);

    /// <summary>Checks what was written, each group by itself and then all together. Throws
    /// <see cref="OptionsException"/>.</summary>
    public static SiloModel From(IConfiguration configuration)
    {
        ServeOptions serve = Checked(configuration, new ServeOptionsValidator());
        TlsOptions tls = Checked(configuration.GetSection(TlsOptions.Section), new TlsOptionsValidator());
        IdentityOptions identity =
            Checked(configuration.GetSection(IdentityOptions.Section), new IdentityOptionsValidator());
        CheckpointOptions checkpoint =
            Checked(configuration.GetSection(CheckpointOptions.Section), new CheckpointOptionsValidator());
        TelemetryOptions telemetry =
            Checked(configuration.GetSection(TelemetryOptions.Section), new TelemetryOptionsValidator());
        SiloClusterOptions cluster =
            Checked(configuration.GetSection(SiloClusterOptions.Section), new SiloClusterOptionsValidator());
        NotificationSettings notifications =
            Checked(configuration.GetSection(NotificationSettings.Section), new NotificationSettingsValidator());
        DataFolder folder = new(Path.GetFullPath(serve.Data));
        SiloModel model = new()
        {
            Data = folder.Path,
            Http = EndPointAttribute.Parse(serve.Http)!,
            Grpc = EndPointAttribute.Parse(serve.Grpc)!,
            CatalogPath = serve.Catalog is null ? null : Path.GetFullPath(serve.Catalog),
            IsDemo = bool.Parse(serve.Demo),
            HasDashboard = serve.Dashboard != ServeOptions.DashboardOff,
            IsDashboardOpen = serve.Dashboard == ServeOptions.DashboardOn,
            Tls = TlsModel.From(tls),
            Cluster = ClusterModel.From(cluster, serve.Store),
            Gateway = GatewayOf(configuration.GetSection(GatewaySection)),
            Origins = OriginsAttribute.Parse(serve.Origins),
            Issuer = identity.Issuer?.TrimEnd('/'),
            TrustedIssuers = identity.TrustedIssuers is null ? [] : IssuersOf(identity.TrustedIssuers),
            CheckpointKeyPath = Path.GetFullPath(checkpoint.Key ?? folder.CheckpointKeyFile),
            CheckpointsPath = Path.GetFullPath(checkpoint.File ?? folder.CheckpointsFile),
            Otlp = telemetry.Otlp is null ? null : new Uri(telemetry.Otlp),
            Notifications = new NotificationOptions(bool.Parse(notifications.AllowPrivate), MailOf(notifications)),
        };
        CheckPorts(model);
        CheckPlaces(model, folder);
        if (model is { Cluster: not null, Issuer: null })
        {
            throw new OptionsException(
                "identity:issuer must be the same URL for every silo of a cluster: access tokens name it, and each "
                + "silo takes those of the others.");
        }

        return model;
    }

    /// <summary>The shared store that a person does something with once, whatever else is not set yet. Throws
    /// <see cref="OptionsException"/>.</summary>
    public static SharedStoreModel StoreOnce(IConfiguration configuration)
    {
        ServeOptions serve = Checked(configuration, new ServeOptionsValidator());
        SiloClusterOptions cluster =
            Checked(configuration.GetSection(SiloClusterOptions.Section), new SiloClusterOptionsValidator());
        return SharedStoreModel.Once(cluster, serve.Store);
    }

    private static TOptions Checked<TOptions>(IConfiguration configuration, IValidateOptions<TOptions> validator)
        where TOptions : class, new() => CheckedOptions.From(configuration, validator);

    private static MailOptions? MailOf(NotificationSettings settings)
    {
        if (settings.Smtp is null)
        {
            return settings is { SmtpFrom: null, SmtpUser: null, SmtpPasswordFile: null }
                ? null
                : throw new OptionsException("notifications:smtp must be given too: it is the server for mail.");
        }

        if (settings.SmtpFrom is null)
            throw new OptionsException("notifications:smtpFrom must be given too: it is who mail is from.");
        if (settings.SmtpUser is null != settings.SmtpPasswordFile is null)
        {
            throw new OptionsException(
                "notifications:smtpUser and notifications:smtpPasswordFile must be given together, or neither.");
        }

        (string host, int port) = HostPortAttribute.Parse(settings.Smtp)!.Value;
        return new MailOptions(host, port, settings.SmtpFrom)
        {
            User = settings.SmtpUser,
            PasswordFile = settings.SmtpPasswordFile is { } file ? Path.GetFullPath(file) : null,
            AllowCleartext = host == "localhost"
                || (IPAddress.TryParse(host, out IPAddress? address) && IPAddress.IsLoopback(address)),
        };
    }

    private static GatewayModel? GatewayOf(IConfigurationSection section)
    {
        if (!section.Exists()) return null;
        try
        {
            return GatewayModel.From(section, Environment.GetEnvironmentVariable);
        }
        catch (GatewayOptionsException fault)
        {
            throw new OptionsException(fault.Message);
        }
    }

    private static void CheckPorts(SiloModel model)
    {
        if (model.Http.Port != 0 && model.Http.Port == model.Grpc.Port)
        {
            throw new OptionsException(
                $"http and grpc need a port each, and both are {model.Http.Port}: cleartext gRPC has its own.");
        }

        if (model.Tls is { EndPoint.Port: not 0 and int port } && (port == model.Http.Port || port == model.Grpc.Port))
            throw new OptionsException($"tls:endPoint needs a port of its own, and http or grpc has {port} too.");
    }

    private static void CheckPlaces(SiloModel model, DataFolder folder)
    {
        string store = folder.LedgerFolder + Path.DirectorySeparatorChar;
        if (model.CheckpointKeyPath.StartsWith(store, StringComparison.Ordinal)
            || model.CheckpointsPath.StartsWith(store, StringComparison.Ordinal))
        {
            throw new OptionsException(
                $"checkpoint:key and checkpoint:file must be apart from the store, and {folder.LedgerFolder} is its "
                + "own.");
        }
    }

    private static IReadOnlyList<TrustedIssuer> IssuersOf(string path)
    {
        try
        {
            return Identity.TrustedIssuers.ReadFile(Path.GetFullPath(path));
        }
        catch (Exception fault) when (fault is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            throw new OptionsException(fault.Message);
        }
    }
}
