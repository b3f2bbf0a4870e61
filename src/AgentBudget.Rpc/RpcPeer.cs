using System.Buffers.Text;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http.Features;

namespace AgentBudget.Rpc;

/// <summary>
/// Who is at the other end of a connection, as the connection itself shows. What a proxy in front says of those behind
/// it is not looked at.
/// </summary>
public sealed class RpcPeer
{
    private const int NetworkBitsV4 = 24;
    private const int NetworkBitsV6 = 64;

    private RpcPeer(string certificateSha256, string place)
    {
        CertificateSha256 = certificateSha256;
        Place = place;
    }

    /// <summary>
    /// SHA-256 of the certificate that it showed, base64url without padding (x5t#S256, RFC 8705 §3.1); empty for none.
    /// The server has checked that certificate.
    /// </summary>
    public string CertificateSha256 { get; }

    /// <summary>
    /// Where it calls from: its certificate as <c>certificate 5OQz…</c>; without one its network, the first 24 bits of
    /// an IPv4 address or 64 of an IPv6 one, as <c>203.0.113.0/24</c>.
    /// </summary>
    public string Place { get; }

    /// <summary>The peer of a request's connection.</summary>
    public static RpcPeer Of(IFeatureCollection features)
    {
        ArgumentNullException.ThrowIfNull(features);
        string thumbprint = features.Get<ITlsConnectionFeature>()?.ClientCertificate is { } certificate
            ? Base64Url.EncodeToString(certificate.GetCertHash(HashAlgorithmName.SHA256))
            : "";
        string place = thumbprint.Length > 0
            ? $"certificate {thumbprint}"
            : NetworkOf(features.Get<IHttpConnectionFeature>()?.RemoteIpAddress);
        return new RpcPeer(thumbprint, place);
    }

    /// <summary>The network of an address; "unknown" where there is none.</summary>
    internal static string NetworkOf(IPAddress? address)
    {
        if (address is null)
            return "unknown";
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        int bits = address.AddressFamily == AddressFamily.InterNetwork ? NetworkBitsV4 : NetworkBitsV6;
        byte[] bytes = address.GetAddressBytes();
        Array.Clear(bytes, bits / 8, bytes.Length - (bits / 8));
        return $"{new IPAddress(bytes)}/{bits}";
    }
}
