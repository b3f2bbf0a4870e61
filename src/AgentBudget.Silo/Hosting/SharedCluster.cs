using System.Security.Cryptography.X509Certificates;
using AgentBudget.Silo.Options;
using AgentBudget.Storage;
using Orleans.Configuration;
using Orleans.Connections.Security;

namespace AgentBudget.Silo.Hosting;

/// <summary>
/// A cluster of several silos: membership and reminders in the store of the ledgers. Silos on one store are one
/// cluster, and its name is the store's own, so that no silo of another store is ever taken for a member.
/// </summary>
internal static class SharedCluster
{
    internal static ISiloBuilder Configure(
        ISiloBuilder silo, ClusterModel model, ISharedStore store, Action<Action> onEnd)
    {
        string name = $"agentbudget-{store.StoreId:N}";
        silo.Configure<ClusterOptions>(options => (options.ServiceId, options.ClusterId) = (name, name))
            .Configure<EndpointOptions>(options =>
            {
                options.AdvertisedIPAddress = model.Address.Address;
                options.SiloPort = model.Address.Port;
                options.SiloListeningEndpoint = model.Address;
                options.GatewayPort = 0; // Callers come through gRPC.
            });
        model.Store.UseMembership(silo, store);
        if (model.IsDistributedDirectory)
        {
#pragma warning disable ORLEANSEXP003 // What Orleans' own tests run on; it is experimental, hence the switch.
            silo.AddDistributedGrainDirectory();
#pragma warning restore ORLEANSEXP003
        }

        // A range of the directory need not be left alone after its silo died: the epoch keeps a former owner out.
        silo.Configure<GrainDirectoryOptions>(options => options.RangeLeaseDuration = TimeSpan.Zero);
        if (model.Tls is { } tls) UseTls(silo, tls, onEnd);
        return silo;
    }

    private static void UseTls(ISiloBuilder silo, SiloTlsModel model, Action<Action> onEnd)
    {
        (X509Certificate2 certificate, X509Certificate2Collection authorities) = model.Load();
        onEnd(certificate.Dispose);
        silo.UseTls(certificate, tls =>
        {
            tls.RemoteCertificateMode = RemoteCertificateMode.RequireCertificate;
            tls.ClientCertificateMode = RemoteCertificateMode.RequireCertificate;
            tls.RemoteCertificateValidation = (remote, _, _) => IsSilo(remote, authorities);
            // Silos are known by their authority and not by their names, which change with each machine.
            tls.OnAuthenticateAsClient = (_, ssl) => ssl.TargetHost = "agentbudget-silo";
        });
    }

    /// <summary>Whether a certificate leads to the silos' authority: that alone, and none of the machine's.</summary>
    private static bool IsSilo(X509Certificate2 certificate, X509Certificate2Collection authorities)
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
        return chain.Build(certificate);
    }
}
