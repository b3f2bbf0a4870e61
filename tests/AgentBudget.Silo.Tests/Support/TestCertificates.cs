using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace AgentBudget.Silo.Tests.Support;

/// <summary>An authority, and certificates that it made: one for a server at 127.0.0.1, one for a caller.</summary>
internal sealed class TestCertificates : IDisposable
{
    private const string ServerUse = "1.3.6.1.5.5.7.3.1";
    private const string ClientUse = "1.3.6.1.5.5.7.3.2";

    private static readonly DateTimeOffset From = new(2020, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset Until = From.AddYears(80);

    private readonly ECDsa _authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    internal TestCertificates()
    {
        CertificateRequest request = new("CN=authority", _authorityKey, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, critical: true));
        Authority = request.CreateSelfSigned(From, Until);
        Server = Make("CN=server", ServerUse);
        Client = Make("CN=gateway", ClientUse);
    }

    internal X509Certificate2 Authority { get; }

    internal X509Certificate2 Server { get; }

    internal X509Certificate2 Client { get; }

    /// <summary>Another caller's certificate; its taker's to dispose.</summary>
    internal X509Certificate2 MakeClient(string name) => Make($"CN={name}", ClientUse);

    /// <summary>Writes what a silo reads: silo.crt, silo.key and clients.crt.</summary>
    internal void WriteTo(string folder)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "silo.crt"), Server.ExportCertificatePem());
        using ECDsa key = Server.GetECDsaPrivateKey()!;
        File.WriteAllText(Path.Combine(folder, "silo.key"), key.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(Path.Combine(folder, "clients.crt"), Authority.ExportCertificatePem());
    }

    public void Dispose()
    {
        Client.Dispose();
        Server.Dispose();
        Authority.Dispose();
        _authorityKey.Dispose();
    }

    private X509Certificate2 Make(string name, string use)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new(name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(use)], critical: false));
        SubjectAlternativeNameBuilder names = new();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using X509Certificate2 certificate =
            request.Create(Authority, From, Until, RandomNumberGenerator.GetBytes(16));
        return certificate.CopyWithPrivateKey(key);
    }
}
