using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AgentBudget.Protocol.V1;
using Google.Protobuf;

namespace AgentBudget.Identity;

/// <summary>Tells signed checkpoints from forged ones, by public keys alone. Safe for any thread.</summary>
public sealed class CheckpointVerifier
{
    /// <summary>A signed checkpoint has about 500 characters.</summary>
    public const int LineCharsMax = 2048;

    /// <summary>A set of public keys, one a year for a century; a wrong file is not read whole.</summary>
    private const int KeyFileBytesMax = 64 * 1024;

    private static readonly JsonParser Payloads =
        new(JsonParser.Settings.Default.WithIgnoreUnknownFields(true)); // Of a later release.

    // By the whole header: a signature whose header is not exactly what we write is none of ours.
    private readonly Dictionary<string, ECParameters> _keys;

    private CheckpointVerifier(IEnumerable<ECPoint> points) => _keys = points.ToDictionary(
        point => HeaderOf(SigningKey.Thumbprint(point)),
        point => new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = point },
        StringComparer.Ordinal);

    /// <summary>
    /// Reads the keys from a file: a public key or a set of them as JSON Web Keys, or a key in PEM, of which only the
    /// public part is used.
    /// </summary>
    /// <exception cref="InvalidDataException">The file holds no such key.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static CheckpointVerifier Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            if (new FileInfo(path).Length > KeyFileBytesMax)
                throw new FormatException();
            return Of(File.ReadAllText(path));
        }
        catch (Exception fault) when (fault is FormatException or JsonException or CryptographicException
            or ArgumentException or InvalidOperationException or KeyNotFoundException)
        {
            throw new InvalidDataException(
                $"{path} holds no key that verifies checkpoints: it is a key on P-256, in PEM or as JSON Web Key.",
                fault);
        }
    }

    /// <summary>
    /// What a signed checkpoint says; false for one that none of the keys signed, or that is unreadable.
    /// </summary>
    public bool TryRead(string line, [NotNullWhen(true)] out LedgerCheckpoint? checkpoint)
    {
        ArgumentNullException.ThrowIfNull(line);
        checkpoint = null;
        string[] parts = line.Length > LineCharsMax ? [] : line.Split('.');
        if (parts.Length != 3 || !Ascii.IsValid(line) || !_keys.TryGetValue(parts[0], out ECParameters key))
            return false;
        try
        {
            byte[] content = Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}");
            using ECDsa ecdsa = ECDsa.Create(key);
            if (!ecdsa.VerifyData(content, Base64Url.DecodeFromChars(parts[2]), HashAlgorithmName.SHA256))
                return false;
            string payload = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(parts[1]));
            checkpoint = Payloads.Parse<LedgerCheckpoint>(payload);
            return true;
        }
        catch (Exception fault) when (fault is FormatException or CryptographicException
            or InvalidProtocolBufferException)
        {
            return false;
        }
    }

    /// <summary>The header of every signature of a key, encoded.</summary>
    internal static string HeaderOf(string keyId) => Base64Url.EncodeToString(
        Encoding.ASCII.GetBytes($$"""{"alg":"ES256","kid":"{{keyId}}","typ":"agentbudget-checkpoint+jws"}"""));

    /// <summary>The keys in a text; throws one of several exceptions for anything else.</summary>
    internal static CheckpointVerifier Of(string text)
    {
        if (!text.TrimStart().StartsWith('{'))
        {
            using ECDsa pem = ECDsa.Create();
            pem.ImportFromPem(text);
            ECParameters read = pem.ExportParameters(includePrivateParameters: false);
            return read.Curve.Oid.FriendlyName is "nistP256" or "ECDSA_P256"
                ? new CheckpointVerifier([read.Q])
                : throw new CryptographicException("not a key on P-256");
        }

        using JsonDocument document = JsonDocument.Parse(text);
        JsonElement root = document.RootElement;
        return root.TryGetProperty("keys", out JsonElement keys)
            ? new CheckpointVerifier(keys.EnumerateArray().Select(PointOf))
            : new CheckpointVerifier([PointOf(root)]);
    }

    private static ECPoint PointOf(JsonElement jwk)
    {
        bool isOurs = jwk.GetProperty("kty").ValueEquals("EC") && jwk.GetProperty("crv").ValueEquals("P-256");
        return isOurs
            ? new ECPoint { X = CoordinateOf(jwk, "x"), Y = CoordinateOf(jwk, "y") }
            : throw new FormatException("not a key on P-256");
    }

    private static byte[] CoordinateOf(JsonElement jwk, string name) =>
        Base64Url.DecodeFromChars(jwk.GetProperty(name).GetString());
}
