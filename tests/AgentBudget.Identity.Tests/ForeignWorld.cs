using System.Net;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using AgentBudget.Protocol.Snapshot.V1;
using AgentBudget.Protocol.V1;
using Microsoft.Extensions.Time.Testing;

namespace AgentBudget.Identity.Tests;

/// <summary>A client with a key, an issuer of users, and everything that reads what they sign.</summary>
internal sealed class ForeignWorld : IDisposable
{
    public const string Users = "https://users.example.test";
    public const string Service = "https://budget.example.test";
    public const string TokenPath = "/oauth2/token";

    private readonly TestFolder _folder = new();
    private int _ids;

    public ForeignWorld()
    {
        JsonObject jwk = Signer.JwkOf(Key);
        Client = new LiveCredential("acme", new CredentialState
        {
            Number = 17,
            Principal = "agents/writer",
            Role = Role.Agent,
            PublicJwk = jwk.ToJsonString(),
        });
        jwk["kid"] = "k1";
        KeyFile = _folder.File("keys.json");
        File.WriteAllText(KeyFile, new JsonObject { ["keys"] = new JsonArray(jwk) }.ToJsonString());
        Issuers = new TrustedIssuers(
            [new TrustedIssuer { Issuer = Users, Jwks = KeyFile, Audience = "us", Tenant = "acme" }], Clock);
        Assertions = new ClientAssertions(Clock, ReplayMemory.Open(ReplayKind.Assertions, path: null));
        Proofs = new DpopProofs(Clock, ReplayMemory.Open(ReplayKind.Proofs, path: null), () => Service);
    }

    public FakeTimeProvider Clock { get; } = new(new DateTimeOffset(2026, 11, 28, 12, 0, 0, TimeSpan.Zero));

    public ECDsa Key { get; } = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public LiveCredential Client { get; }

    public string KeyFile { get; }

    public TrustedIssuers Issuers { get; }

    public ClientAssertions Assertions { get; }

    public DpopProofs Proofs { get; }

    public long Now => Clock.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>The kinds of tokens of others.</summary>
    public static readonly string[] Kinds = ["assertion", "subject", "proof"];

    /// <summary>Header and claims of a good token of a kind.</summary>
    public (JsonObject Header, JsonObject Claims) Good(string kind)
    {
        JsonObject header = new() { ["alg"] = "ES256", ["typ"] = kind == "proof" ? "dpop+jwt" : "JWT" };
        JsonObject claims = new() { ["iat"] = Now, ["jti"] = $"id-{++_ids}" };
        switch (kind)
        {
            case "assertion":
                claims["iss"] = "acme.c17";
                claims["sub"] = "acme.c17";
                claims["aud"] = Service;
                claims["exp"] = Now + 60;
                break;
            case "subject":
                header["kid"] = "k1";
                claims["iss"] = Users;
                claims["sub"] = "kim";
                claims["aud"] = "us";
                claims["exp"] = Now + 300;
                break;
            default:
                header["jwk"] = Signer.JwkOf(Key);
                claims["htm"] = "POST";
                claims["htu"] = Service + TokenPath;
                break;
        }

        return (header, claims);
    }

    /// <summary>Whether the reader of a kind takes a text.</summary>
    public async Task<bool> TakesAsync(string kind, string token) => kind switch
    {
        "assertion" => ClientAssertions.ClientIdOf(token) == "acme.c17"
            && await Assertions.CheckAsync(Client, token, Service) == ProofOutcome.Taken,
        "subject" => await Issuers.ReadAsync(Client, token) is not null,
        _ => await Proofs.CheckAsync(token, TargetOf(443), null, ProofOwner.Of(Client))
            is { Outcome: ProofOutcome.Taken },
    };

    public static ProofTarget TargetOf(int port) => new("POST", TokenPath, IPAddress.Parse("10.0.0.7"), port);

    public void Dispose()
    {
        Issuers.Dispose();
        Key.Dispose();
        _folder.Dispose();
    }
}
