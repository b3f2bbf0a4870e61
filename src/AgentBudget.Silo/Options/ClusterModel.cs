using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using AgentBudget.Silo.Stores;

namespace AgentBudget.Silo.Options;

/// <summary>How a silo is one of a cluster: every option checked, no file read yet.</summary>
/// <param name="Store">What all silos share.</param>
/// <param name="KeyPath">The file with the key of the cluster.</param>
/// <param name="Address">Where the other silos reach this one.</param>
/// <param name="IsDistributedDirectory">Whether the directory of grains is handed over between silos.</param>
/// <param name="Tls">How silos speak TLS with each other, or null.</param>
internal sealed record ClusterModel(
    SharedStoreModel Store, string KeyPath, IPEndPoint Address, bool IsDistributedDirectory, SiloTlsModel? Tls)
{
    /// <summary>What follows from options that have been checked each by itself. Throws
    /// <see cref="OptionsException"/> for those that do not fit to the store or to each other.</summary>
    public static ClusterModel? From(SiloClusterOptions options, string store)
    {
        if (SharedStoreModel.From(options, store) is not { } shared)
        {
            bool isAny = (options.Postgres ?? options.Azure ?? options.Key ?? options.Address ?? options.Certificate)
                is not null;
            return isAny
                ? throw new OptionsException("store must be postgres or azure, since keys of cluster are set.")
                : null;
        }

        string key = options.Key ?? throw new OptionsException(
            "cluster:key must name the file with the cluster's key, the same for every silo, since store is "
            + $"{store}: it seals what they share.");
        IPEndPoint address = EndPointAttribute.Parse(options.Address ?? throw new OptionsException(
            $"cluster:address must say where the other silos reach this one, since store is {store}."))!;
        CheckAddress(address, hasTls: options.Certificate is not null);
        return new ClusterModel(
            shared,
            Path.GetFullPath(key),
            address,
            options.Directory == SiloClusterOptions.Distributed,
            SiloTlsModel.From(options));
    }

    private static void CheckAddress(IPEndPoint address, bool hasTls)
    {
        bool isAny = address.Address.Equals(IPAddress.Any) || address.Address.Equals(IPAddress.IPv6Any);
        if (isAny || address.Port == 0)
        {
            throw new OptionsException(
                $"cluster:address must be where the other silos reach this one, and {address} is no such place.");
        }

        if (!IPAddress.IsLoopback(address.Address) && !hasTls)
        {
            throw new OptionsException(
                $"cluster:address {address} can be reached from other machines, and whoever reaches it could command "
                + "this silo: name cluster:certificate, cluster:certificateKey and cluster:ca, or a loopback address.");
        }
    }
}

/// <summary>How silos speak TLS with each other: files that are not read yet.</summary>
/// <param name="CertificatePath">The certificate in PEM.</param>
/// <param name="KeyPath">Its private key in PEM.</param>
/// <param name="CaPath">The authority in PEM.</param>
internal sealed record SiloTlsModel(string CertificatePath, string KeyPath, string CaPath)
{
    public static SiloTlsModel? From(SiloClusterOptions options) => options.Certificate is null
        ? null
        : new SiloTlsModel(
            Path.GetFullPath(options.Certificate),
            Path.GetFullPath(options.CertificateKey!),
            Path.GetFullPath(options.Ca!));

    /// <summary>Reads the certificate and the authorities. Throws <see cref="OptionsException"/>.</summary>
    public (X509Certificate2 Certificate, X509Certificate2Collection Authorities) Load()
    {
        try
        {
            X509Certificate2Collection authorities = [];
            authorities.ImportFromPemFile(CaPath);
            return authorities.Count > 0
                ? (X509Certificate2.CreateFromPemFile(CertificatePath, KeyPath), authorities)
                : throw new OptionsException($"The file {CaPath} of cluster:ca holds no certificate in PEM.");
        }
        catch (CryptographicException fault)
        {
            throw new OptionsException(
                $"The files of cluster ({CertificatePath}, {KeyPath}, {CaPath}) cannot be used: {fault.Message}");
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new OptionsException($"A file of cluster cannot be read: {fault.Message}");
        }
    }
}
