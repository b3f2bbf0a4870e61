using Microsoft.Extensions.Options;

namespace AgentBudget.Silo.Options;

/// <summary>Whose tokens are made and taken: the keys under <c>identity</c>.</summary>
internal sealed class IdentityOptions
{
    public const string Section = "identity";

    /// <summary>The URL that access tokens name as their issuer; nothing for where HTTP is served.</summary>
    [Url("identity:issuer")]
    public string? Issuer { get; init; }

    /// <summary>A file of the issuers whose users' tokens agents may exchange.</summary>
    [FilePath("identity:trustedIssuers", MustExist = true)]
    public string? TrustedIssuers { get; init; }
}

/// <summary>Checks what its annotations say.</summary>
[OptionsValidator]
internal sealed partial class IdentityOptionsValidator : IValidateOptions<IdentityOptions>;
