using System.Buffers.Text;
using System.Globalization;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace AgentBudget.Identity;

/// <summary>
/// A public key that signatures are checked with, read from a JSON Web Key (RFC 7517): EC on P-256, or RSA. Immutable.
/// </summary>
public sealed class PublicKey
{
    /// <summary>An RSA key of 4,096 bits takes below 800 characters.</summary>
    private const int CharsMax = 4096;

    /// <summary>Below it an RSA key is not worth signing with.</summary>
    private const int RsaBitsMin = 2048;

    /// <summary>Above it a check costs more than anybody's signature is worth.</summary>
    private const int RsaBitsMax = 8192;

    /// <summary>Every exponent in use fits; a larger one only makes a check slow.</summary>
    private const int ExponentBytesMax = 4;

    private const int CoordinateBytes = 32;
    private const int KeyIdCharsMax = 1024;

    /// <summary>Members of private keys and of keys that are shared (RFC 7518 §6).</summary>
    private static readonly string[] PrivateMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

    private static readonly JsonDocumentOptions Json = new() { AllowDuplicateProperties = false, MaxDepth = 8 };

    // The field and the curve y² = x³ − 3x + b (FIPS 186-4, D.1.2.3).
    private static readonly BigInteger Prime = Hex("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
    private static readonly BigInteger CurveB = Hex("5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b");

    private readonly ECPoint _point;
    private readonly RSAParameters _rsa;
    private readonly bool _isRsa;
    private readonly string _algorithm;

    private PublicKey(ECPoint point, string keyId, string algorithm)
    {
        _point = point;
        KeyId = keyId;
        _algorithm = algorithm;
    }

    private PublicKey(RSAParameters rsa, string keyId, string algorithm)
    {
        _rsa = rsa;
        _isRsa = true;
        KeyId = keyId;
        _algorithm = algorithm;
    }

    /// <summary>Its <c>kid</c>; empty for none.</summary>
    internal string KeyId { get; }

    /// <summary>Its thumbprint (RFC 7638).</summary>
    internal string Thumbprint
    {
        get
        {
            string first = Base64Url.EncodeToString(_isRsa ? _rsa.Exponent : _point.X);
            string second = Base64Url.EncodeToString(_isRsa ? _rsa.Modulus : _point.Y);
            string canonical = _isRsa
                ? $$"""{"e":"{{first}}","kty":"RSA","n":"{{second}}"}"""
                : $$"""{"crv":"P-256","kty":"EC","x":"{{first}}","y":"{{second}}"}""";
            return Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(canonical)));
        }
    }

    /// <summary>
    /// Whether a text is a public key that is taken: EC on P-256 with a point of the curve, or RSA of 2,048 to 8,192
    /// bits with an odd exponent of 3 or more; for signatures, without a private part, no member twice.
    /// </summary>
    public static bool IsPublicJwk(string text) => Read(text) is not null;

    /// <summary>The key, or null for a text that is none that is taken.</summary>
    internal static PublicKey? Read(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Length <= CharsMax && StrictText.ReadObject(Encoding.UTF8.GetBytes(text), Json) is { } jwk
            ? Read(jwk)
            : null;
    }

    /// <summary>The same for an object that was read strictly.</summary>
    internal static PublicKey? Read(JsonElement jwk)
    {
        if (jwk.ValueKind != JsonValueKind.Object || !IsForSignatures(jwk)
            || !TryText(jwk, "kid", out string keyId) || !TryText(jwk, "alg", out string algorithm)
            || !TryText(jwk, "kty", out string type))
        {
            return null;
        }

        return type switch
        {
            "EC" when algorithm is "" or "ES256" => ReadPoint(jwk, keyId, algorithm),
            "RSA" when algorithm is "" or "RS256" or "PS256" => ReadRsa(jwk, keyId, algorithm),
            _ => null,
        };
    }

    /// <summary>The keys of a set (RFC 7517 §5) that are taken; null for a text that is no set.</summary>
    internal static IReadOnlyList<PublicKey>? ReadSet(string text)
    {
        if (StrictText.ReadObject(Encoding.UTF8.GetBytes(text), Json) is not { } set
            || !set.TryGetProperty("keys", out JsonElement keys) || keys.ValueKind != JsonValueKind.Array)
        {
            return null;
        }

        List<PublicKey> taken = [];
        foreach (JsonElement jwk in keys.EnumerateArray())
        {
            if (Read(jwk) is { } key)
                taken.Add(key);
        }

        return taken;
    }

    /// <summary>Whether it verifies a signature by an algorithm that is of its kind.</summary>
    internal bool Verifies(string algorithm, ReadOnlySpan<byte> content, ReadOnlySpan<byte> signature)
    {
        if (_algorithm.Length > 0 && _algorithm != algorithm)
            return false;
        try
        {
            switch (algorithm)
            {
                case "ES256" when !_isRsa && signature.Length == 2 * CoordinateBytes:
                    using (ECDsa ecdsa = ECDsa.Create(
                        new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = _point }))
                    {
                        return ecdsa.VerifyData(content, signature, HashAlgorithmName.SHA256);
                    }

                case "RS256" or "PS256" when _isRsa && signature.Length == _rsa.Modulus!.Length:
                    RSASignaturePadding padding =
                        algorithm == "PS256" ? RSASignaturePadding.Pss : RSASignaturePadding.Pkcs1;
                    using (RSA rsa = RSA.Create(_rsa))
                        return rsa.VerifyData(content, signature, HashAlgorithmName.SHA256, padding);
                default:
                    return false;
            }
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    private static bool IsForSignatures(JsonElement jwk)
    {
        if (Array.Exists(PrivateMembers, name => jwk.TryGetProperty(name, out _)))
            return false;
        if (jwk.TryGetProperty("use", out JsonElement use) && !IsText(use, "sig"))
            return false;
        if (!jwk.TryGetProperty("key_ops", out JsonElement operations))
            return true;
        if (operations.ValueKind != JsonValueKind.Array)
            return false;
        foreach (JsonElement operation in operations.EnumerateArray())
        {
            if (IsText(operation, "verify"))
                return true;
        }

        return false;
    }

    private static bool IsText(JsonElement value, string text) =>
        value.ValueKind == JsonValueKind.String && value.ValueEquals(text);

    // Absent is empty; of another kind is none.
    private static bool TryText(JsonElement jwk, string name, out string text)
    {
        text = "";
        if (!jwk.TryGetProperty(name, out JsonElement value))
            return true;
        text = value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
        return text.Length is > 0 and <= KeyIdCharsMax && SeenText.IsSeen(text);
    }

    private static PublicKey? ReadPoint(JsonElement jwk, string keyId, string algorithm)
    {
        if (!TryText(jwk, "crv", out string curve) || curve != "P-256"
            || Number(jwk, "x") is not { Length: CoordinateBytes } x
            || Number(jwk, "y") is not { Length: CoordinateBytes } y)
        {
            return null;
        }

        // A point beside the curve is on a weaker one.
        BigInteger px = new(x, isUnsigned: true, isBigEndian: true);
        BigInteger py = new(y, isUnsigned: true, isBigEndian: true);
        bool isOnCurve = px < Prime && py < Prime
            && ((py * py) - ((px * px * px) - (3 * px) + CurveB)) % Prime == BigInteger.Zero;
        return isOnCurve ? new PublicKey(new ECPoint { X = x, Y = y }, keyId, algorithm) : null;
    }

    private static PublicKey? ReadRsa(JsonElement jwk, string keyId, string algorithm)
    {
        if (Number(jwk, "n") is not { } modulus || Number(jwk, "e") is not { } exponent)
            return null;
        modulus = [.. modulus.SkipWhile(one => one == 0)];
        exponent = [.. exponent.SkipWhile(one => one == 0)];
        int bits = modulus.Length == 0 ? 0 : (8 * modulus.Length) - BitOperations.LeadingZeroCount(modulus[0]) + 24;
        bool isTaken = bits is >= RsaBitsMin and <= RsaBitsMax && (modulus[^1] & 1) == 1
            && exponent.Length is > 0 and <= ExponentBytesMax && (exponent[^1] & 1) == 1
            && !(exponent.Length == 1 && exponent[0] == 1);
        return isTaken
            ? new PublicKey(new RSAParameters { Modulus = modulus, Exponent = exponent }, keyId, algorithm)
            : null;
    }

    private static byte[]? Number(JsonElement jwk, string name)
    {
        string text = jwk.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()!
            : "";
        return text.Length > 0 ? StrictText.Decode(text) : null;
    }

    private static BigInteger Hex(string digits) =>
        BigInteger.Parse("0" + digits, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
