using System.Text.Json;

namespace AgentBudget.Identity;

/// <summary>
/// What the holder of a token proves beside showing it: its <c>cnf</c> claim (RFC 7800). Everything that is set has to
/// be proven.
/// </summary>
/// <param name="CertificateSha256">
/// SHA-256 of the client certificate of its connection, base64url (x5t#S256, RFC 8705 §3.1); empty for none.
/// </param>
/// <param name="KeyThumbprint">
/// Thumbprint of the key that signs its proofs (jkt, RFC 9449 §6.1); empty for none.
/// </param>
public sealed record TokenBinding(string CertificateSha256, string KeyThumbprint)
{
    private const string Claim = "cnf";
    private const string CertificateMember = "x5t#S256";
    private const string KeyMember = "jkt";

    /// <summary>The binding to these; null where both are empty.</summary>
    public static TokenBinding? Of(string certificateSha256, string keyThumbprint)
    {
        ArgumentNullException.ThrowIfNull(certificateSha256);
        ArgumentNullException.ThrowIfNull(keyThumbprint);
        return certificateSha256.Length == 0 && keyThumbprint.Length == 0
            ? null
            : new TokenBinding(certificateSha256, keyThumbprint);
    }

    /// <summary>
    /// Whether a connection shows what is asked for: the certificate with this thumbprint, if it is not empty.
    /// </summary>
    public static bool IsShown(string certificateSha256, string? shownSha256)
    {
        ArgumentNullException.ThrowIfNull(certificateSha256);
        return certificateSha256.Length == 0 || certificateSha256 == shownSha256;
    }

    /// <summary>The value of a <c>cnf</c> claim or member.</summary>
    public Dictionary<string, object> ToConfirmation()
    {
        Dictionary<string, object> confirmation = [];
        if (CertificateSha256.Length > 0)
            confirmation[CertificateMember] = CertificateSha256;
        if (KeyThumbprint.Length > 0)
            confirmation[KeyMember] = KeyThumbprint;
        return confirmation;
    }

    /// <summary>Adds a binding, if there is one, to the claims of a token.</summary>
    internal static void AddTo(Dictionary<string, object> claims, TokenBinding? binding)
    {
        if (binding is not null)
            claims[Claim] = binding.ToConfirmation();
    }

    /// <summary>
    /// Reads the binding of a token, null for none. False for one that is not understood as a whole: a confirmation is
    /// never ignored (RFC 7800 §3.1).
    /// </summary>
    internal static bool TryRead(Jws token, out TokenBinding? binding)
    {
        binding = null;
        if (!token.Claims.TryGetProperty(Claim, out JsonElement confirmation))
            return true;
        if (confirmation.ValueKind != JsonValueKind.Object)
            return false;
        string certificate = "";
        string key = "";
        foreach (JsonProperty member in confirmation.EnumerateObject())
        {
            if (member.Value.ValueKind != JsonValueKind.String)
                return false;
            string value = member.Value.GetString()!;
            if (member.NameEquals(CertificateMember))
                certificate = value;
            else if (member.NameEquals(KeyMember))
                key = value;
            else
                return false;
        }

        binding = Of(certificate, key);
        return binding is not null;
    }
}
