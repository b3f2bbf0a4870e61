using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Identity;

/// <summary>
/// The text of a credential: a prefix by role, the key id, a point, and 256 random bits as base64url:
/// <c>aba_acme.c17.</c> and 43 characters. The key id says where to look; only the random part is secret, and only its
/// SHA-256 is kept.
/// </summary>
public static class CredentialSecret
{
    /// <summary>As many as cannot be guessed.</summary>
    internal const int SecretBytes = 32;

    /// <summary>Of the random part: base64url of 32 bytes.</summary>
    internal const int SecretChars = 43;

    /// <summary>A tenant's name of 64, a number of 19, and what is around them, with room.</summary>
    private const int CharsMax = 192;

    private const int PrefixChars = 4;
    private const string NumberMark = ".c";

    /// <summary>The hash of no secret.</summary>
    internal static readonly byte[] NoHash = new byte[SHA256.HashSizeInBytes];

    /// <summary>Draws a random part, 43 characters.</summary>
    public static string NewSecret() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(SecretBytes));

    /// <summary>The hash that is kept of a random part, 32 bytes.</summary>
    public static byte[] HashOf(string secret) => SHA256.HashData(Encoding.ASCII.GetBytes(secret));

    /// <summary>Whether a random part has this hash. Takes as long for any wrong one; allocates nothing.</summary>
    internal static bool Matches(ReadOnlySpan<char> secret, ReadOnlySpan<byte> secretSha256)
    {
        if (secret.Length != SecretChars)
            return false;
        Span<byte> bytes = stackalloc byte[SecretChars];
        Encoding.ASCII.GetBytes(secret, bytes);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        Sha256.Hash(bytes, hash);
        return CryptographicOperations.FixedTimeEquals(hash, secretSha256);
    }

    /// <summary>The whole text, as its holder is shown it once.</summary>
    public static string Compose(Role role, string keyId, string secret) => $"{PrefixOf(role)}{keyId}.{secret}";

    /// <summary>What a role's credentials begin with.</summary>
    public static string PrefixOf(Role role) => role switch
    {
        Role.Unspecified => throw new ArgumentOutOfRangeException(nameof(role), role, "no role"),
        Role.Agent => "aba_",
        Role.Gateway => "abg_",
        Role.Orchestrator => "abo_",
        Role.Owner => "abw_",
        Role.Finance => "abf_",
        Role.Auditor => "abu_",
        Role.Admin => "abk_",
    };

    /// <summary>Takes a presented text apart; false for one that no credential can have. Allocates nothing.</summary>
    internal static bool TryParse(ReadOnlySpan<char> presented, out PresentedSecret parsed)
    {
        parsed = default;
        if (presented.Length is < PrefixChars + SecretChars + 5 or > CharsMax)
            return false;
        ReadOnlySpan<char> secret = presented[^SecretChars..];
        ReadOnlySpan<char> rest = presented[..^SecretChars];
        if (rest[^1] != '.' || !Ascii.IsValid(secret))
            return false;
        if (!TryParseKeyId(rest[PrefixChars..^1], out ReadOnlySpan<char> tenant, out long number))
            return false;
        parsed = new PresentedSecret
        {
            Prefix = rest[..PrefixChars],
            Tenant = tenant,
            Number = number,
            Secret = secret,
        };
        return true;
    }

    /// <summary>Takes a key id such as <c>acme.c17</c> apart; false for one that no credential can have.</summary>
    internal static bool TryParseKeyId(ReadOnlySpan<char> keyId, out ReadOnlySpan<char> tenant, out long number)
    {
        int mark = keyId.LastIndexOf(NumberMark, StringComparison.Ordinal);
        tenant = mark > 0 ? keyId[..mark] : default;
        ReadOnlySpan<char> digits = mark > 0 ? keyId[(mark + NumberMark.Length)..] : default;
        number = 0;
        return digits.Length > 0 && digits[0] != '0'
            && long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }
}

/// <summary>A presented credential in its parts, within the text that was presented.</summary>
internal readonly ref struct PresentedSecret
{
    /// <summary>"aba_".</summary>
    internal ReadOnlySpan<char> Prefix { get; init; }

    /// <summary>The tenant's id, not checked.</summary>
    internal ReadOnlySpan<char> Tenant { get; init; }

    /// <summary>The credential's number, not checked.</summary>
    internal long Number { get; init; }

    /// <summary>The random part, ASCII of the right length.</summary>
    internal ReadOnlySpan<char> Secret { get; init; }
}
