using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace AgentBudget.Silo.Options;

/// <summary>How silos are one cluster: the keys under <c>cluster</c>.</summary>
internal sealed class SiloClusterOptions : IValidatableObject
{
    public const string Section = "cluster";
    public const string Distributed = "distributed";

    /// <summary>The database that all silos share.</summary>
    [Postgres("cluster:postgres")]
    public string? Postgres { get; init; }

    /// <summary>The storage account that all silos share.</summary>
    [Azure("cluster:azure")]
    public string? Azure { get; init; }

    /// <summary>The file with the key of the cluster, the same for every silo.</summary>
    [FilePath("cluster:key", MustExist = true)]
    public string? Key { get; init; }

    /// <summary>Where the other silos reach this one.</summary>
    [EndPoint("cluster:address")]
    public string? Address { get; init; }

    /// <summary>This silo's certificate in PEM, followed by its intermediates.</summary>
    [FilePath("cluster:certificate", MustExist = true)]
    public string? Certificate { get; init; }

    /// <summary>Its private key in PEM.</summary>
    [FilePath("cluster:certificateKey", MustExist = true)]
    public string? CertificateKey { get; init; }

    /// <summary>The authority in PEM that certificates of silos lead to.</summary>
    [FilePath("cluster:ca", MustExist = true)]
    public string? Ca { get; init; }

    /// <summary>Which directory of grains is used.</summary>
    [AllowedValues(
        Distributed, "local", ErrorMessage = "cluster:directory must be distributed or local.")]
    public string Directory { get; init; } = Distributed;

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if ((Certificate is null) != (CertificateKey is null) || (Certificate is null) != (Ca is null))
        {
            yield return new(
                "cluster:certificate, cluster:certificateKey and cluster:ca go together: silos show each other "
                + "certificates of one authority, or none.");
        }
    }
}

/// <summary>Checks what its annotations say, and that its keys fit together.</summary>
[OptionsValidator]
internal sealed partial class SiloClusterOptionsValidator : IValidateOptions<SiloClusterOptions>;
