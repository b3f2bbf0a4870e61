using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace AgentBudget.Silo.Options;

/// <summary>How a server speaks TLS: the keys under <c>tls</c>.</summary>
internal sealed class TlsOptions : IValidatableObject
{
    public const string Section = "tls";
    public const string NoClients = "none";

    /// <summary>Its settings: by key, on the command line, what the value is, and for the help.</summary>
    public static IReadOnlyList<(string Key, string Option, string HelpName, string Description)> Settings { get; } =
    [
        ("tls:endPoint", "--tls", "HOST:PORT", "Where everything is served over TLS, on one port. [default: nowhere]"),
        ("tls:certificate", "--tls-certificate", "FILE", "Certificate of --tls in PEM, followed by its "
            + "intermediates."),
        ("tls:key", "--tls-key", "FILE", "Private key of the certificate in PEM."),
        ("tls:clients", "--tls-clients", "MODE", "Whether callers over TLS show a certificate: none, optional or "
            + "required. [default: none]"),
        ("tls:clientCa", "--tls-client-ca", "FILE", "Authorities in PEM that callers' certificates must lead to."),
    ];

    /// <summary>Where everything is served over TLS; nothing where TLS is not spoken.</summary>
    [EndPoint("tls:endPoint")]
    public string? EndPoint { get; init; }

    /// <summary>The certificate in PEM, followed by its intermediates.</summary>
    [FilePath("tls:certificate", MustExist = true)]
    public string? Certificate { get; init; }

    /// <summary>Its private key in PEM.</summary>
    [FilePath("tls:key", MustExist = true)]
    public string? Key { get; init; }

    /// <summary>Whether callers show a certificate.</summary>
    [AllowedValues(
        NoClients, "optional", "required", ErrorMessage = "tls:clients must be none, optional or required.")]
    public string Clients { get; init; } = NoClients;

    /// <summary>The authorities in PEM that callers' certificates must lead to.</summary>
    [FilePath("tls:clientCa", MustExist = true)]
    public string? ClientCa { get; init; }

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (EndPoint is null)
        {
            bool isAlone = (Certificate ?? Key ?? ClientCa) is not null || Clients != NoClients;
            if (isAlone)
                yield return new("tls:endPoint must say where TLS is served, since other keys of tls are set.");
            yield break;
        }

        if (Certificate is null)
            yield return new("tls:certificate must name a file in PEM, since tls:endPoint is set.");
        if (Key is null)
            yield return new("tls:key must name a file in PEM, since tls:endPoint is set.");
        if (Clients == NoClients != ClientCa is null)
        {
            yield return new(
                "tls:clients and tls:clientCa go together: whether callers show a certificate, and whose.");
        }
    }
}

/// <summary>Checks what its annotations say, and that its keys fit together.</summary>
[OptionsValidator]
internal sealed partial class TlsOptionsValidator : IValidateOptions<TlsOptions>;
