using AgentBudget.Protocol.Snapshot.V1;
using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Microsoft.Extensions.Time.Testing;

namespace AgentBudget.Identity.Tests;

public sealed class FailedAttemptTests
{
    private static readonly CallOrigin Here = new(CertificateSha256: "", Place: "203.0.113.0/24");

    private readonly FakeTimeProvider _clock = new();
    private readonly string _secret = CredentialSecret.NewSecret();

    [Fact]
    public void The_eleventh_wrong_secret_of_a_minute_waits_whether_there_is_such_a_credential_or_not()
    {
        FailedAttempts attempts = new(_clock);
        foreach (string keyId in (string[])["acme.c17", "nowhere.c17", "acme.c99"])
        {
            for (int i = 0; i < FailedAttempts.FreeAttempts; i++)
                Assert.False(attempts.IsToWait(Shown(keyId)));
            Assert.True(attempts.IsToWait(Shown(keyId)));
            Assert.True(attempts.IsToWait(keyId), "As a client's id it is the same credential.");
        }

        Assert.False(attempts.IsToWait(Shown("acme.c18")));
        Assert.False(attempts.IsToWait("no credential"));
        _clock.Advance(TimeSpan.FromMinutes(1));
        Assert.False(attempts.IsToWait(Shown("acme.c17")));
    }

    [Fact]
    public async Task Who_waits_is_answered_a_second_later()
    {
        FailedAttempts attempts = new(_clock);
        for (int i = 0; i < FailedAttempts.FreeAttempts; i++)
            Assert.True(attempts.SlowAsync(Shown("acme.c17"), CancellationToken.None).IsCompleted);
        Task answer = attempts.SlowAsync(Shown("acme.c17"), CancellationToken.None);
        _clock.Advance(TimeSpan.FromMilliseconds(999));
        Assert.False(answer.IsCompleted);
        _clock.Advance(TimeSpan.FromMilliseconds(1));
        await answer;
    }

    [Fact]
    public void Wrong_secrets_are_counted_by_their_credential_and_told_to_its_ledger()
    {
        CredentialDirectory directory = Loaded();
        string right = CredentialSecret.Compose(Role.Gateway, "acme.c17", _secret);
        string otherRole = CredentialSecret.Compose(Role.Admin, "acme.c17", _secret);
        string absent = CredentialSecret.Compose(Role.Gateway, "acme.c18", _secret);
        foreach (string wrong in (string[])[Shown("acme.c17"), Shown("acme.c17"), otherRole, absent])
            Assert.Equal(CredentialLookup.Refused, directory.Find(wrong, null, Here, out _));
        Assert.Equal(CredentialLookup.Live, directory.Find(right, null, Here, out _));

        Assert.Equal((3, 1), (directory.WrongSecrets, directory.UnknownCredentials));
        Assert.Equal(3, Assert.Single(directory.LookAtUses("acme")).WrongSecrets);
        IReadOnlyList<CredentialUse> told = directory.TakeUses("acme", 10, isEnd: true);
        Assert.Equal(3, Assert.Single(told).WrongSecrets);
        Assert.Empty(directory.TakeUses("acme", 10, isEnd: true));
        directory.GiveBack("acme", told);
        Assert.Equal(3, Assert.Single(directory.TakeUses("acme", 10, isEnd: true)).WrongSecrets);
    }

    [Fact]
    public void A_tenant_that_was_absent_is_refused_without_asking_again_for_ten_seconds()
    {
        CredentialDirectory directory = Loaded();
        CredentialLookup Find() => directory.Find(Shown("nowhere.c1"), null, Here, out _);
        Assert.Equal(CredentialLookup.TenantNotLoaded, Find());
        directory.NoteAbsent("nowhere");
        Assert.Equal(CredentialLookup.Refused, Find());
        Assert.Equal(CredentialLookup.Refused, directory.FindByKeyId("nowhere.c1", out _));
        directory.NotePresent("nowhere");
        Assert.Equal(CredentialLookup.TenantNotLoaded, Find());
        directory.NoteAbsent("nowhere");
        _clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(CredentialLookup.TenantNotLoaded, Find());
    }

    private static string Shown(string keyId) =>
        CredentialSecret.Compose(Role.Gateway, keyId, CredentialSecret.NewSecret());

    private CredentialDirectory Loaded()
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
                },
            },
        });
        return directory;
    }
}
