using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Time.Testing;

namespace AgentBudget.Identity.Tests;

public sealed class SessionTokenTests : IDisposable
{
    private static readonly DateTimeOffset Start = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);

    private readonly TestFolder _folder = new();
    private readonly FakeTimeProvider _clock = new(Start);
    private readonly SigningKey _key;
    private readonly SessionTokens _tokens;

    public SessionTokenTests()
    {
        _key = SigningKey.LoadOrCreate(_folder.File("signing.key"));
        _tokens = new SessionTokens(_key, _clock);
    }

    public void Dispose()
    {
        _key.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void A_minted_token_reads_as_the_session_it_was_minted_for()
    {
        SessionCaller session = Session();

        Assert.True(_tokens.TryRead(_tokens.Mint(session), takesEnded: false, out SessionCaller? read));

        Assert.Equal(session, read);
    }

    [Fact]
    public void An_unattended_session_acts_as_its_agent()
    {
        SessionCaller session = Session() with { OnBehalfOf = "", Scope = "" };

        Assert.True(_tokens.TryRead(_tokens.Mint(session), takesEnded: false, out SessionCaller? read));

        Assert.Equal(session, read);
    }

    [Fact]
    public void A_token_says_what_the_standards_ask_for()
    {
        string[] parts = _tokens.Mint(Session()).Split('.');

        JsonNode header = Json(parts[0]);
        JsonNode payload = Json(parts[1]);
        Assert.Equal("ES256", (string?)header["alg"]);
        Assert.Equal("agentbudget-session+jwt", (string?)header["typ"]);
        Assert.Equal(_key.KeyId, (string?)header["kid"]);
        Assert.Equal("agentbudget", (string?)payload["iss"]);
        Assert.Equal("agentbudget.v1", (string?)payload["aud"]);
        Assert.Equal("user:kim@acme.test", (string?)payload["sub"]);
        Assert.Equal("agents/promo-writer", (string?)payload["act"]?["sub"]);
        Assert.Equal("crm.read search.*", (string?)payload["scope"]);
        Assert.Equal(_clock.GetUtcNow().ToUnixTimeSeconds(), (long?)payload["iat"]);
        Assert.Null(payload["nbf"]);
    }

    [Fact]
    public void A_token_that_comes_again_as_the_same_object_is_held_to_its_expiry()
    {
        string token = _tokens.Mint(Session());
        Assert.True(_tokens.TryReadShared(token, takesEnded: false, out SessionCaller? first));
        Assert.True(_tokens.TryReadShared(token, takesEnded: false, out SessionCaller? again));
        Assert.Same(first, again);

        _clock.Advance(TimeSpan.FromSeconds(606));

        Assert.False(_tokens.TryReadShared(token, takesEnded: false, out _));
        Assert.True(_tokens.TryReadShared(token, takesEnded: true, out _));
        string forged = token[..^2] + (token[^2] == 'A' ? "BA" : "AA");
        Assert.False(_tokens.TryReadShared(forged, takesEnded: true, out _));
        Assert.False(_tokens.TryReadShared(forged, takesEnded: true, out _));
    }

    [Fact]
    public void A_token_counts_until_five_seconds_after_its_expiry()
    {
        string token = _tokens.Mint(Session());

        _clock.Advance(TimeSpan.FromSeconds(604));
        Assert.True(_tokens.TryRead(token, takesEnded: false, out _));
        _clock.Advance(TimeSpan.FromSeconds(2));
        Assert.False(_tokens.TryRead(token, takesEnded: false, out _));
    }

    [Fact]
    public void An_expired_token_still_names_its_session_where_spend_is_recorded()
    {
        string token = _tokens.Mint(Session());
        _clock.Advance(TimeSpan.FromDays(30));

        Assert.True(_tokens.TryRead(token, takesEnded: true, out SessionCaller? read));
        Assert.Equal("sessions/s17", read.Session);
    }

    [Fact]
    public void A_token_of_before_a_restart_is_read_after_it()
    {
        string token;
        using (SigningKey before = SigningKey.LoadOrCreate(_folder.File("signing.key")))
        {
            SessionTokens tokens = new(before, _clock);
            token = tokens.Mint(Session());
            Assert.True(tokens.TryRead(token, takesEnded: false, out _));
        }

        using SigningKey after = SigningKey.LoadOrCreate(_folder.File("signing.key"));
        Assert.True(new SessionTokens(after, _clock).TryRead(token, takesEnded: false, out _));
    }

    [Fact]
    public void A_session_with_too_many_tools_gets_a_token_without_a_scope()
    {
        string token = _tokens.Mint(Session() with { Scope = new string('t', 20_000) });

        Assert.True(_tokens.TryRead(token, takesEnded: false, out SessionCaller? read));
        Assert.Equal("", read.Scope);
    }

    [Fact]
    public void Nothing_but_a_token_reads_as_one()
    {
        string token = _tokens.Mint(Session());
        string[] parts = token.Split('.');
        string[] wrong =
        [
            "", ".", "..", "a.b.c", "Bearer", "eyJ", "\u0000", "é", token + ".", "." + token, token + " ",
            parts[0], $"{parts[0]}.{parts[1]}", $"{parts[0]}.{parts[1]}.", $".{parts[1]}.{parts[2]}",
            $"{parts[0]}..{parts[2]}", $"{parts[1]}.{parts[0]}.{parts[2]}",
            token + new string('A', 9000), new string('A', 8 * 1024), new string('.', 8 * 1024),
            $"{parts[0]}.{parts[1]}.{parts[2]}.{parts[2]}.{parts[2]}",
        ];

        Assert.All(wrong, text => Assert.False(_tokens.TryRead(text, takesEnded: true, out _), text));
    }

    [Fact]
    public void No_byte_of_a_token_can_be_changed_or_cut()
    {
        string token = _tokens.Mint(Session());
        for (int index = 0; index < token.Length; index += 7)
        {
            char other = token[index] == 'A' ? 'B' : 'A';
            string tampered = token[..index] + other + token[(index + 1)..];
            Assert.False(_tokens.TryRead(tampered, takesEnded: true, out _), $"changed at {index}");
            Assert.False(_tokens.TryRead(token.AsSpan(0, index), takesEnded: true, out _), $"cut at {index}");
        }
    }

    [Fact]
    public void A_token_of_another_key_is_refused_even_under_our_key_id()
    {
        using SigningKey other = SigningKey.LoadOrCreate(_folder.File("other.key"));
        string token = new SessionTokens(other, _clock).Mint(Session());
        Assert.False(_tokens.TryRead(token, takesEnded: true, out _));

        using ECDsa attacker = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Assert.False(_tokens.TryRead(Forge(_ => { }, _ => { }, attacker), takesEnded: true, out _));
    }

    [Fact]
    public void A_header_cannot_bring_its_own_key()
    {
        using ECDsa attacker = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        ECPoint point = attacker.ExportParameters(includePrivateParameters: false).Q;
        string token = Forge(
            header =>
            {
                header.Remove("kid");
                header["jwk"] = new JsonObject
                {
                    ["kty"] = "EC",
                    ["crv"] = "P-256",
                    ["x"] = Base64Url.EncodeToString(point.X),
                    ["y"] = Base64Url.EncodeToString(point.Y),
                };
                header["jku"] = "http://127.0.0.1:1/keys";
            },
            _ => { },
            attacker);

        Assert.False(_tokens.TryRead(token, takesEnded: true, out _));
    }

    public static TheoryData<string> Forgeries() =>
        ["typ", "no typ", "kid", "no kid", "iss", "aud", "no exp", "no session"];

    [Theory]
    [MemberData(nameof(Forgeries))]
    public void A_token_signed_by_us_for_something_else_is_refused(string forgery)
    {
        using ECDsa ours = OurKey();
        string genuine = Forge(_ => { }, _ => { }, ours);
        Assert.True(_tokens.TryRead(genuine, takesEnded: true, out _), "the forge itself works");

        string token = Forge(
            header =>
            {
                if (forgery == "typ") header["typ"] = "JWT";
                if (forgery == "no typ") header.Remove("typ");
                if (forgery == "kid") header["kid"] = "another";
                if (forgery == "no kid") header.Remove("kid");
            },
            payload =>
            {
                if (forgery == "iss") payload["iss"] = "agentbudget2";
                if (forgery == "aud") payload["aud"] = "agentbudget.v2";
                if (forgery == "no exp") payload.Remove("exp");
                if (forgery == "no session") payload.Remove("session");
            },
            ours);

        Assert.False(_tokens.TryRead(token, takesEnded: true, out _));
    }

    [Fact]
    public void The_algorithm_cannot_be_swapped_for_none_or_for_a_shared_secret()
    {
        string[] parts = _tokens.Mint(Session()).Split('.');
        foreach (string algorithm in new[] { "none", "None", "HS256", "ES384", "RS256" })
        {
            JsonNode header = Json(parts[0]);
            header["alg"] = algorithm;
            string signed = $"{Encode(header)}.{parts[1]}";
            byte[] secret = Encoding.ASCII.GetBytes(PublicPem());
            string mac = Base64Url.EncodeToString(HMACSHA256.HashData(secret, Encoding.ASCII.GetBytes(signed)));
            foreach (string signature in new[] { "", parts[2], mac })
                Assert.False(_tokens.TryRead($"{signed}.{signature}", takesEnded: true, out _), algorithm);
        }
    }

    [Fact]
    public void A_token_that_was_read_once_is_known_again_without_allocating()
    {
        string token = _tokens.Mint(Session());
        Assert.True(_tokens.TryRead(token, takesEnded: false, out SessionCaller? first));
        Assert.True(_tokens.TryRead(token, takesEnded: false, out _));

        long before = GC.GetAllocatedBytesForCurrentThread();
        bool isRead = _tokens.TryRead(token, takesEnded: false, out SessionCaller? again);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.True(isRead);
        Assert.Same(first, again);
        Assert.Equal(0, allocated);
    }

    [Fact]
    public void The_cache_forgets_what_is_not_used_and_never_grows_past_its_bound()
    {
        TokenCache<SessionCaller> cache = new(generationEntriesMax: 10);
        TokenHash used = TokenHash.Of("used"u8);
        TokenHash unused = TokenHash.Of("unused"u8);
        cache.Add(used, Session());
        cache.Add(unused, Session());
        for (int index = 0; index < 100; index++)
        {
            cache.Add(TokenHash.Of(Encoding.ASCII.GetBytes($"{index}")), Session());
            Assert.True(cache.TryGet(used, out _), $"still known after {index}");
            Assert.InRange(cache.Count, 1, 20);
        }

        Assert.False(cache.TryGet(unused, out _));
    }

    private static SessionCaller Session() => new()
    {
        Tenant = "acme",
        Session = "sessions/s17",
        Agent = "agents/promo-writer",
        UseCase = "useCases/trade-promo",
        OnBehalfOf = "user:kim@acme.test",
        Scope = "crm.read search.*",
        ExpiresAtSeconds = Start.AddMinutes(10).ToUnixTimeSeconds(),
    };

    private static JsonNode Json(string part) => JsonNode.Parse(Base64Url.DecodeFromChars(part))!;

    private static string Encode(JsonNode node) =>
        Base64Url.EncodeToString(Encoding.UTF8.GetBytes(node.ToJsonString()));

    private ECDsa OurKey()
    {
        ECDsa key = ECDsa.Create();
        key.ImportFromPem(File.ReadAllText(_folder.File("signing.key")));
        return key;
    }

    private string PublicPem()
    {
        using ECDsa key = OurKey();
        return key.ExportSubjectPublicKeyInfoPem();
    }

    private string Forge(Action<JsonObject> header, Action<JsonObject> payload, ECDsa key)
    {
        string[] parts = _tokens.Mint(Session()).Split('.');
        JsonObject forgedHeader = Json(parts[0]).AsObject();
        JsonObject forgedPayload = Json(parts[1]).AsObject();
        header(forgedHeader);
        payload(forgedPayload);
        string signed = $"{Encode(forgedHeader)}.{Encode(forgedPayload)}";
        byte[] signature = key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256);
        return $"{signed}.{Base64Url.EncodeToString(signature)}";
    }
}
