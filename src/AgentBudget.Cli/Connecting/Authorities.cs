using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using AgentBudget.Client;

namespace AgentBudget.Cli.Connecting;

/// <summary>The authorities that a client trusts in place of the machine's.</summary>
internal static class Authorities
{
    /// <summary>
    /// Trusts those of a file in PEM. Throws as the file does, and
    /// <see cref="CryptographicException"/> where it holds something else.
    /// </summary>
    public static void Trust(AgentBudgetClientOptions client, string file)
    {
        X509Certificate2Collection authorities = [];
        authorities.ImportFromPemFile(file);
        if (authorities.Count == 0) throw new CryptographicException("It has none in PEM.");
        client.ConfigureConnections = handler =>
        {
            X509ChainPolicy policy = new()
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck, // A private authority has no list as a rule.
            };
            policy.CustomTrustStore.AddRange(authorities);
            handler.SslOptions.CertificateChainPolicy = policy;
        };
    }
}
