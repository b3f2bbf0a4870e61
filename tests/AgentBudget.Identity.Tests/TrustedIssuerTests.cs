using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Time.Testing;

namespace AgentBudget.Identity.Tests;

public sealed class TrustedIssuerTests : IDisposable
{
    private const string Issuer = "https://users.example.test";

    private static readonly LiveCredential Acme = Client("acme");
    private static readonly LiveCredential Other = Client("other");

    private readonly FakeTimeProvider _clock = new();
    private readonly KeyPage _page = new();
    private readonly ECDsa _first = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly ECDsa _second = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    [Fact]
    public async Task Keys_that_come_by_url_are_kept_and_asked_for_again_when_a_token_names_another()
    {
        using TrustedIssuers issuers = new([Trusted(_page.Url)], _clock);
        _page.Text = KeySet(("k1", _first));
        ForeignSubject? subject = await issuers.ReadAsync(Acme, Token("k1", _first));
        Assert.Equal("user:kim", subject!.User);
        await issuers.ReadAsync(Acme, Token("k1", _first));
        Assert.Equal(1, _page.Asked);

        _page.Text = KeySet(("k1", _first), ("k2", _second));
        Assert.Null(await issuers.ReadAsync(Acme, Token("k2", _second)));
        Assert.Equal(1, _page.Asked); // A flood of unknown keys must not become one of questions.
        _clock.Advance(TimeSpan.FromSeconds(30));
        Assert.NotNull(await issuers.ReadAsync(Acme, Token("k2", _second)));
        Assert.NotNull(await issuers.ReadAsync(Acme, Token("k1", _first)));
        Assert.Equal(2, _page.Asked);

        _page.Text = KeySet(("k2", _second));
        _clock.Advance(TimeSpan.FromMinutes(10));
        Assert.Null(await issuers.ReadAsync(Acme, Token("k1", _first)));
    }

    [Fact]
    public async Task A_key_that_left_its_set_counts_no_more_within_a_minute_and_in_a_file_at_once()
    {
        using TrustedIssuers issuers = new([Trusted(_page.Url)], _clock);
        _page.Text = KeySet(("k1", _first), ("k2", _second));
        Assert.NotNull(await issuers.ReadAsync(Acme, Token("k1", _first)));
        _page.Text = KeySet(("k2", _second));
        _clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Null(await issuers.ReadAsync(Acme, Token("k1", _first)));
        Assert.NotNull(await issuers.ReadAsync(Acme, Token("k2", _second)));

        using ForeignWorld world = new();
        (JsonObject header, JsonObject claims) = world.Good("subject");
        string token = Signer.Sign(header.ToJsonString(), claims.ToJsonString(), world.Key);
        Assert.True(await world.TakesAsync("subject", token));
        await File.WriteAllTextAsync(world.KeyFile, """{"keys":[]}""");
        Assert.False(await world.TakesAsync("subject", token));
        File.Delete(world.KeyFile);
        Assert.False(await world.TakesAsync("subject", token));
    }

    [Fact]
    public async Task A_set_of_keys_that_is_none_is_like_an_issuer_that_is_away()
    {
        using TrustedIssuers issuers = new([Trusted(_page.Url)], _clock);
        _page.Text = KeySet(("k1", _first));
        Assert.NotNull(await issuers.ReadAsync(Acme, Token("k1", _first)));
        foreach (string none in (string[])["", "[]", "{", "{\"keys\":7}", "{\"keys\":[],\"keys\":[]}", "\uFEFF{}"])
        {
            _page.Text = none;
            _clock.Advance(TimeSpan.FromMinutes(1));
            Assert.NotNull(await issuers.ReadAsync(Acme, Token("k1", _first)));
        }

        _clock.Advance(TimeSpan.FromHours(1)); // Nobody knows any more what it would say.
        Assert.Null(await issuers.ReadAsync(Acme, Token("k1", _first)));
    }

