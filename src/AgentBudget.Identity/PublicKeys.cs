using Microsoft.IdentityModel.Tokens;

namespace AgentBudget.Identity;

/// <summary>Public keys as JSON Web Keys (RFC 7517), of the kinds that are taken.</summary>
public static class PublicKeys
{
    /// <summary>An RSA key of 4,096 bits takes below 800 characters.</summary>
    private const int CharsMax = 2048;

    /// <summary>Below it an RSA key is not worth signing with.</summary>
    private const int RsaBitsMin = 2048;

    /// <summary>Whether a text is a public key that is taken: EC on P-256 or RSA, without a private part.</summary>
    public static bool IsPublicJwk(string text) => Read(text) is not null;

    /// <summary>The key, or null for a text that is none that is taken.</summary>
    internal static JsonWebKey? Read(string text)
    {
        if (text.Length > CharsMax)
            return null;
        JsonWebKey key;
        try
        {
            key = new JsonWebKey(text);
        }
        catch (ArgumentException)
        {
            return null;
        }

        if (key.HasPrivateKey || key.K is { Length: > 0 })
            return null;
        bool isTaken = key.Kty switch
        {
            JsonWebAlgorithmsKeyTypes.EllipticCurve =>
                key.Crv == JsonWebKeyECTypes.P256 && key.X is { Length: 43 } && key.Y is { Length: 43 },
            JsonWebAlgorithmsKeyTypes.RSA =>
                key.E is { Length: > 0 } && key.N is { Length: > 0 } && key.KeySize >= RsaBitsMin,
            _ => false,
        };
        return isTaken ? key : null;
    }
}
