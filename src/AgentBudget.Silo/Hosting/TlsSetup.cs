using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using AgentBudget.Silo.Options;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace AgentBudget.Silo.Hosting;

/// <summary>
/// How TLS is spoken: TLS 1.2 and 1.3, our certificate with its chain, and whose certificates are taken.
/// </summary>
/// <param name="Certificate">The server's own, with its private key.</param>
/// <param name="Intermediates">What leads from it to an authority that callers know.</param>
/// <param name="Clients">Whether callers show a certificate.</param>
/// <param name="Authorities">Whom their certificates must lead to: these alone, not those of the machine.</param>
internal sealed record TlsSetup(
    X509Certificate2 Certificate,
    X509Certificate2Collection Intermediates,
    ClientCertificates Clients,
    X509Certificate2Collection Authorities)
{
    // A caller that connects and says nothing is let go; a slow handshake takes a second or two.
    private static readonly TimeSpan HandshakeTimeout = TimeSpan.FromSeconds(10);

    // RFC 5280 §4.2.1.12, id-kp-clientAuth: a certificate that was made for servers is none of a caller's.
    private static readonly Oid ClientAuthentication = new("1.3.6.1.5.5.7.3.2");

    /// <summary>Reads the files. Throws <see cref="OptionsException"/>.</summary>
    internal static TlsSetup Load(TlsModel files)
    {
        (X509Certificate2 certificate, X509Certificate2Collection intermediates) = files.LoadCertificate();
        return new TlsSetup(certificate, intermediates, files.Clients, files.LoadClientAuthorities());
    }

    internal void Apply(HttpsConnectionAdapterOptions https)
    {
        https.ServerCertificate = Certificate;
        https.ServerCertificateChain = Intermediates;
        https.HandshakeTimeout = HandshakeTimeout;
        https.ClientCertificateMode = Clients switch
        {
            ClientCertificates.None => ClientCertificateMode.NoCertificate,
            ClientCertificates.Optional => ClientCertificateMode.AllowCertificate,
            ClientCertificates.Required => ClientCertificateMode.RequireCertificate,
        };
        if (Clients != ClientCertificates.None)
            https.ClientCertificateValidation = (certificate, sent, _) => IsTrusted(certificate, sent);
    }

    /// <summary>Whether a certificate leads to one of the authorities. Revocation is not looked up: a credential is
    /// what is revoked here.</summary>
    private bool IsTrusted(X509Certificate2 certificate, X509Chain? sent)
    {
        using X509Chain chain = new()
        {
            ChainPolicy =
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
                DisableCertificateDownloads = true,
            },
        };
        chain.ChainPolicy.CustomTrustStore.AddRange(Authorities);
        chain.ChainPolicy.ApplicationPolicy.Add(ClientAuthentication);
        if (sent is not null)
        {
            foreach (X509ChainElement element in sent.ChainElements)
                chain.ChainPolicy.ExtraStore.Add(element.Certificate);
        }

        return chain.Build(certificate);
    }
}
