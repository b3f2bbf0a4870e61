using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace AgentBudget.Silo.Options;

/// <summary>How the silo speaks TLS: every option checked, no file read yet.</summary>
/// <param name="EndPoint">Where.</param>
/// <param name="CertificatePath">The certificate in PEM, followed by its intermediates.</param>
/// <param name="KeyPath">Its private key in PEM.</param>
/// <param name="Clients">Whether callers show a certificate.</param>
/// <param name="ClientCaPath">The authorities of callers' certificates in PEM, or null.</param>
internal sealed record TlsModel(
    IPEndPoint EndPoint, string CertificatePath, string KeyPath, ClientCertificates Clients, string? ClientCaPath)
{
    /// <summary>Checks what was written; null where TLS was not asked for. Throws <see cref="OptionsException"/>.
    /// </summary>
    public static TlsModel? From(SiloOptions options)
    {
        if (options.Tls is null)
        {
            string? alone = options.TlsCertificate ?? options.TlsKey ?? options.TlsClients ?? options.TlsClientCa;
            return alone is null
                ? null
                : throw new OptionsException("The options of TLS need the option tls, which says where it is served.");
        }

        ClientCertificates clients = options.TlsClients switch
        {
            null or "none" => ClientCertificates.None,
            "optional" => ClientCertificates.Optional,
            "required" => ClientCertificates.Required,
            var other => throw new OptionsException(
                $"The option tls-clients must be none, optional or required, not {other}."),
        };
        if (clients == ClientCertificates.None != options.TlsClientCa is null)
        {
            throw new OptionsException(
                "The options tls-clients and tls-client-ca go together: whether callers show a certificate, "
                + "and whose.");
        }

        return new TlsModel(
            SiloModel.EndPointOf("tls", options.Tls),
            FileOf("tls-certificate", options.TlsCertificate),
            FileOf("tls-key", options.TlsKey),
            clients,
            options.TlsClientCa is null ? null : FileOf("tls-client-ca", options.TlsClientCa));
    }

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
            : throw new OptionsException($"The file {ClientCaPath} of tls-client-ca holds no certificate in PEM.");
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

    private static string FileOf(string option, string? value)
    {
        if (value is null)
            throw new OptionsException($"With tls the option {option} must name a file in PEM.");
        string path = SiloModel.PathOf(option, value);
        return File.Exists(path) ? path : throw new OptionsException($"The file {path} of {option} does not exist.");
    }
}
