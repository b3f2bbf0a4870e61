using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace AgentBudget.Silo.Tests;

/// <summary>A client's key that proves itself (DPoP, RFC 9449), written down apart from the product.</summary>
internal sealed class ProofKey : IDisposable
{
    private static int _proofs;

    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    /// <summary>A fresh proof for one request with this authorization.</summary>
    public string Proof(string verb, string url, string shown, Action<JsonObject>? change = null)
    {
        ECPoint point = _key.ExportParameters(includePrivateParameters: false).Q;
        JsonObject header = new()
        {
            ["typ"] = "dpop+jwt",
            ["alg"] = "ES256",
            ["jwk"] = new JsonObject
            {
                ["kty"] = "EC",
                ["crv"] = "P-256",
                ["x"] = Base64Url.EncodeToString(point.X),
                ["y"] = Base64Url.EncodeToString(point.Y),
            },
        };
        JsonObject payload = new()
        {
            ["jti"] = $"proof-{Interlocked.Increment(ref _proofs)}",
            ["htm"] = verb,
            ["htu"] = url,
            ["iat"] = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds(),
            ["ath"] = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(shown))),
        };
        change?.Invoke(payload);
        string signed = $"{Encode(header)}.{Encode(payload)}";
        byte[] signature = _key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256);
        return $"{signed}.{Base64Url.EncodeToString(signature)}";
    }

    public void Dispose() => _key.Dispose();

    private static string Encode(JsonObject json) =>
        Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json.ToJsonString()));
}