    [Fact]
    public async Task What_was_known_stays_while_the_page_is_away_and_with_nothing_known_nothing_passes()
    {
        using TrustedIssuers issuers = new([Trusted(_page.Url)], _clock);
        Assert.Null(await issuers.ReadAsync(Acme, Token("k1", _first)));
        _page.Text = KeySet(("k1", _first));
        _clock.Advance(TimeSpan.FromSeconds(30));
        Assert.NotNull(await issuers.ReadAsync(Acme, Token("k1", _first)));

        _page.Text = null;
        _clock.Advance(TimeSpan.FromMinutes(10));
        Assert.NotNull(await issuers.ReadAsync(Acme, Token("k1", _first)));
        Assert.Null(await issuers.ReadAsync(Acme, Token("k2", _second)));
    }

    [Fact]
    public async Task An_issuer_is_trusted_by_the_tenant_that_named_it_alone_and_claims_are_there_once()
    {
        using TrustedIssuers issuers = new([Trusted(_page.Url)], _clock);
        _page.Text = KeySet(("k1", _first));
        Assert.Null(await issuers.ReadAsync(Other, Token("k1", _first)));
        Assert.Null(await issuers.ReadAsync(Acme, Token("k1", _second)));
        Assert.Null(await issuers.ReadAsync(Acme, Token("k1", _first, ",\"sub\":\"sam\"")));
        Assert.NotNull(await issuers.ReadAsync(Acme, Token("k1", _first)));
    }

    [Fact]
    public async Task A_file_names_issuers_whose_keys_are_in_a_file_beside_it_or_come_by_https()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("agentbudget-issuers-");
        try
        {
            string file = Path.Combine(folder.FullName, "issuers.json");
            JsonArray Named(string jwks) =>
                [new JsonObject { ["issuer"] = Issuer, ["jwks"] = jwks, ["audience"] = "us", ["tenant"] = "acme" }];
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, "keys.json"), KeySet(("k1", _first)));
            await File.WriteAllTextAsync(file, Named("keys.json").ToJsonString());
            using TrustedIssuers issuers = new(TrustedIssuers.ReadFile(file), _clock);
            Assert.NotNull(await issuers.ReadAsync(Acme, Token("k1", _first)));

            await File.WriteAllTextAsync(file, Named("http://users.example.test/jwks").ToJsonString());
            Assert.Contains(
                "must come by https",
                Assert.Throws<InvalidDataException>(() => TrustedIssuers.ReadFile(file)).Message,
                StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    public void Dispose()
    {
        _page.Dispose();
        _first.Dispose();
        _second.Dispose();
    }

    private static LiveCredential Client(string tenant) => new(
        tenant,
        new Protocol.Snapshot.V1.CredentialState
        {
            Number = 7,
            Principal = "agents/writer",
            Role = Protocol.V1.Role.Agent,
        });

    private static TrustedIssuer Trusted(string jwks) =>
        new() { Issuer = Issuer, Jwks = jwks, Audience = "us", Tenant = "acme" };

    private static string KeySet(params (string Id, ECDsa Key)[] keys)
    {
        JsonArray all = [];
        foreach ((string id, ECDsa key) in keys)
        {
            ECPoint point = key.ExportParameters(includePrivateParameters: false).Q;
            all.Add(new JsonObject
            {
                ["kty"] = "EC",
                ["crv"] = "P-256",
                ["kid"] = id,
                ["x"] = Base64Url.EncodeToString(point.X),
                ["y"] = Base64Url.EncodeToString(point.Y),
            });
        }

        return new JsonObject { ["keys"] = all }.ToJsonString();
    }

    private string Token(string keyId, ECDsa key, string more = "")
    {
        long now = _clock.GetUtcNow().ToUnixTimeSeconds();
        string header = $$"""{"alg":"ES256","typ":"JWT","kid":"{{keyId}}"}""";
        string claims = $$"""{"iss":"{{Issuer}}","aud":"us","sub":"kim","iat":{{now}},"exp":{{now + 300}}{{more}}}""";
        string signed = $"{Encode(header)}.{Encode(claims)}";
        byte[] signature = key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256);
        return $"{signed}.{Base64Url.EncodeToString(signature)}";
    }

    private static string Encode(string json) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json));
}
