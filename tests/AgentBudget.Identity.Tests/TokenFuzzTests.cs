using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace AgentBudget.Identity.Tests;

/// <summary>
/// Texts that are nearly tokens, by a grammar: whoever reads them throws nothing, and takes nothing that was spoilt.
/// AGENTBUDGET_SEED repeats a run, AGENTBUDGET_TOKENS makes it longer.
/// </summary>
public sealed class TokenFuzzTests(ITestOutputHelper output) : IDisposable
{
    private const int TokensDefault = 5_000;

    private readonly ForeignWorld _world = new();
    private readonly TestFolder _folder = new();

    public void Dispose()
    {
        _world.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Nothing_that_is_nearly_a_token_is_taken_or_throws()
    {
        int seed = NumberOf("AGENTBUDGET_SEED", Environment.TickCount & int.MaxValue);
        output.WriteLine($"AGENTBUDGET_SEED={seed}");
        Random random = new(seed);
        using SigningKey own = SigningKey.LoadOrCreate(_folder.File("signing.key"));
        using KeyRing ring = KeyRing.Of(own);
        AccessTokens access = new(ring, _world.Clock, () => ForeignWorld.Service);
        SessionTokens sessions = new(ring, _world.Clock);
        int taken = 0;
        for (int i = 0; i < NumberOf("AGENTBUDGET_TOKENS", TokensDefault); i++)
        {
            string kind = ForeignWorld.Kinds[random.Next(ForeignWorld.Kinds.Length)];
            (string token, bool isSpoilt) = Next(random, kind);
            string which = $"seed {seed}, token {i}, {kind}: {token}";
            Exception? thrown = await Record.ExceptionAsync(async () =>
            {
                foreach (string reader in ForeignWorld.Kinds)
                {
                    bool isTaken = await _world.TakesAsync(reader, token);
                    Assert.False(isTaken && (isSpoilt || reader != kind), which);
                    taken += isTaken ? 1 : 0;
                }

                Assert.False(access.TryRead(token, out _), which);
                Assert.False(sessions.TryRead(token, takesEnded: true, out _), which);
                PublicKey.IsPublicJwk(token);
                PublicKey.ReadSet(token);
            });
            Assert.True(thrown is null, $"{which}: {thrown}");
        }

        Assert.True(taken > 0, "Some were left as they were, and those are taken.");
    }

    [Fact]
    public void Nothing_that_is_nearly_a_key_or_a_set_throws()
    {
        int seed = NumberOf("AGENTBUDGET_SEED", Environment.TickCount & int.MaxValue);
        output.WriteLine($"AGENTBUDGET_SEED={seed}");
        Random random = new(seed);
        for (int i = 0; i < NumberOf("AGENTBUDGET_TOKENS", TokensDefault); i++)
        {
            JsonObject jwk = Signer.JwkOf(_world.Key);
            for (int spoilt = random.Next(3); spoilt >= 0; spoilt--)
                SpoilMember(random, jwk, ["kty", "crv", "x", "y", "n", "e", "kid", "use", "key_ops", "alg", "d"]);
            string text = SpoilText(random, jwk.ToJsonString());
            string set = SpoilText(random, new JsonObject { ["keys"] = new JsonArray(jwk) }.ToJsonString());
            Exception? thrown = Record.Exception(() =>
            {
                PublicKey.Read(text)?.Verifies("ES256", "content"u8, new byte[64]);
                PublicKey.ReadSet(set);
            });
            Assert.True(thrown is null, $"seed {seed}, key {i}: {text}: {thrown}");
        }
    }

    // A good token of a kind, spoilt in its header, its claims, its text, or not at all.
    private (string Token, bool IsSpoilt) Next(Random random, string kind)
    {
        (JsonObject header, JsonObject claims) = _world.Good(kind);
        switch (random.Next(8))
        {
            case 0:
                return (Signer.Sign(header.ToJsonString(), claims.ToJsonString(), _world.Key), false);
            case 1 or 2:
                // Some changes leave it good: those are not told apart here, so only what must be there is changed.
                SpoilMember(random, header, ["alg", "crit", "b64"], mustDiffer: true);
                return (Signer.Sign(header.ToJsonString(), claims.ToJsonString(), _world.Key), true);
            case 3 or 4:
                string[] needed = kind == "proof" ? ["htm", "htu", "iat"] : ["iss", "sub", "aud", "exp"];
                SpoilMember(random, claims, needed, mustDiffer: true);
                return (Signer.Sign(header.ToJsonString(), claims.ToJsonString(), _world.Key), kind != "subject");
            case 5:
                string spoilt = SpoilText(random, claims.ToJsonString());
                return (Signer.Sign(header.ToJsonString(), spoilt, _world.Key), false);
            case 6:
                return (string.Join('.', Enumerable.Range(0, random.Next(7)).Select(_ => Part(random))), true);
            default:
                string good = Signer.Sign(header.ToJsonString(), claims.ToJsonString(), _world.Key);
                string changed = SpoilText(random, good);
                return (changed, changed != good);
        }
    }

    private static string Part(Random random)
    {
        byte[] bytes = new byte[random.Next(40)];
        random.NextBytes(bytes);
        return random.Next(4) switch
        {
            0 => "y",
            1 => "",
            2 => Base64Url.EncodeToString(bytes),
            _ => Base64Url.EncodeToString(Encoding.UTF8.GetBytes("""{"alg":"ES256","enc":"A128GCM"}""")),
        };
    }

    private static void SpoilMember(Random random, JsonObject json, string[] names, bool mustDiffer = false)
    {
        string name = names[random.Next(names.Length)];
        JsonNode? value = random.Next(11) switch
        {
            0 => null,
            1 => random.NextInt64(),
            2 => true,
            3 => new JsonArray("a", 1),
            4 => new JsonObject { ["sub"] = new JsonObject() },
            5 => "\u202E\u0000é",
            6 => -1.5e300,
            7 => new string('x', 3000),
            8 => "0",
            9 => "",
            _ => new JsonArray(),
        };
        if (mustDiffer || random.Next(4) > 0)
            json[name] = value;
        else
            json.Remove(name);
    }

    private static string SpoilText(Random random, string text)
    {
        if (text.Length == 0)
            return text;
        int at = random.Next(text.Length);
        return random.Next(7) switch
        {
            0 => text.Remove(at, 1),
            1 => text.Insert(at, "."),
            2 => text[..at],
            3 => text.Insert(at, ((char)random.Next(1, 0x180)).ToString()),
            4 => text + text,
            5 => text.Insert(at, "\\ud800"),
            _ => text,
        };
    }

    private static int NumberOf(string variable, int otherwise) =>
        Environment.GetEnvironmentVariable(variable) is { } given
            ? int.Parse(given, NumberStyles.None, CultureInfo.InvariantCulture)
            : otherwise;
}
