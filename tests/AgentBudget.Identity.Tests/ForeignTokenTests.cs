using System.Text.Json.Nodes;

namespace AgentBudget.Identity.Tests;

/// <summary>What tokens of others have to be: one strict rule for all kinds, and what each kind adds.</summary>
public sealed class ForeignTokenTests : IDisposable
{
    private readonly ForeignWorld _world = new();

    public void Dispose() => _world.Dispose();

    [Fact]
    public async Task A_good_token_of_each_kind_is_taken()
    {
        foreach (string kind in ForeignWorld.Kinds)
            Assert.True(await TakesAsync(kind, (_, _) => { }), kind);
    }

    [Fact]
    public async Task What_no_token_may_be_is_refused_of_every_kind()
    {
        Dictionary<string, Action<JsonObject, JsonObject>> wrong = new()
        {
            ["crit"] = (header, _) => header["crit"] = new JsonArray("exp"),
            ["crit that names nothing"] = (header, _) => header["crit"] = new JsonArray(),
            ["b64"] = (header, _) => header["b64"] = true,
            ["zip"] = (header, _) => header["zip"] = "DEF",
            ["alg none"] = (header, _) => header["alg"] = "none",
            ["alg of another curve"] = (header, _) => header["alg"] = "ES384",
            ["alg of another kind of key"] = (header, _) => header["alg"] = "RS256",
            ["alg as a number"] = (header, _) => header["alg"] = 256,
            ["kid as a list"] = (header, _) => header["kid"] = new JsonArray("k1"),
            ["typ of another token"] = (header, _) => header["typ"] = "secevent+jwt",
            ["typ of a logout"] = (header, _) => header["typ"] = "logout+jwt",
            ["typ of our sessions"] = (header, _) => header["typ"] = SessionTokens.TokenType,
            ["typ as nothing"] = (header, _) => header["typ"] = null,
            ["exp as text"] = (_, claims) => claims["exp"] = "99999999999",
            ["exp before the beginning"] = (_, claims) => claims["exp"] = -1,
            ["exp past"] = (_, claims) => claims["exp"] = _world.Now - 6,
            ["exp before iat"] = (_, claims) => claims["exp"] = (long)claims["iat"]! - 1,
            ["exp beyond all numbers"] = (_, claims) => claims["exp"] = 1e300,
            ["iat as text"] = (_, claims) => claims["iat"] = "1",
            ["iat ahead"] = (_, claims) => claims["iat"] = _world.Now + 6,
            ["nbf ahead"] = (_, claims) => claims["nbf"] = _world.Now + 6,
            ["nbf as a truth"] = (_, claims) => claims["nbf"] = true,
            ["jti as nothing"] = (_, claims) => claims["jti"] = null,
            ["jti as a number"] = (_, claims) => claims["jti"] = 7,
            ["sub as a list"] = (_, claims) => claims["sub"] = new JsonArray("kim"),
            ["aud as a number"] = (_, claims) => claims["aud"] = 7,
            ["aud with a number in it"] = (_, claims) => claims["aud"] = new JsonArray("us", 7),
            ["act as text"] = (_, claims) => claims["act"] = "agents/writer",
            ["act as a list"] = (_, claims) => claims["act"] = new JsonArray(),
            ["act that names nobody"] = (_, claims) => claims["act"] = new JsonObject(),
            ["act within act as text"] = (_, claims) =>
                claims["act"] = new JsonObject { ["sub"] = "one", ["act"] = "two" },
            ["cnf as text"] = (_, claims) => claims["cnf"] = "key",
        };
        foreach (string kind in ForeignWorld.Kinds)
        {
            foreach ((string name, Action<JsonObject, JsonObject> change) in wrong)
                Assert.False(await TakesAsync(kind, change), $"{kind}: {name}");
        }
    }

    [Fact]
    public async Task A_token_of_a_user_says_when_it_was_issued_and_counts_for_a_day()
    {
        const long day = 24 * 3600;
        Assert.False(await TakesAsync("subject", (_, claims) => claims.Remove("iat")));
        Assert.False(await TakesAsync("subject", (_, claims) => claims["iat"] = _world.Now - day - 1));
        Assert.True(await TakesAsync("subject", (_, claims) => claims["iat"] = _world.Now - day));
    }

