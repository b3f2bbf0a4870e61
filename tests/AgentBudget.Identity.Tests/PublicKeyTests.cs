using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace AgentBudget.Identity.Tests;

public sealed class PublicKeyTests : IDisposable
{
    private readonly ECDsa _ec = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly RSA _rsa = RSA.Create(2048);

    public void Dispose()
    {
        _ec.Dispose();
        _rsa.Dispose();
    }

    [Fact]
    public void Keys_for_signatures_of_both_kinds_are_taken()
    {
        Assert.True(PublicKey.IsPublicJwk(Ec(_ => { })));
        Assert.True(PublicKey.IsPublicJwk(Ec(key => key["use"] = "sig")));
        Assert.True(PublicKey.IsPublicJwk(Ec(key => key["key_ops"] = new JsonArray("verify"))));
        Assert.True(PublicKey.IsPublicJwk(Rsa(_ => { })));
        Assert.True(PublicKey.IsPublicJwk(Rsa(key => key["e"] = "Aw")), "3 is an exponent");
    }

    [Fact]
    public void A_key_is_for_an_algorithm_of_its_kind_and_its_id_is_seen()
    {
        Assert.True(PublicKey.IsPublicJwk(Ec(key => key["alg"] = "ES256")));
        Assert.True(PublicKey.IsPublicJwk(Rsa(key => key["alg"] = "PS256")));
        foreach (string other in (string[])["ES384", "RS256", "none", "HS256", "es256"])
            Assert.False(PublicKey.IsPublicJwk(Ec(key => key["alg"] = other)), other);
        foreach (string other in (string[])["ES256", "RS1", "RSA-OAEP"])
            Assert.False(PublicKey.IsPublicJwk(Rsa(key => key["alg"] = other)), other);
        Assert.False(PublicKey.IsPublicJwk(Ec(key => key["kid"] = "k\u202E1")));
    }

    [Fact]
    public void A_point_beside_the_curve_is_no_key()
    {
        string other = Signer.JwkOf(ECDsa.Create(ECCurve.NamedCurves.nistP256))["y"]!.ToString();
        string zero = Base64Url.EncodeToString(new byte[32]);
        string large = Base64Url.EncodeToString(Enumerable.Repeat((byte)0xFF, 32).ToArray());
        foreach (Action<JsonObject> change in new Action<JsonObject>[]
        {
            key => key["y"] = other, key => key["x"] = large, key => key["y"] = large,
            key => { key["x"] = zero; key["y"] = zero; },
            key => key["x"] = "AQAB", key => key["x"] = key["x"] + "A", key => key["x"] = key["x"] + "=",
            key => key["crv"] = "P-384", key => key["crv"] = "secp256k1", key => key.Remove("y"), key => key["y"] = 7,
        })
        {
            Assert.False(PublicKey.IsPublicJwk(Ec(change)));
        }
    }

    [Fact]
    public void A_weak_or_odd_RSA_key_is_none()
    {
        using RSA small = RSA.Create(1024);
        byte[] even = _rsa.ExportParameters(includePrivateParameters: false).Modulus!;
        even[^1] &= 0xFE;
        string padded = Base64Url.EncodeToString(new byte[200].Concat(
            small.ExportParameters(includePrivateParameters: false).Modulus!).ToArray());
        foreach (Action<JsonObject> change in new Action<JsonObject>[]
        {
            key => key["e"] = "AQ", key => key["e"] = "Ag", key => key["e"] = "AA", key => key["e"] = "",
            key => key["e"] = "AQABAQAB", key => key["n"] = Signer.JwkOf(small)["n"]!.DeepClone(),
            key => key["n"] = padded, key => key["n"] = Base64Url.EncodeToString(even),
            key => key["n"] = Base64Url.EncodeToString(Enumerable.Repeat((byte)0xFF, 1025).ToArray()),
            key => key["n"] = "",
        })
        {
            Assert.False(PublicKey.IsPublicJwk(Rsa(change)));
        }
    }

    [Fact]
    public void A_private_shared_doubled_or_other_key_is_none()
    {
        string good = Ec(_ => { });
        string[] wrong =
        [
            good[..^1] + ",\"x\":\"AAAA\"}", good[..^1] + ",\"kt\\u0079\":\"EC\"}", Ec(key => key["d"] = "AAAA"),
            Rsa(key => key["p"] = "AAAA"), Ec(key => key["k"] = "AAAA"), Ec(key => key["use"] = "enc"),
            Ec(key => key["key_ops"] = new JsonArray("sign")), Ec(key => key["key_ops"] = "verify"),
            Ec(key => key["kty"] = "oct"), Ec(key => key["kty"] = 7), Ec(key => key["kid"] = 7), "[]", "7", "null",
            "{\"kty\":\"EC\",\"crv\":\"\\ud800\"}", good + good, new string(' ', 5000) + good,
        ];
        Assert.All(wrong, text => Assert.False(PublicKey.IsPublicJwk(text), text));
    }

    [Fact]
    public void A_key_verifies_by_the_algorithms_of_its_kind_alone()
    {
        PublicKey ec = PublicKey.Read(Ec(_ => { }))!;
        PublicKey rsa = PublicKey.Read(Rsa(_ => { }))!;
        byte[] content = "content"u8.ToArray();
        byte[] signed = _ec.SignData(content, HashAlgorithmName.SHA256);
        byte[] pkcs = _rsa.SignData(content, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        byte[] pss = _rsa.SignData(content, HashAlgorithmName.SHA256, RSASignaturePadding.Pss);
        Assert.True(ec.Verifies("ES256", content, signed));
        Assert.True(rsa.Verifies("RS256", content, pkcs));
        Assert.True(rsa.Verifies("PS256", content, pss));
        Assert.False(rsa.Verifies("PS256", content, pkcs));
        Assert.False(rsa.Verifies("ES256", content, signed));
        Assert.False(ec.Verifies("RS256", content, pkcs));
        Assert.False(ec.Verifies("HS256", content, signed));
        Assert.False(ec.Verifies("ES256", content, signed.AsSpan(0, 63)));
        Assert.False(PublicKey.Read(Rsa(key => key["alg"] = "PS256"))!.Verifies("RS256", content, pkcs));
    }

    private string Ec(Action<JsonObject> change) => Changed(Signer.JwkOf(_ec), change);

    private string Rsa(Action<JsonObject> change) => Changed(Signer.JwkOf(_rsa), change);

    private static string Changed(JsonObject key, Action<JsonObject> change)
    {
        change(key);
        return key.ToJsonString();
    }
}
