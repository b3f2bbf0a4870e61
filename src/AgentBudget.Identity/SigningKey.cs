using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace AgentBudget.Identity;

/// <summary>A key that signs tokens or checkpoints: ECDSA over P-256 with SHA-256 (ES256), in a file of its own.
/// </summary>
public sealed class SigningKey : IDisposable
{
    private readonly ECDsa _ecdsa;

    private SigningKey(ECDsa ecdsa)
    {
        _ecdsa = ecdsa;
        KeyId = Thumbprint(ecdsa.ExportParameters(includePrivateParameters: false).Q);
    }

    /// <summary>Names the key in a token's header: its thumbprint (RFC 7638).</summary>
    public string KeyId { get; }

    /// <summary>Its public part as JSON Web Key (RFC 7517), as the key set shows it.</summary>
    internal Dictionary<string, string> PublicJwk
    {
        get
        {
            ECPoint point = _ecdsa.ExportParameters(includePrivateParameters: false).Q;
            return new Dictionary<string, string>
            {
                ["kty"] = "EC",
                ["crv"] = "P-256",
                ["x"] = Base64Url.EncodeToString(point.X),
                ["y"] = Base64Url.EncodeToString(point.Y),
                ["kid"] = KeyId,
                ["use"] = "sig",
                ["alg"] = "ES256",
            };
        }
    }

    /// <summary>Reads the key from its file (PKCS #8, PEM), or makes both (mode 0600).</summary>
    /// <exception cref="InvalidDataException">The file holds no such key.</exception>
    /// <exception cref="IOException">The file cannot be read or made.</exception>
    public static SigningKey LoadOrCreate(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return Read(SecretFile.ReadOrCreate(path, NewPem, out _), path);
    }

    /// <summary>Reads the key from a text.</summary>
    /// <exception cref="InvalidDataException">It is no such key; the place where it was read is named.</exception>
    internal static SigningKey Read(string pem, string place)
    {
        ECDsa ecdsa = ECDsa.Create();
        try
        {
            ecdsa.ImportFromPem(pem);
            ECParameters parameters = ecdsa.ExportParameters(includePrivateParameters: true);
            if (parameters.D is null || parameters.Curve.Oid.FriendlyName is not ("nistP256" or "ECDSA_P256"))
                throw new CryptographicException("not a private key on P-256");
            return new SigningKey(ecdsa);
        }
        catch (Exception fault) when (fault is ArgumentException or CryptographicException)
        {
            ecdsa.Dispose();
            throw new InvalidDataException(
                $"{place} holds no signing key: it is a private key on P-256 as PKCS #8 in PEM. Restore it, or remove "
                + "it to have a new key made; what the old one signed is then not taken any more.",
                fault);
        }
    }

    /// <summary>Signs bytes; the signature is the two numbers one after the other (RFC 7518 §3.4).</summary>
    internal byte[] Sign(ReadOnlySpan<byte> bytes)
    {
        lock (_ecdsa)
            return _ecdsa.SignData(bytes, HashAlgorithmName.SHA256);
    }

    /// <inheritdoc/>
    public void Dispose() => _ecdsa.Dispose();

    /// <summary>Puts a fresh key into the file, whole or not at all, and answers it.</summary>
    internal static SigningKey Replace(string path)
    {
        SecretFile.Replace(path, NewPem());
        return LoadOrCreate(path);
    }

    /// <summary>The name of a public key on P-256.</summary>
    internal static string Thumbprint(ECPoint point)
    {
        string x = Base64Url.EncodeToString(point.X);
        string y = Base64Url.EncodeToString(point.Y);
        string canonical = $$"""{"crv":"P-256","kty":"EC","x":"{{x}}","y":"{{y}}"}""";
        return Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(canonical)));
    }

    /// <summary>A fresh key as text.</summary>
    internal static string NewPem()
    {
        using ECDsa ecdsa = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return ecdsa.ExportPkcs8PrivateKeyPem();
    }
}
