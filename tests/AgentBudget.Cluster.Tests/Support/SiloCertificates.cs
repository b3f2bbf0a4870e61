using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace AgentBudget.Cluster.Tests.Support;

/// <summary>An authority of silos, and certificates that it made, as files.</summary>
internal sealed class SiloCertificates : IDisposable
{
    // id-kp-serverAuth and id-kp-clientAuth: a silo is both.
    private static readonly string[] Uses = ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"];
    private static readonly DateTimeOffset From = new(2020, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset Until = From.AddYears(80);

    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly X509Certificate2 _authority;
    private readonly string _folder;

    public SiloCertificates(string folder)
    {
        _folder = folder;
        Directory.CreateDirectory(folder);
        CertificateRequest request = new("CN=silos", _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, critical: true));
        _authority = request.CreateSelfSigned(From, Until);
        File.WriteAllText(CaFile, _authority.ExportCertificatePem());
    }

    public string CaFile => Path.Combine(_folder, "ca.crt");

    /// <summary>Makes a silo's certificate; answers the options that name it and the authority that it asks for.
    /// </summary>
    public string[] Make(string name, string? caFile = null)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new($"CN={name}", key, HashAlgorithmName.SHA256);
        OidCollection uses = [.. Uses.Select(use => new Oid(use))];
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(uses, critical: false));
        using X509Certificate2 certificate =
            request.Create(_authority, From, Until, RandomNumberGenerator.GetBytes(16));
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path + ".crt", certificate.ExportCertificatePem());
        File.WriteAllText(path + ".key", key.ExportPkcs8PrivateKeyPem());
        return
        [
            "--silo-certificate", path + ".crt", "--silo-certificate-key", path + ".key", "--silo-ca",
            caFile ?? CaFile,
        ];
    }

    public void Dispose()
    {
        _authority.Dispose();
        _key.Dispose();
    }
}
