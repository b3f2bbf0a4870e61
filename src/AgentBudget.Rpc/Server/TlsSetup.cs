using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace AgentBudget.Rpc.Server;

/// <summary>
/// How TLS is spoken: TLS 1.2 and 1.3, our certificate with its chain, and whose certificates are taken.
/// </summary>
internal static class TlsSetup
{
    // A caller that connects and says nothing is let go; a slow handshake takes a second or two.
    private static readonly TimeSpan HandshakeTimeout = TimeSpan.FromSeconds(10);

    // RFC 5280 §4.2.1.12, id-kp-clientAuth: a certificate that was made for servers is none of a caller's.
    private static readonly Oid ClientAuthentication = new("1.3.6.1.5.5.7.3.2");

    internal static void Apply(HttpsConnectionAdapterOptions https, RpcServerOptions options)
    {
        https.ServerCertificate = options.TlsCertificate;
        https.ServerCertificateChain = options.TlsIntermediates;
        https.HandshakeTimeout = HandshakeTimeout;
        https.ClientCertificateMode = options.ClientCertificates switch
        {
            ClientCertificates.None => ClientCertificateMode.NoCertificate,
            ClientCertificates.Optional => ClientCertificateMode.AllowCertificate,
            ClientCertificates.Required => ClientCertificateMode.RequireCertificate,
        };
        if (options.ClientCertificates != ClientCertificates.None)
        {
            https.ClientCertificateValidation = (certificate, sent, _) =>
                IsTrusted(certificate, sent, options.ClientAuthorities);
        }
    }

    /// <summary>Whether a certificate leads to one of the authorities. Revocation is not looked up: a credential is
    /// what is revoked here.</summary>
    private static bool IsTrusted(X509Certificate2 certificate, X509Chain? sent, X509Certificate2Collection authorities)
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
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        chain.ChainPolicy.ApplicationPolicy.Add(ClientAuthentication);
        if (sent is not null)
        {
            foreach (X509ChainElement element in sent.ChainElements)
                chain.ChainPolicy.ExtraStore.Add(element.Certificate);
        }

        return chain.Build(certificate);
    }
}
