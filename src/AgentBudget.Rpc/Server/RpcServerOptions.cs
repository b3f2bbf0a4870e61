using System.Net;
using System.Security.Cryptography.X509Certificates;

namespace AgentBudget.Rpc;

/// <summary>Where a server listens and what it takes. Checked when the server is made.</summary>
public sealed class RpcServerOptions
{
    /// <summary>Where HTTP/1.1 is served in cleartext: Connect and the ordinary routes. Null: nowhere. Port 0: any
    /// free one.</summary>
    public IPEndPoint? HttpEndPoint { get; init; }

    /// <summary>Where HTTP/2 is served in cleartext by prior knowledge: gRPC, and Connect as well. Null: nowhere. Port
    /// 0: any free one.</summary>
    public IPEndPoint? GrpcEndPoint { get; init; }

    /// <summary>Where HTTP/1.1 and HTTP/2 are served over TLS on one port, as the caller asks for: every protocol.
    /// Null: nowhere. Port 0: any free one.</summary>
    public IPEndPoint? TlsEndPoint { get; init; }

    /// <summary>The certificate of <see cref="TlsEndPoint"/> with its private key. It stays the caller's and must live
    /// as long as the server.</summary>
    public X509Certificate2? TlsCertificate { get; init; }

    /// <summary>What leads from <see cref="TlsCertificate"/> to an authority that callers know, sent along with it.
    /// Empty where the authority signed it itself.</summary>
    public X509Certificate2Collection TlsIntermediates { get; init; } = [];

    /// <summary>Whether callers over TLS show a certificate of their own.</summary>
    public ClientCertificates ClientCertificates { get; init; }

    /// <summary>The authorities that callers' certificates must lead to: these alone, not those of the machine. Needed
    /// when certificates are asked for.</summary>
    public X509Certificate2Collection ClientAuthorities { get; init; } = [];

    /// <summary>The largest request message in bytes, after inflation. 1 to 64 MiB.</summary>
    public int MessageBytesMax { get; init; } = 256 * 1024;

    /// <summary>How many items a request message may hold, nested ones included: elements of lists and maps, and fields
    /// that the schema does not know. 1 to 1,000,000.</summary>
    public int MessageItemsMax { get; init; } = 1_000;

    /// <summary>How long after its headers a request message may take to arrive. 1 second to 10 minutes.</summary>
    public TimeSpan MessageArrivalMax { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long calls in flight may take to finish when the server is disposed without a stop. 0 to 10
    /// minutes.</summary>
    public TimeSpan DrainGrace { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The origins, beside the server's own, whose pages may call it from a browser: scheme, host and port
    /// such as <c>https://budget.example.com</c>, or <c>*</c> for every one. None by default.</summary>
    public IReadOnlyList<string> AllowedOrigins { get; init; } = [];

    internal void Validate()
    {
        if (HttpEndPoint is null && GrpcEndPoint is null && TlsEndPoint is null)
            throw new ArgumentException("A server needs an HTTP, a gRPC or a TLS endpoint.");
        if (TlsEndPoint is not null && TlsCertificate is not { HasPrivateKey: true })
            throw new ArgumentException("A TLS endpoint needs a certificate with its private key.");
        if (ClientCertificates != ClientCertificates.None && (TlsEndPoint is null || ClientAuthorities.Count == 0))
            throw new ArgumentException("Client certificates need a TLS endpoint and the authorities to trust.");
        ArgumentOutOfRangeException.ThrowIfLessThan(MessageBytesMax, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MessageBytesMax, 64 * 1024 * 1024);
        ArgumentOutOfRangeException.ThrowIfLessThan(MessageItemsMax, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MessageItemsMax, 1_000_000);
        ArgumentOutOfRangeException.ThrowIfLessThan(MessageArrivalMax, TimeSpan.FromSeconds(1));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MessageArrivalMax, TimeSpan.FromMinutes(10));
        ArgumentOutOfRangeException.ThrowIfLessThan(DrainGrace, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(DrainGrace, TimeSpan.FromMinutes(10));
        ArgumentNullException.ThrowIfNull(AllowedOrigins);
        foreach (string origin in AllowedOrigins)
        {
            if (origin != "*" && (!Uri.TryCreate(origin, UriKind.Absolute, out Uri? uri)
                    || !origin.Equals(uri.GetLeftPart(UriPartial.Authority), StringComparison.OrdinalIgnoreCase)))
            {
                throw new ArgumentException($"The origin '{origin}' is not a scheme, a host and a port alone.");
            }
        }
    }
}
