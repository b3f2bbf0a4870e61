using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Extensions.Time.Testing;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace AgentBudget.Identity.Tests;

public sealed class CheckpointTests : IDisposable
{
    private static readonly LedgerCheckpoint Checkpoint = new()
    {
        Tenant = "acme",
        Sequence = long.MaxValue,
        Group = 17,
        Epoch = 3,
        Hash = new string('a', 64),
        Time = new Timestamp { Seconds = 1_700_000_000, Nanos = 123_456_789 },
        IssueTime = new Timestamp { Seconds = 1_700_000_001 },
    };

    private readonly TestFolder _folder = new();
    private readonly CheckpointKey _key;

    public CheckpointTests() => _key = CheckpointKey.LoadOrCreate(_folder.File("checkpoint.key"));

    public void Dispose()
    {
        _key.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void A_signed_checkpoint_is_read_as_it_was_signed()
    {
        Assert.True(_key.ToVerifier().TryRead(_key.Sign(Checkpoint), out LedgerCheckpoint? read));
        Assert.Equal(Checkpoint, read);
    }

    [Fact]
    public void A_checkpoint_that_was_changed_in_any_character_is_refused()
    {
        CheckpointVerifier verifier = _key.ToVerifier();
        string signed = _key.Sign(Checkpoint);
        // The last character of the signature has bits that stand for nothing.
        for (int index = 0; index < signed.Length - 1; index++)
        {
            char other = signed[index] == 'A' ? 'B' : 'A';
            Assert.False(verifier.TryRead(signed[..index] + other + signed[(index + 1)..], out _), $"at {index}");
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("a.b.c")]
    [InlineData("....")]
    [InlineData("é.é.é")]
    public void What_is_no_checkpoint_is_refused(string text) => Assert.False(_key.ToVerifier().TryRead(text, out _));

    [Fact]
    public void A_header_of_somebodys_own_is_refused_whatever_it_says()
    {
        string[] parts = _key.Sign(Checkpoint).Split('.');
        string kid = _key.PublicKey.Kid;
        foreach (string header in (string[])
            [
                """{"alg":"none"}""",
                $$"""{"alg":"none","kid":"{{kid}}","typ":"agentbudget-checkpoint+jws"}""",
                $$"""{"alg":"HS256","kid":"{{kid}}","typ":"agentbudget-checkpoint+jws"}""",
                $$"""{"alg":"ES256","kid":"{{kid}}","typ":"agentbudget-session+jwt"}""",
            ])
        {
            string encoded = Base64Url.EncodeToString(Encoding.ASCII.GetBytes(header));
            Assert.False(_key.ToVerifier().TryRead($"{encoded}.{parts[1]}.{parts[2]}", out _));
            Assert.False(_key.ToVerifier().TryRead($"{encoded}.{parts[1]}.", out _));
        }
    }

    [Fact]
    public void A_checkpoint_of_another_key_is_refused()
    {
        using CheckpointKey other = CheckpointKey.LoadOrCreate(_folder.File("other.key"));
        Assert.False(_key.ToVerifier().TryRead(other.Sign(Checkpoint), out _));
        Assert.True(other.ToVerifier().TryRead(other.Sign(Checkpoint), out _));
    }

    [Fact]
    public void No_token_passes_for_a_checkpoint_and_no_checkpoint_for_a_token_even_with_one_key()
    {
        using SigningKey same = SigningKey.LoadOrCreate(_folder.File("checkpoint.key"));
        SessionTokens tokens = new(same, new FakeTimeProvider());
        SessionCaller session = new()
        {
            Tenant = "acme",
            Session = "sessions/s1",
            Agent = "agents/writer",
            UseCase = "useCases/promo",
            OnBehalfOf = "",
            Scope = "",
            ExpiresAtSeconds = long.MaxValue / 2,
        };
        Assert.False(_key.ToVerifier().TryRead(tokens.Mint(session), out _));
        Assert.False(tokens.TryRead(_key.Sign(Checkpoint), takesEnded: true, out _));
    }

    [Fact]
    public async Task A_checkpoint_is_a_JSON_Web_Signature_that_others_verify_with_the_public_key()
    {
        Microsoft.IdentityModel.Tokens.JsonWebKey key = new(JsonFormatter.Default.Format(_key.PublicKey));
        TokenValidationResult result = await new JsonWebTokenHandler().ValidateTokenAsync(
            _key.Sign(Checkpoint),
            new TokenValidationParameters
            {
                IssuerSigningKey = key,
                ValidAlgorithms = ["ES256"],
                ValidTypes = ["agentbudget-checkpoint+jws"],
                ValidateIssuer = false,
                ValidateAudience = false,
                ValidateLifetime = false,
            });
        Assert.True(result.IsValid, result.Exception?.Message);
        Assert.Equal("acme", ((JsonWebToken)result.SecurityToken).GetPayloadValue<string>("tenant"));
    }

    [Fact]
    public void The_public_part_alone_verifies_in_every_form()
    {
        string jwk = JsonFormatter.Default.Format(_key.PublicKey);
        using ECDsa ecdsa = ECDsa.Create();
        ecdsa.ImportFromPem(File.ReadAllText(_folder.File("checkpoint.key")));
        using CheckpointKey older = CheckpointKey.LoadOrCreate(_folder.File("older.key"));
        foreach (string text in (string[])
            [
                jwk,
                $$"""{"keys":[{{JsonFormatter.Default.Format(older.PublicKey)}},{{jwk}}]}""",
                ecdsa.ExportSubjectPublicKeyInfoPem(),
                File.ReadAllText(_folder.File("checkpoint.key")),
            ])
        {
            File.WriteAllText(_folder.File("public"), text);
            CheckpointVerifier verifier = CheckpointVerifier.Load(_folder.File("public"));
            Assert.True(verifier.TryRead(_key.Sign(Checkpoint), out _), text);
            bool hasBoth = text.Contains("keys", StringComparison.Ordinal);
            Assert.Equal(hasBoth, verifier.TryRead(older.Sign(Checkpoint), out _));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("{")]
    [InlineData("""{"keys":1}""")]
    [InlineData("""{"kty":"RSA","crv":"P-256","x":"AA","y":"AA"}""")]
    [InlineData("""{"kty":"EC","crv":"P-256","x":"?","y":"AA"}""")]
    [InlineData("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")]
    public void A_file_without_a_key_that_verifies_is_refused_by_its_path(string text)
    {
        string path = _folder.File("public");
        File.WriteAllText(path, text);
        InvalidDataException fault = Assert.Throws<InvalidDataException>(() => CheckpointVerifier.Load(path));
        Assert.Contains(path, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_keeps_checkpoints_by_line_and_names_the_line_that_is_forged()
    {
        string path = _folder.File("ledger.checkpoints");
        string signed = _key.Sign(Checkpoint);
        CheckpointFile.Replace(path, ["gone"]);
        CheckpointFile.Replace(path, [signed, signed]);
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        Assert.Equal([(signed, Checkpoint), (signed, Checkpoint)], CheckpointFile.Read(path, _key.ToVerifier()));

        File.AppendAllText(path, $"\n# kept by hand\n  {signed}\n{signed[..^10]}\n");
        InvalidDataException fault =
            Assert.Throws<InvalidDataException>(() => CheckpointFile.Read(path, _key.ToVerifier()));
        Assert.Contains($"{path}, line 6:", fault.Message, StringComparison.Ordinal);
    }
}
