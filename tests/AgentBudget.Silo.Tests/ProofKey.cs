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

    /// <summary>Its public part (RFC 7517).</summary>
    public JsonObject PublicJwk
    {
        get
        {
            ECPoint point = _key.ExportParameters(includePrivateParameters: false).Q;
            return new JsonObject
            {
                ["kty"] = "EC",
                ["crv"] = "P-256",
                ["x"] = Base64Url.EncodeToString(point.X),
                ["y"] = Base64Url.EncodeToString(point.Y),
            };
        }
    }

    /// <summary>A fresh proof for one request with this authorization.</summary>
    public string Proof(string verb, string url, string shown, Action<JsonObject>? change = null)
    {
        JsonObject header = new() { ["typ"] = "dpop+jwt", ["alg"] = "ES256", ["jwk"] = PublicJwk };
        JsonObject payload = new()
        {
            ["jti"] = $"proof-{Interlocked.Increment(ref _proofs)}",
            ["htm"] = verb,
            ["htu"] = url,
            ["iat"] = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds(),
            ["ath"] = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(shown))),
        };
        change?.Invoke(payload);
        return Sign(header, payload);
    }

    /// <summary>A fresh assertion of a client that has this key (RFC 7523).</summary>
    public string Assertion(string clientId, string audience)
    {
        long now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        return Sign(new JsonObject { ["typ"] = "JWT", ["alg"] = "ES256" }, new JsonObject
        {
            ["iss"] = clientId,
            ["sub"] = clientId,
            ["aud"] = audience,
            ["jti"] = $"assertion-{Interlocked.Increment(ref _proofs)}",
            ["iat"] = now,
            ["exp"] = now + 120,
        });
    }

    public void Dispose() => _key.Dispose();

    private string Sign(JsonObject header, JsonObject payload)
    {
        string signed = $"{Encode(header)}.{Encode(payload)}";
        byte[] signature = _key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256);
        return $"{signed}.{Base64Url.EncodeToString(signature)}";
    }

    private static string Encode(JsonObject json) =>
        Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json.ToJsonString()));
}
