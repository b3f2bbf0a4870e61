using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace AgentBudget.Silo.Options;

/// <summary>How a server speaks TLS: every option checked, no file read yet.</summary>
/// <param name="EndPoint">Where.</param>
/// <param name="CertificatePath">The certificate in PEM, followed by its intermediates.</param>
/// <param name="KeyPath">Its private key in PEM.</param>
/// <param name="Clients">Whether callers show a certificate.</param>
/// <param name="ClientCaPath">The authorities of callers' certificates in PEM, or null.</param>
internal sealed record TlsModel(
    IPEndPoint EndPoint, string CertificatePath, string KeyPath, ClientCertificates Clients, string? ClientCaPath)
{
    /// <summary>What follows from options that have been checked; null where TLS is not spoken.</summary>
    public static TlsModel? From(TlsOptions options) => options.EndPoint is null
        ? null
        : new TlsModel(
            EndPointAttribute.Parse(options.EndPoint)!,
            Path.GetFullPath(options.Certificate!),
            Path.GetFullPath(options.Key!),
            Enum.Parse<ClientCertificates>(options.Clients, ignoreCase: true),
            options.ClientCa is null ? null : Path.GetFullPath(options.ClientCa));

    /// <summary>
    /// Reads the certificate with its key and its intermediates. Throws <see cref="OptionsException"/>.
    /// </summary>
    public (X509Certificate2 Certificate, X509Certificate2Collection Intermediates) LoadCertificate() => Load(() =>
    {
        X509Certificate2Collection chain = [];
        chain.ImportFromPemFile(CertificatePath);
        X509Certificate2Collection intermediates = [.. chain.Skip(1)];
        return (X509Certificate2.CreateFromPemFile(CertificatePath, KeyPath), intermediates);
    });

    /// <summary>Reads the authorities of callers' certificates. Throws <see cref="OptionsException"/>.</summary>
    public X509Certificate2Collection LoadClientAuthorities() => Load(() =>
    {
        X509Certificate2Collection authorities = [];
        if (ClientCaPath is null)
            return authorities;
        authorities.ImportFromPemFile(ClientCaPath);
        return authorities.Count > 0
            ? authorities
            : throw new OptionsException($"The file {ClientCaPath} of tls:clientCa holds no certificate in PEM.");
    });

    // The key's file may be named in an error; what is in it never is.
    private T Load<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (CryptographicException fault)
        {
            throw new OptionsException(
                $"The files of TLS ({CertificatePath}, {KeyPath}, {ClientCaPath}) cannot be used: {fault.Message}");
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new OptionsException($"A file of TLS cannot be read: {fault.Message}");
        }
    }
}
