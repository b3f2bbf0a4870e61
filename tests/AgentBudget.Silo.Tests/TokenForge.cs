using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace AgentBudget.Silo.Tests;

/// <summary>Makes tokens that nobody should take, and tokens that are as long as one likes.</summary>
internal static class TokenForge
{
    /// <summary>The largest message.</summary>
    public const int BytesMax = 256 * 1024;

    /// <summary>The key that a silo signs with.</summary>
    public static async Task<ECDsa> KeyOfAsync(TestSilo silo)
    {
        ECDsa key = ECDsa.Create();
        key.ImportFromPem(await File.ReadAllTextAsync(Path.Combine(silo.DataFolder, "signing.key")));
        return key;
    }

    /// <summary>A signed token of at least so many characters: with one claim more, the rest as it was.</summary>
    public static string Lengthened(string good, ECDsa key, int chars)
    {
        string[] parts = good.Split('.');
        int missing = Math.Max(0, chars - good.Length);
        string claims = Changed(parts[1], claim => claim["pad"] = new string('x', missing * 3 / 4)).ToJsonString();
        return SignText(Json(parts[0]).ToJsonString(), claims, key);
    }

    /// <summary>A signed token.</summary>
    public static string SignText(string header, string payload, ECDsa key)
    {
        string signed = $"{Encode(header)}.{Encode(payload)}";
        byte[] signature = key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256);
        return $"{signed}.{Base64Url.EncodeToString(signature)}";
    }

    /// <summary>The public part of a key, as a JSON Web Key.</summary>
    public static JsonObject PublicJwk(ECDsa key)
    {
        ECPoint point = key.ExportParameters(includePrivateParameters: false).Q;
        return new JsonObject
        {
            ["kty"] = "EC",
            ["crv"] = "P-256",
            ["x"] = Base64Url.EncodeToString(point.X),
            ["y"] = Base64Url.EncodeToString(point.Y),
        };
    }

    /// <summary>Every way to forge a token, by its name.</summary>
    /// <param name="good">A token that is taken.</param>
    /// <param name="ours">The key that signed it.</param>
    /// <param name="otherType">The <c>typ</c> of the silo's other tokens.</param>
    public static Dictionary<string, string> Forgeries(string good, ECDsa ours, string otherType)
    {
        string[] parts = good.Split('.');
        byte[] publicKey = ours.ExportSubjectPublicKeyInfo();
        long now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        string Sign(Action<JsonObject> header, Action<JsonObject> payload) => SignText(
            Changed(parts[0], header).ToJsonString(), Changed(parts[1], payload).ToJsonString(), ours);
        string Unsigned(string algorithm) => Encode(
            Changed(parts[0], header => header["alg"] = algorithm).ToJsonString()) + "." + parts[1];
        string shared = Unsigned("HS256");
        string flipped = parts[2][..^2] + (parts[2][^2] == 'A' ? 'B' : 'A') + parts[2][^1];
        using ECDsa stranger = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        string claims = Json(parts[1]).ToJsonString();
        return new Dictionary<string, string>
        {
            ["alg none"] = Unsigned("none") + ".",
            ["alg none with the signature"] = Unsigned("none") + "." + parts[2],
            ["alg HS256 with the public key"] =
                $"{shared}.{Base64Url.EncodeToString(HMACSHA256.HashData(publicKey, Encoding.ASCII.GetBytes(shared)))}",
            ["alg ES384"] = Unsigned("ES384") + "." + parts[2],
            ["another typ"] = Sign(header => header["typ"] = "JWT", _ => { }),
            ["the typ of our other tokens"] = Sign(header => header["typ"] = otherType, _ => { }),
            ["no typ"] = Sign(header => header.Remove("typ"), _ => { }),
            ["another audience"] = Sign(_ => { }, payload => payload["aud"] = "elsewhere"),
            ["another issuer"] = Sign(_ => { }, payload => payload["iss"] = "elsewhere"),
            ["expired by six seconds"] = Sign(_ => { }, payload => payload["exp"] = now - 6),
            ["no expiry"] = Sign(_ => { }, payload => payload.Remove("exp")),
            ["an unknown key id"] = Sign(header => header["kid"] = "nobody", _ => { }),
            ["a key of its own"] = SignText(
                Changed(parts[0], header => header["jwk"] = PublicJwk(stranger)).ToJsonString(),
                Json(parts[1]).ToJsonString(),
                stranger),
            ["a key of its own elsewhere"] = SignText(
                Changed(parts[0], header => header["jku"] = "http://127.0.0.1:9/keys").ToJsonString(),
                Json(parts[1]).ToJsonString(),
                stranger),
            ["a tampered signature"] = $"{parts[0]}.{parts[1]}.{flipped}",
            ["a truncated signature"] = $"{parts[0]}.{parts[1]}.{parts[2][..40]}",
            ["no signature"] = $"{parts[0]}.{parts[1]}.",
            ["the same first 200 characters"] = good[..200] + new string('A', good.Length - 200),
            // As if somebody had made us sign them: which of the two counts must never be a question.
            ["duplicate claims"] = SignText(
                Json(parts[0]).ToJsonString(), claims[..^1] + ",\"tenant\":\"acme\"}", ours),
            ["duplicate claims, one by an escape"] = SignText(
                Json(parts[0]).ToJsonString(), claims[..^1] + ",\"t\\u0065nant\":\"acme\"}", ours),
            ["duplicate headers"] = SignText(
                Json(parts[0]).ToJsonString()[..^1] + ",\"alg\":\"ES256\"}", claims, ours),
            ["8 KiB, signed"] = Lengthened(good, ours, 8300),
            ["200 KiB"] = good + new string('A', 200 * 1024),
            ["256 KiB"] = good + new string('A', BytesMax - good.Length),
        };
    }

    private static JsonObject Json(string part) => JsonNode.Parse(Base64Url.DecodeFromChars(part))!.AsObject();

    private static JsonObject Changed(string part, Action<JsonObject> change)
    {
        JsonObject json = Json(part);
        change(json);
        return json;
    }

    private static string Encode(string json) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json));
}
