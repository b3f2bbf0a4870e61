using System.Buffers.Text;
using System.Text;
using AgentBudget.Protocol.V1;
using Google.Protobuf;

namespace AgentBudget.Identity;

/// <summary>
/// Signs checkpoints of ledgers, with a key of its own: whoever can write to the store cannot sign, and no token is
/// ever signed with it. Safe for any thread.
/// </summary>
public sealed class CheckpointKey : IDisposable
{
    private readonly SigningKey _key;
    private readonly string _header;

    private CheckpointKey(SigningKey key)
    {
        _key = key;
        _header = CheckpointVerifier.HeaderOf(key.KeyId);
    }

    /// <summary>The public part, to be given to who verifies.</summary>
    public CheckpointPublicKey PublicKey
    {
        get
        {
            Dictionary<string, string> jwk = _key.PublicJwk;
            return new CheckpointPublicKey
            {
                Kty = jwk["kty"],
                Crv = jwk["crv"],
                X = jwk["x"],
                Y = jwk["y"],
                Kid = jwk["kid"],
                Use = jwk["use"],
                Alg = jwk["alg"],
            };
        }
    }

    /// <summary>Reads the key from its file (PKCS #8, PEM), or makes both (mode 0600).</summary>
    /// <exception cref="InvalidDataException">The file holds no such key.</exception>
    /// <exception cref="IOException">The file cannot be read or made.</exception>
    public static CheckpointKey LoadOrCreate(string path) => new(SigningKey.LoadOrCreate(path));

    /// <summary>
    /// The checkpoint, signed: a JSON Web Signature in compact form (RFC 7515 §7.1), one line of ASCII.
    /// </summary>
    public string Sign(LedgerCheckpoint checkpoint)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        string payload = JsonFormatter.Default.Format(checkpoint);
        string content = _header + "." + Base64Url.EncodeToString(Encoding.UTF8.GetBytes(payload));
        return content + "." + Base64Url.EncodeToString(_key.Sign(Encoding.ASCII.GetBytes(content)));
    }

    /// <summary>What verifies the signatures of this key.</summary>
    public CheckpointVerifier ToVerifier() => CheckpointVerifier.Of(JsonFormatter.Default.Format(PublicKey));

    /// <inheritdoc/>
    public void Dispose() => _key.Dispose();
}