    [Fact]
    public async Task What_is_not_exactly_a_token_is_refused_of_every_kind()
    {
        foreach (string kind in ForeignWorld.Kinds)
        {
            (JsonObject header, JsonObject claims) = _world.Good(kind);
            string good = Signer.Sign(header.ToJsonString(), claims.ToJsonString(), _world.Key);
            string[] parts = good.Split('.');
            string twice = claims.ToJsonString()[..^1] + ",\"jti\":\"other\"}";
            string deep = string.Concat(Enumerable.Repeat("{\"a\":", 200)) + "1" + new string('}', 200);
            string[] wrong =
            [
                "", ".", "..", "...", "....", "eyJhbGciOiJFUzI1NiJ9.y...D", $"{parts[0]}.{parts[1]}",
                $"{good}.", $".{good}", $"{good}.{parts[2]}.{parts[2]}",
                $"{good} ", $" {good}", $"{good}=", $"{good}\n",
                $"{parts[0]}=.{parts[1]}.{parts[2]}", $"{parts[0]}. {parts[1]}.{parts[2]}",
                $"{parts[0]}.{parts[1]}.", $"{parts[0]}..{parts[2]}", good.Replace('e', 'é'),
                Signer.Sign(header.ToJsonString(), twice, _world.Key),
                Signer.Sign(header.ToJsonString(), "[]", _world.Key),
                Signer.Sign(header.ToJsonString(), "", _world.Key),
                Signer.Sign(header.ToJsonString(), "null", _world.Key),
                Signer.Sign(header.ToJsonString(), deep, _world.Key),
                Signer.Sign("\uFEFF" + header.ToJsonString(), claims.ToJsonString(), _world.Key),
                Signer.Sign(header.ToJsonString(), claims.ToJsonString()[..^1] + ",\"x\":\"\\ud800\"}", _world.Key),
                Signer.Sign(header.ToJsonString(), claims.ToJsonString()[..^1] + ",\"\\udc00\":1}", _world.Key),
            ];
            foreach (string one in wrong)
                Assert.False(await _world.TakesAsync(kind, one), $"{kind}: {one}");
            Assert.True(await _world.TakesAsync(kind, good), kind);
        }
    }

    [Fact]
    public async Task A_kind_is_held_to_its_own_type()
    {
        Assert.True(await TakesAsync("subject", (header, _) => header.Remove("typ")));
        Assert.True(await TakesAsync("subject", (header, _) => header["typ"] = "application/at+jwt"));
        Assert.False(await TakesAsync("subject", (header, _) => header["typ"] = "dpop+jwt"));
        Assert.True(await TakesAsync("assertion", (header, _) => header["typ"] = "client-authentication+jwt"));
        Assert.False(await TakesAsync("assertion", (header, _) => header["typ"] = "at+jwt"));
        Assert.False(await TakesAsync("proof", (header, _) => header["typ"] = "JWT"));
        Assert.False(await TakesAsync("proof", (header, _) => header.Remove("typ")));
    }

    [Fact]
    public async Task An_audience_is_exact_and_alone()
    {
        foreach (string kind in (string[])["assertion", "subject"])
        {
            string right = kind == "subject" ? "us" : ForeignWorld.Service;
            Assert.True(await TakesAsync(kind, (_, claims) => claims["aud"] = new JsonArray(right)));
            JsonNode?[] wrong =
            [
                right + "/", right.ToUpperInvariant(), $" {right}", new JsonArray(right, "others"),
                new JsonArray(right, right), new JsonArray(), null,
            ];
            foreach (JsonNode? audience in wrong)
            {
                Assert.False(
                    await TakesAsync(kind, (_, claims) => claims["aud"] = audience?.DeepClone()),
                    $"{kind}: {audience?.ToJsonString()}");
            }

            Assert.False(await TakesAsync(kind, (_, claims) => claims.Remove("aud")));
        }
    }

    [Fact]
    public async Task An_assertion_says_who_when_and_which_it_is()
    {
        foreach (string claim in (string[])["iss", "sub", "aud", "exp", "iat", "jti"])
            Assert.False(await TakesAsync("assertion", (_, claims) => claims.Remove(claim)), claim);
        Assert.False(await TakesAsync("assertion", (_, claims) => claims["sub"] = "acme.c18"));
        Assert.False(await TakesAsync("assertion", (_, claims) => claims["exp"] = _world.Now + 306));
    }

