using System.Security.Cryptography;
using AgentBudget.Protocol.Snapshot.V1;
using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Microsoft.Extensions.Time.Testing;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace AgentBudget.Identity.Tests;

public sealed class ClientAssertionTests : IDisposable
{
    private const string Issuer = "https://budget.example.test";

    private readonly FakeTimeProvider _clock = new();
    private readonly TestFolder _folder = new();
    private readonly ClientAssertions _assertions;
    private readonly LiveCredential _credential;
    private readonly string _publicJwk;

    public ClientAssertionTests()
    {
        _assertions = new ClientAssertions(_clock, ReplayMemory.Open(ReplayKind.Assertions, path: null));
        // A file of ours is the shortest way to a key pair with its public part as JSON.
        using CheckpointKey key = CheckpointKey.LoadOrCreate(_folder.File("client.key"));
        _publicJwk = JsonFormatter.Default.Format(key.PublicKey);
        _credential = new LiveCredential("acme", new CredentialState
        {
            Number = 17,
            Principal = "agents/writer",
            Role = Role.Agent,
            PublicJwk = _publicJwk,
        });
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_client_with_a_public_key_proves_itself_to_this_issuer_once_and_for_minutes()
    {
        string good = Assertion();
        Assert.Equal("acme.c17", ClientAssertions.ClientIdOf(good));
        Assert.True(await IsTakenAsync(_credential, good));
        Assert.False(await IsTakenAsync(_credential, good), "used again");
        Assert.False(await IsTakenAsync(_credential, Assertion(audience: "https://other.example.test")));
        Assert.False(await IsTakenAsync(_credential, Assertion(audience: Issuer + "/oauth2/token")));
        Assert.False(await IsTakenAsync(_credential, Assertion(subject: "acme.c18")));
        Assert.False(await IsTakenAsync(_credential, Assertion(lifetimeSeconds: 3600)));
        Assert.False(await IsTakenAsync(_credential, Assertion(file: "another.key")));
        string late = Assertion(lifetimeSeconds: 60);
        _clock.Advance(TimeSpan.FromSeconds(66));
        Assert.False(await IsTakenAsync(_credential, late));
        Assert.True(await IsTakenAsync(_credential, Assertion()));
    }

    [Fact]
    public async Task A_client_that_uses_up_ids_uses_up_none_of_another_clients()
    {
        LiveCredential other = new("acme", new CredentialState
        {
            Number = 18,
            Principal = "agents/reader",
            Role = Role.Agent,
            PublicJwk = _publicJwk,
        });
        Assert.True(await IsTakenAsync(_credential, Assertion(id: "1")));
        Assert.False(await IsTakenAsync(_credential, Assertion(id: "1")));
        Assert.True(await IsTakenAsync(other, Assertion(client: "acme.c18", subject: "acme.c18", id: "1")));
        Assert.False(await IsTakenAsync(other, Assertion(client: "acme.c18", subject: "acme.c18", id: "1")));
    }

    private async Task<bool> IsTakenAsync(LiveCredential credential, string assertion) =>
        await _assertions.CheckAsync(credential, assertion, Issuer) == ProofOutcome.Taken;

    private string Assertion(
        string audience = Issuer,
        string subject = "acme.c17",
        int lifetimeSeconds = 60,
        string file = "client.key",
        string client = "acme.c17",
        string? id = null)
    {
        using ECDsa ecdsa = ECDsa.Create();
        if (File.Exists(_folder.File(file)))
            ecdsa.ImportFromPem(File.ReadAllText(_folder.File(file)));
        else
            ecdsa.GenerateKey(ECCurve.NamedCurves.nistP256);
        DateTime now = _clock.GetUtcNow().UtcDateTime;
        return new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
        {
            Issuer = client,
            Audience = audience,
            IssuedAt = now,
            NotBefore = now,
            Expires = now.AddSeconds(lifetimeSeconds),
            Claims = new Dictionary<string, object> { ["sub"] = subject, ["jti"] = id ?? Base64Url(16) },
            SigningCredentials = new SigningCredentials(
                new ECDsaSecurityKey(ecdsa) { CryptoProviderFactory = new CryptoProviderFactory() },
                SecurityAlgorithms.EcdsaSha256),
        });
    }

    private static string Base64Url(int bytes) => Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(bytes));
}
