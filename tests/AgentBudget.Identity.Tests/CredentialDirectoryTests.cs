using System.Reflection;
using AgentBudget.Protocol.Snapshot.V1;
using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Extensions.Time.Testing;

namespace AgentBudget.Identity.Tests;

public sealed class CredentialDirectoryTests
{
    private static readonly DateTimeOffset Start = new FakeTimeProvider().GetUtcNow();
    private static readonly CallOrigin Here = new(CertificateSha256: "", Place: "203.0.113.0/24");

    private readonly FakeTimeProvider _clock = new();
    private readonly string _secret = CredentialSecret.NewSecret();

    [Fact]
    public void A_secret_has_256_bits_and_is_another_each_time()
    {
        string[] drawn = [.. Enumerable.Range(0, 100).Select(_ => CredentialSecret.NewSecret())];
        Assert.All(drawn, secret => Assert.Equal(43, secret.Length));
        Assert.Equal(100, drawn.Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public void A_credential_is_known_by_its_key_id_and_secret()
    {
        CredentialDirectory directory = Loaded();
        CredentialLookup found = directory.Find(Text(), null, Here, out CredentialCaller? caller);
        Assert.Equal(CredentialLookup.Live, found);
        Assert.Equal(
            ("acme", "edge", "edge credentials/c17", Roles.Gateway),
            (caller!.Tenant, caller.Holder, caller.Principal, caller.Role));
    }

    [Fact]
    public void A_tenant_that_is_not_loaded_is_told_from_a_wrong_credential()
    {
        CredentialDirectory directory = new(_clock);
        Assert.Equal(CredentialLookup.TenantNotLoaded, directory.Find(Text(), null, Here, out _));
        Assert.True(CredentialDirectory.TryGetTenant(Text(), out string? tenant));
        Assert.Equal("acme", tenant);
        Assert.Equal(CredentialLookup.Refused, directory.Find("abg_" + _secret, null, Here, out _));
    }

    [Fact]
    public void Another_role_number_tenant_or_secret_is_refused()
    {
        CredentialDirectory directory = Loaded();
        directory.Load("other", new CredentialBookState());
        string[] wrong =
        [
            "abu_acme.c17." + _secret, "abg_acme.c18." + _secret, "abg_other.c17." + _secret,
            "abg_acme.c17." + CredentialSecret.NewSecret(), "abg_acme.c017." + _secret, "abg_acme.c17" + _secret,
            "ABG_acme.c17." + _secret, Text() + "=", "", new string('a', 10_000),
        ];
        Assert.All(wrong, text => Assert.Equal(CredentialLookup.Refused, directory.Find(text, null, Here, out _)));
    }

    [Fact]
    public void A_credential_ends_at_its_expiry()
    {
        CredentialDirectory directory = Loaded(expiresAt: Start.AddSeconds(60));
        _clock.Advance(TimeSpan.FromMilliseconds(59_999));
        Assert.Equal(CredentialLookup.Live, directory.Find(Text(), null, Here, out _));
        _clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(CredentialLookup.Refused, directory.Find(Text(), null, Here, out _));
    }

    [Fact]
    public void What_the_ledger_says_is_followed()
    {
        CredentialDirectory directory = new(_clock);
        directory.Load("acme", new CredentialBookState { Sequence = 16 });
        LedgerEvent created = new()
        {
            Sequence = 17,
            CredentialCreated = new CredentialCreated
            {
                Principal = "edge",
                Role = Role.Gateway,
                SecretSha256 = ByteString.CopyFrom(CredentialSecret.HashOf(_secret)),
                ExpireTime = Start.AddDays(1).ToTimestamp(),
            },
        };

        directory.Apply("acme", [created]);
        Assert.Equal(CredentialLookup.Live, directory.Find(Text(), null, Here, out CredentialCaller? caller));
        Assert.Equal(17, directory.Position("acme"));

        directory.Apply(
            "acme",
            [new LedgerEvent { Sequence = 18, CredentialRevoked = new CredentialRevoked { Credential = 17 } }]);
        Assert.Equal(CredentialLookup.Refused, directory.Find(Text(), null, Here, out _));
        Assert.False(caller!.Credential.IsLive(_clock.GetUtcNow()));
    }

    [Fact]
    public void Whom_a_text_authenticated_before_is_held_to_all_but_its_secret()
    {
        CredentialDirectory directory = Loaded(expiresAt: Start.AddSeconds(60));
        directory.Find(Text(), null, Here, out CredentialCaller? known);
        Assert.Equal(CredentialLookup.Live, directory.Find(Text(), known, Here, out CredentialCaller? again));
        Assert.Same(known, again);
        _clock.Advance(TimeSpan.FromSeconds(60));
        Assert.Equal(CredentialLookup.Refused, directory.Find(Text(), known, Here, out _));

        directory = Loaded();
        Assert.Equal(CredentialLookup.Refused, directory.Find(Text()[..^3] + "AAA", known, Here, out _));
        directory.Find(Text(), null, Here, out known);
        directory.Apply(
            "acme",
            [new LedgerEvent { Sequence = 18, CredentialRevoked = new CredentialRevoked { Credential = 17 } }]);
        Assert.Equal(CredentialLookup.Refused, directory.Find(Text(), known, Here, out _));
    }

    [Fact]
    public void The_end_of_an_agent_ends_the_credentials_that_it_names()
    {
        CredentialDirectory directory = Loaded();
        AgentDecommissioned end = new() { Agent = "agents/writer", Credentials = { 17 } };
        directory.Apply("acme", [new LedgerEvent { Sequence = 20, AgentDecommissioned = end }]);
        Assert.Equal(CredentialLookup.Refused, directory.Find(Text(), null, Here, out _));
    }

    [Fact]
    public void The_last_use_is_known_to_the_minute()
    {
        CredentialDirectory directory = Loaded();
        Assert.Equal(0, directory.LastUseSeconds("acme", 17));
        _clock.Advance(TimeSpan.FromSeconds(90));
        directory.Find(Text(), null, Here, out _);
        Assert.Equal(Start.AddSeconds(60).ToUnixTimeSeconds(), directory.LastUseSeconds("acme", 17));
    }

    [Theory]
    [InlineData(typeof(FileKey))]
    [InlineData(typeof(CredentialSecret))]
    public void Secrets_are_compared_in_constant_time(System.Type holder)
    {
        const byte call = 0x28; // ECMA-335 III.3.19.
        const BindingFlags Members =
            BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static;
        HashSet<string> called = [];
        byte[] body = holder
            .GetMethod("Matches", Members)!
            .GetMethodBody()!.GetILAsByteArray()!;
        for (int at = 0; at + sizeof(int) < body.Length; at++)
        {
            if (body[at] != call)
                continue;
            try
            {
                called.Add(holder.Module.ResolveMethod(BitConverter.ToInt32(body, at + 1))!.Name);
            }
            catch (ArgumentException)
            {
                // Not an instruction, a byte within one.
            }
        }

        Assert.Contains("FixedTimeEquals", called);
        Assert.DoesNotContain("SequenceEqual", called);
        Assert.DoesNotContain("op_Equality", called);
    }

    [Fact]
    public void Authenticating_allocates_nothing()
    {
        CredentialDirectory directory = Loaded();
        string text = Text();
        directory.Find(text, null, Here, out _);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int call = 0; call < 1000; call++)
            directory.Find(text, null, Here, out _);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void A_bound_credential_is_worth_nothing_from_elsewhere_and_that_is_counted()
    {
        CredentialDirectory directory = Loaded(certificate: "5OQz");
        CallOrigin own = Here with { CertificateSha256 = "5OQz", Place = "certificate 5OQz" };
        Assert.Equal(CredentialLookup.Live, directory.Find(Text(), null, own, out CredentialCaller? known));

        foreach (CallOrigin elsewhere in new[] { Here, own with { CertificateSha256 = "AAAA" }, default })
            Assert.Equal(CredentialLookup.Refused, directory.Find(Text(), known, elsewhere, out _));
        Assert.Equal(CredentialLookup.Refused, directory.Find(Text()[..^3] + "AAA", null, Here, out _));
        CallOrigin review = default(CallOrigin) with { IsReview = true };
        Assert.Equal(CredentialLookup.Live, directory.Find(Text(), null, review, out _));

        CredentialUse use = Assert.Single(directory.LookAtUses("acme"));
        Assert.Equal((17, 3), (use.Credential, use.Unproven));
        Assert.Equal(["certificate 5OQz"], use.Places);
    }

    [Fact]
    public void A_new_place_is_told_at_once_and_any_other_use_once_an_hour()
    {
        CredentialDirectory directory = Loaded();
        void Use(string place) => directory.Find(Text(), null, Here with { Place = place }, out _);
        CredentialUse? Told() => directory.TakeUses("acme", 10, isEnd: false).SingleOrDefault();

        Assert.Null(Told());
        Use("a");
        Assert.Equal(["a"], Told()!.Places);
        for (int minute = 0; minute < 59; minute++)
        {
            _clock.Advance(TimeSpan.FromMinutes(1));
            Use("a");
            Assert.Null(Told());
        }

        Use("b");
        Assert.Equal(["a", "b"], Told()!.Places);
        _clock.Advance(TimeSpan.FromMinutes(60));
        Assert.Null(Told());
        Use("b");
        CredentialUse told = Told()!;
        Assert.Equal(["b"], told.Places);
        Assert.Equal(Start.AddMinutes(119).ToUnixTimeSeconds(), told.LastUseTime.Seconds);
        Assert.Empty(directory.TakeUses("acme", 10, isEnd: true));
    }

    [Fact]
    public void What_could_not_be_told_and_what_is_left_at_the_end_is_told()
    {
        CredentialDirectory directory = Loaded(certificate: "5OQz");
        CallOrigin own = Here with { CertificateSha256 = "5OQz" };
        directory.Find(Text(), null, Here, out _);
        directory.Find(Text(), null, own, out _);
        IReadOnlyList<CredentialUse> taken = directory.TakeUses("acme", 10, isEnd: false);
        Assert.Empty(directory.TakeUses("acme", 10, isEnd: true));

        directory.GiveBack("acme", taken);
        Assert.Equal(taken, directory.TakeUses("acme", 10, isEnd: false));
        directory.Find(Text(), null, Here, out _);
        Assert.Empty(directory.TakeUses("acme", 10, isEnd: false));
        Assert.Equal(1, Assert.Single(directory.TakeUses("acme", 10, isEnd: true)).Unproven);
    }

    [Fact]
    public void Places_are_bounded_and_a_call_from_one_more_allocates_nothing()
    {
        CredentialDirectory directory = Loaded();
        string text = Text();
        for (int place = 0; place < 20; place++)
            directory.Find(text, null, Here with { Place = $"p{place}" }, out _);
        Assert.Equal(CredentialUsage.PlacesMax, Assert.Single(directory.LookAtUses("acme")).Places.Count);
        CallOrigin more = Here with { Place = "p20" };
        directory.Find(text, null, more, out _);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int call = 0; call < 1000; call++)
            directory.Find(text, null, more, out _);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void The_last_use_that_the_ledger_knows_is_known_after_a_start()
    {
        CredentialDirectory directory = Loaded(lastUse: Start.AddDays(-2));
        Assert.Equal(Start.AddDays(-2).ToUnixTimeSeconds(), directory.LastUseSeconds("acme", 17));
        Assert.Empty(directory.TakeUses("acme", 10, isEnd: true));
    }

    [Theory]
    [InlineData("""{"kty":"EC","crv":"P-384","x":"AAAA","y":"AAAA"}""")]
    [InlineData("""{"kty":"oct","k":"AAAA"}""")]
    [InlineData("""{"kty":"RSA","e":"AQAB","n":"AAAA"}""")]
    [InlineData("not json")]
    [InlineData("")]
    public void A_key_that_is_not_a_public_one_of_the_kinds_that_are_taken_is_none(string jwk) =>
        Assert.False(PublicKey.IsPublicJwk(jwk));

    private string Text() => CredentialSecret.Compose(Role.Gateway, "acme.c17", _secret);

    private CredentialDirectory Loaded(
        DateTimeOffset? expiresAt = null, string certificate = "", DateTimeOffset? lastUse = null)
    {
        CredentialDirectory directory = new(_clock);
        directory.Load("acme", new CredentialBookState
        {
            Sequence = 20,
            Credentials =
            {
                new CredentialState
                {
                    Number = 17,
                    Principal = "edge",
                    Role = Role.Gateway,
                    SecretSha256 = ByteString.CopyFrom(CredentialSecret.HashOf(_secret)),
                    CertificateSha256 = certificate,
                    LastUseNanos = lastUse is { } used ? used.ToUnixTimeMilliseconds() * 1_000_000 : 0,
                    ExpireNanos = expiresAt is { } end ? end.ToUnixTimeMilliseconds() * 1_000_000 : 0,
                },
            },
        });
        return directory;
    }
}
