using System.Buffers.Text;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using AgentBudget.Identity;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace AgentBudget.Api.Access;

/// <summary>
/// What calls of one connection have in common, so that it is found out once: where they come from, and whose
/// authorization they repeat. A feature of the connection. Any thread: each value is replaced whole.
/// </summary>
public sealed class ConnectionMemory
{
    private const int NetworkBitsV4 = 24;
    private const int NetworkBitsV6 = 64;

    private volatile Place? _place;
    private volatile Known? _known;

    private sealed record Place(CallOrigin Origin);

    private sealed record Known(string Authorization, CallerPrincipal Principal);

    /// <summary>Gives a connection its memory; a step of Kestrel's, before what serves the connection.</summary>
    public static ConnectionDelegate Around(ConnectionDelegate serve)
    {
        ArgumentNullException.ThrowIfNull(serve);
        return connection =>
        {
            connection.Features.Set(new ConnectionMemory());
            return serve(connection);
        };
    }

    /// <summary>
    /// Where a request comes from, as its connection shows: its client certificate, which the server has checked;
    /// without one its network. What a proxy in front says of those behind it is not looked at.
    /// </summary>
    internal static CallOrigin OriginOf(IFeatureCollection features)
    {
        ConnectionMemory? memory = features.Get<ConnectionMemory>();
        if (memory?._place is { } place)
            return place.Origin;
        CallOrigin origin = MakeOrigin(features);
        if (memory is not null)
            memory._place = new Place(origin);
        return origin;
    }

    /// <summary>
    /// Who showed this very authorization on the connection before, or null. Whether that still counts is to be asked.
    /// </summary>
    internal CallerPrincipal? Find(string? authorization) =>
        _known is { } known && known.Authorization == authorization ? known.Principal : null;

    internal void Remember(string authorization, CallerPrincipal principal) =>
        _known = new Known(authorization, principal);

    private static CallOrigin MakeOrigin(IFeatureCollection features)
    {
        string thumbprint = features.Get<ITlsConnectionFeature>()?.ClientCertificate is { } certificate
            ? Base64Url.EncodeToString(certificate.GetCertHash(HashAlgorithmName.SHA256))
            : "";
        string place = thumbprint.Length > 0
            ? $"certificate {thumbprint}"
            : NetworkOf(features.Get<IHttpConnectionFeature>()?.RemoteIpAddress);
        return new CallOrigin(thumbprint, place);
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