    [Fact]
    public async Task A_subject_token_names_a_user_in_visible_characters_and_lets_the_client_act()
    {
        foreach (JsonNode? user in new JsonNode?[]
        {
            7, true, null, "", " ", "kim ", "ki\u200Bm", "kim\u202E", "kim\nlee", "\u3164", new JsonArray("kim"),
        })
        {
            Assert.False(
                await TakesAsync("subject", (_, claims) => claims["sub"] = user?.DeepClone()),
                $"{user?.ToJsonString()}");
        }

        // The claim of a logout, which need not say its type.
        Assert.False(await TakesAsync("subject", (header, token) =>
        {
            header.Remove("typ");
            token["events"] = new JsonObject
            {
                ["http://schemas.openid.net/event/backchannel-logout"] = new JsonObject(),
            };
        }));

        (JsonObject header, JsonObject claims) = _world.Good("subject");
        claims["sub"] = "Rene\u0301e";
        ForeignSubject? read = await _world.Issuers.ReadAsync(
            _world.Client, Signer.Sign(header.ToJsonString(), claims.ToJsonString(), _world.Key));
        Assert.Equal("user:Ren\u00E9e", read!.User);

        Assert.True(await TakesAsync("subject", MayAct("""{"sub":"agents/writer"}""")));
        Assert.True(await TakesAsync("subject", MayAct("""{"client_id":"acme.c17"}""")));
        foreach (string other in (string[])["""{"sub":"agents/other"}""", "{}", """{"iss":"x"}""", """{"sub":7}"""])
            Assert.False(await TakesAsync("subject", MayAct(other)), other);
        Assert.False(
            await TakesAsync("subject", (_, token) => token["cnf"] = new JsonObject { ["jkt"] = "thumbprint" }));
    }

    [Fact]
    public async Task A_proof_is_for_our_host_its_verb_and_its_path()
    {
        async Task<ProofOutcome> CheckAsync(string url, int port = 443)
        {
            (JsonObject header, JsonObject claims) = _world.Good("proof");
            claims["htu"] = url;
            ProvenKey proven = await _world.Proofs.CheckAsync(
                Signer.Sign(header.ToJsonString(), claims.ToJsonString(), _world.Key),
                ForeignWorld.TargetOf(port),
                accessToken: null,
                ProofOwner.Of(_world.Client));
            return proven.Outcome;
        }

        foreach (string right in (string[])
            ["https://budget.example.test/oauth2/token", "https://BUDGET.example.test/oauth2/token?x#y",
            "https://budget.example.test:443/oauth2/token"])
        {
            Assert.Equal(ProofOutcome.Taken, await CheckAsync(right));
        }

        Assert.Equal(ProofOutcome.Taken, await CheckAsync("http://10.0.0.7:7070/oauth2/token", port: 7070));
        Assert.Equal(ProofOutcome.Taken, await CheckAsync("http://budget.example.test:7070/oauth2/token", port: 7070));
        foreach (string wrong in (string[])
            ["https://evil.example.test/oauth2/token", "https://budget.example.test.evil.test/oauth2/token",
            "https://budget.example.test:8443/oauth2/token", "https://budget.example.test@evil.test/oauth2/token",
            "https://kim@budget.example.test/oauth2/token", "https://budget.example.test/oauth2/token/",
            "https://budget.example.test/OAuth2/token", "file:///oauth2/token", "/oauth2/token", "ftp://x/oauth2/token",
            "http://10.0.0.8/oauth2/token", "", "https://"])
        {
            Assert.Equal(ProofOutcome.Refused, await CheckAsync(wrong));
        }
    }

    private static Action<JsonObject, JsonObject> MayAct(string json) =>
        (_, claims) => claims["may_act"] = JsonNode.Parse(json);

    private Task<bool> TakesAsync(string kind, Action<JsonObject, JsonObject> change)
    {
        (JsonObject header, JsonObject claims) = _world.Good(kind);
        change(header, claims);
        return _world.TakesAsync(kind, Signer.Sign(header.ToJsonString(), claims.ToJsonString(), _world.Key));
    }
}
