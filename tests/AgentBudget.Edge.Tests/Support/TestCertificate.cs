using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace AgentBudget.Edge.Tests.Support;

/// <summary>A certificate for a server on loopback, signed by itself.</summary>
internal sealed class TestCertificate : IDisposable
{
    internal TestCertificate()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new("CN=localhost", key, HashAlgorithmName.SHA256);
        DateTimeOffset from = new(2020, 1, 1, 0, 0, 0, TimeSpan.Zero);
        Certificate = request.CreateSelfSigned(from, from.AddYears(80));
    }

    internal X509Certificate2 Certificate { get; }

    /// <summary>Whether it is such a certificate, which leads to no authority.</summary>
    internal static bool IsOne(object sender, X509Certificate? shown, X509Chain? chain, SslPolicyErrors errors) =>
        shown?.Subject == "CN=localhost";

    public void Dispose() => Certificate.Dispose();
}
