using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace AgentBudget.Notifications.Sending;

/// <summary>
/// Signatures as Standard Webhooks 1.0 has them: <c>v1,</c> and the base64 of HMAC-SHA256 over id, time and body, with
/// dots between.
/// </summary>
public static class Signature
{
    /// <summary>Of a secret that is drawn here; the standard takes 24 to 64.</summary>
    internal const int SecretBytes = 32;

    private const string SecretPrefix = "whsec_";

    /// <summary>A new secret.</summary>
    public static byte[] NewSecret() => RandomNumberGenerator.GetBytes(SecretBytes);

    /// <summary>A secret as receivers are given it.</summary>
    public static string TextOf(ReadOnlySpan<byte> secret) => SecretPrefix + Convert.ToBase64String(secret);

    /// <summary>The value of the header <c>webhook-signature</c>: one signature for each secret.</summary>
    public static string Of(IEnumerable<byte[]> secrets, string id, long unixSeconds, ReadOnlySpan<byte> body)
    {
        ArgumentNullException.ThrowIfNull(secrets);
        byte[] head = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{id}.{unixSeconds}."));
        byte[] signed = [.. head, .. body];
        return string.Join(
            ' ', secrets.Select(secret => "v1," + Convert.ToBase64String(HMACSHA256.HashData(secret, signed))));
    }
}
