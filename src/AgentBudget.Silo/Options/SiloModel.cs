using System.Net;
using AgentBudget.Identity;
using AgentBudget.Silo.Hosting;

namespace AgentBudget.Silo.Options;

/// <summary>How the silo runs: every option checked, every default filled in.</summary>
internal sealed record SiloModel
{
    public const string DataDefault = "data";
    public const string HttpDefault = "127.0.0.1:7070";
    public const string GrpcDefault = "127.0.0.1:7071";
    public const string StoreDefault = "sqlite";

    /// <summary>The folder of ledger, reports and keys.</summary>
    public required string Data { get; init; }

    public required IPEndPoint Http { get; init; }

    public required IPEndPoint Grpc { get; init; }

    /// <summary>The catalog to apply at the start, or null.</summary>
    public required string? CatalogPath { get; init; }

    public required bool IsDemo { get; init; }

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

    /// <summary>Origins whose pages may call from a browser.</summary>
    public required IReadOnlyList<string> Origins { get; init; }

    /// <summary>Whether somebody beyond this machine can connect, in cleartext.</summary>
    public bool IsExposed => !IPAddress.IsLoopback(Http.Address) || !IPAddress.IsLoopback(Grpc.Address);

    /// <summary>Checks what was written. Throws <see cref="OptionsException"/>.</summary>
    public static SiloModel From(SiloOptions options)
    {
        string store = options.Store ?? StoreDefault;
        if (store == "postgres")
            throw new OptionsException("The store postgres is not part of this release: use sqlite.");
        if (store != StoreDefault)
            throw new OptionsException($"The store must be sqlite, not {store}.");
        string data = PathOf("data", options.Data ?? DataDefault);
        DataFolder folder = new(data);
        SiloModel model = new()
        {
            Data = data,
            Http = EndPointOf("http", options.Http ?? HttpDefault),
            Grpc = EndPointOf("grpc", options.Grpc ?? GrpcDefault),
            CatalogPath = options.Catalog is null ? null : PathOf("catalog", options.Catalog),
            IsDemo = FlagOf("demo", options.Demo ?? "false"),
            Tls = TlsModel.From(options),
            Origins = OriginsOf(options.Origins ?? ""),
            Issuer = options.Issuer is null ? null : IssuerOf(options.Issuer),
            TrustedIssuers = options.TrustedIssuers is null ? [] : IssuersOf(options.TrustedIssuers),
            CheckpointKeyPath = PathOf("checkpoint-key", options.CheckpointKey ?? folder.CheckpointKeyFile),
            CheckpointsPath = PathOf("checkpoints", options.Checkpoints ?? folder.CheckpointsFile),
        };
        if (model.Http.Port != 0 && model.Http.Port == model.Grpc.Port)
        {
            throw new OptionsException(
                $"http and grpc need a port each, and both are {model.Http.Port}: cleartext gRPC has its own.");
        }

        if (model.Tls is { EndPoint.Port: not 0 and int port } && (port == model.Http.Port || port == model.Grpc.Port))
            throw new OptionsException($"tls needs a port of its own, and http or grpc has {port} too.");
        string storeFolder = folder.LedgerFolder + Path.DirectorySeparatorChar;
        if (model.CheckpointKeyPath.StartsWith(storeFolder, StringComparison.Ordinal)
            || model.CheckpointsPath.StartsWith(storeFolder, StringComparison.Ordinal))
        {
            throw new OptionsException(
                $"checkpoint-key and checkpoints must be apart from the store, and {folder.LedgerFolder} is its own.");
        }

        if (model.CatalogPath is { } catalog && !File.Exists(catalog))
            throw new OptionsException($"The catalog {catalog} does not exist.");
        return model;
    }

    internal static string PathOf(string option, string value) =>
        value.Length > 0 && !value.Contains('\0', StringComparison.Ordinal)
            ? Path.GetFullPath(value)
            : throw new OptionsException($"The option {option} must be a path.");

    private static string IssuerOf(string value)
    {
        bool isUrl = Uri.TryCreate(value, UriKind.Absolute, out Uri? url) && url.Scheme is "https" or "http"
            && url.AbsolutePath == "/" && url.Query.Length == 0 && url.Fragment.Length == 0;
        return isUrl
            ? value.TrimEnd('/')
            : throw new OptionsException($"The option issuer must be a URL without a path, not {value}.");
    }

    private static IReadOnlyList<TrustedIssuer> IssuersOf(string path)
    {
        try
        {
            return Identity.TrustedIssuers.ReadFile(PathOf("trusted-issuers", path));
        }
        catch (Exception fault) when (fault is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            throw new OptionsException(fault.Message);
        }
    }

    private static bool FlagOf(string option, string value) => value switch
    {
        "true" => true,
        "false" => false,
        _ => throw new OptionsException($"The option {option} must be true or false, not {value}."),
    };

    private static string[] OriginsOf(string value)
    {
        if (value.Length == 0)
            return [];
        string[] origins = value.Split(',', StringSplitOptions.TrimEntries);
        foreach (string origin in origins)
        {
            if (origin != "*" && (!Uri.TryCreate(origin, UriKind.Absolute, out Uri? uri)
                    || !origin.Equals(uri.GetLeftPart(UriPartial.Authority), StringComparison.OrdinalIgnoreCase)))
            {
                throw new OptionsException(
                    "The option origins must be schemes, hosts and ports such as https://budget.example.com, "
                    + $"not {origin}.");
            }
        }

        return origins;
    }

    internal static IPEndPoint EndPointOf(string option, string value)
    {
        int colon = value.LastIndexOf(':');
        string host = colon < 0 ? "" : value[..colon];
        if (host == "localhost")
            host = "127.0.0.1";
        bool isBracketed = host.StartsWith('[') && host.EndsWith(']');
        bool isAddress = IPAddress.TryParse(isBracketed ? host[1..^1] : host, out IPAddress? address)
            && isBracketed == (address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6);
        if (isAddress && ushort.TryParse(value.AsSpan(colon + 1), out ushort port))
            return new IPEndPoint(address!, port);
        throw new OptionsException(
            $"The option {option} must be HOST:PORT with an IP address or localhost, such as {HttpDefault}, "
            + $"not {value}.");
    }
}
