using AgentBudget.Ledger.Credentials;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.Snapshot.V1;
using AgentBudget.Protocol.V1;
using Google.Protobuf;

namespace AgentBudget.Ledger.Tests;

public sealed class CredentialTests
{
    // The first and the last that a timestamp can say; log time counts nanoseconds, from 1677 to 2262.
    private const long FirstSecond = -62_135_596_800;
    private const long LastSecond = 253_402_300_799;

    private static readonly ByteString Hash = ByteString.CopyFrom(Enumerable.Repeat((byte)7, 32).ToArray());

    [Fact]
    public void A_credential_is_an_event_with_the_hash_of_its_secret_and_who_made_it()
    {
        var ledger = new LedgerFixture();

        Answer answer = Create(ledger);

        CredentialCreated created = answer.Event!.CredentialCreated;
        Assert.Equal(("agents/writer", Role.Agent, Hash), (created.Principal, created.Role, created.SecretSha256));
        Assert.Equal("admin", answer.Event.Actor);
        Credential credential = Get(ledger, answer.Event.Sequence);
        Assert.Equal($"credentials/c{answer.Event.Sequence}", credential.Credential_);
        Assert.Equal($"acme.c{answer.Event.Sequence}", credential.KeyId);
        Assert.Equal(Credential.Types.State.Live, credential.State);
    }

    [Fact]
    public void An_agent_has_many_credentials_and_a_credential_one_agent()
    {
        var ledger = new LedgerFixture();
        long first = Create(ledger).Event!.Sequence;
        long second = Create(ledger).Event!.Sequence;

        ListCredentialsResponse listed = List(ledger, request => request.Principal = "agents/writer");

        Assert.Equal(
            [$"credentials/c{first}", $"credentials/c{second}"], listed.Credentials.Select(one => one.Credential_));
        Assert.Equal(Outcome.AgentNotFound, Create(ledger, request => request.Principal = "agents/nobody").Outcome);
    }

    [Fact]
    public void A_repeated_creation_answers_the_first_whatever_secret_it_drew()
    {
        var ledger = new LedgerFixture();
        var request = new CreateCredentialRequest { RequestId = "k", Principal = "agents/writer", Role = Role.Agent };
        Answer first = ledger.Send(new CreateCredentialCommand(request, Hash, "admin"));

        Answer again = ledger.Send(new CreateCredentialCommand(request, ByteString.CopyFrom(new byte[32]), "admin"));

        Assert.Equal(first.Event!.Sequence, again.DuplicateOf);
        Assert.Equal(Hash, again.Event!.CredentialCreated.SecretSha256);
        request = request.Clone();
        request.Role = Role.Gateway;
        Assert.Equal(Outcome.KeyReused, ledger.Send(new CreateCredentialCommand(request, Hash, "admin")).Outcome);
    }

    [Fact]
    public void Revoking_ends_a_credential_and_repeated_changes_nothing()
    {
        var ledger = new LedgerFixture();
        long number = Create(ledger).Event!.Sequence;

        Answer revoked = Revoke(ledger, number);
        Answer again = Revoke(ledger, number);

        CredentialRevoked end = revoked.Event!.CredentialRevoked;
        Assert.Equal((number, "leaked"), (end.Credential, end.Reason));
        Assert.Equal((Outcome.Done, null), (again.Outcome, again.Event));
        Assert.Equal(Credential.Types.State.Revoked, Get(ledger, number).State);
        Assert.Equal(Outcome.CredentialNotFound, Revoke(ledger, 999).Outcome);
    }

    [Fact]
    public void A_credential_expires_at_its_time_and_is_forgotten_24_hours_later()
    {
        var ledger = new LedgerFixture();
        long end = ledger.Now + LedgerFixture.Second;
        long number = Create(ledger, request => request.ExpireTime = LogTime.ToTimestamp(end)).Event!.Sequence;
        ledger.Sleep(LedgerFixture.Second - 1);
        Assert.Equal(Credential.Types.State.Live, Get(ledger, number).State);
        ledger.Sleep(1);
        Assert.Equal(Credential.Types.State.Expired, Get(ledger, number).State);

        ledger.Sleep(LedgerFixture.Day);

        Assert.Equal(Outcome.CredentialNotFound, ledger.Send(new CredentialQuery(number)).Outcome);
        Assert.Empty(List(ledger).Credentials);
        ledger.Open();
        Assert.Empty(Book(ledger).Credentials);
    }

    [Fact]
    public void A_credential_that_would_expire_at_once_is_refused()
    {
        var ledger = new LedgerFixture();
        Assert.Equal(
            Outcome.TimeInvalid,
            Create(ledger, request => request.ExpireTime = LogTime.ToTimestamp(ledger.Now)).Outcome);
    }

    [Fact]
    public void A_credential_that_expires_beyond_what_log_time_can_count_is_refused()
    {
        var ledger = new LedgerFixture();

        Assert.Equal(Outcome.TimeInvalid, Create(ledger, At(LastSecond)).Outcome);
        Assert.Equal(Outcome.TimeInvalid, Create(ledger, At(FirstSecond)).Outcome);

        static Action<CreateCredentialRequest> At(long seconds) =>
            request => request.ExpireTime = new() { Seconds = seconds };
    }

    [Fact]
    public void A_tenant_has_a_bounded_number_of_credentials_and_of_ended_tokens()
    {
        var ledger = new LedgerFixture(comparesEachTurn: false);
        for (int made = 0; made < CredentialBook.CredentialsMax; made++)
            Assert.Equal(Outcome.Done, Create(ledger).Outcome);
        for (int ended = 0; ended < CredentialBook.RevokedTokensMax; ended++)
        {
            long credential = 2 + (ended / CredentialBook.RevokedTokensOfOneMax);
            Assert.NotNull(EndToken(ledger, $"r{ended}", $"t{ended}", credential: credential).Event);
        }

        long before = ledger.Ledger.Sequence;

        Assert.Equal(Outcome.BoundReached, Create(ledger).Outcome);
        Assert.Equal("credentials", Assert.Single(Create(ledger).Faults!).Field);
        Assert.Equal(Outcome.BoundReached, EndToken(ledger, "more", "more", credential: 99).Outcome);
        Assert.Equal("tokens", Assert.Single(EndToken(ledger, "more", "more", credential: 99).Faults!).Field);
        Assert.Equal(before, ledger.Ledger.Sequence);
        ledger.Compare();
    }

    [Fact]
    public void A_repeated_revocation_has_one_effect()
    {
        var ledger = new LedgerFixture();
        long number = Create(ledger).Event!.Sequence;
        Answer Again(long credential) => ledger.Send(new RevokeCredentialCommand(
            credential, new RevokeCredentialRequest { RequestId = "r", Reason = "leaked" }, "admin"));

        Answer first = Again(number);

        Assert.Equal(first.Event!.Sequence, Again(number).DuplicateOf);
        Answer ended = EndToken(ledger, "e", "t1");
        Assert.Equal(ended.Event!.Sequence, EndToken(ledger, "e", "t1").DuplicateOf);
        Assert.Equal(Outcome.KeyReused, EndToken(ledger, "e", "t2").Outcome);
        Assert.Null(EndToken(ledger, "f", "t3", FirstSecond).Event);
    }

    [Fact]
    public void An_owners_accounts_stay_in_the_catalog_as_long_as_the_credential_lives()
    {
        var ledger = new LedgerFixture(catalog => catalog.UseCases.Add(
            new UseCase { Id = "plan", BusinessUnit = "marketing" }));
        long number = Create(ledger, request =>
        {
            (request.Principal, request.Role) = ("kim", Role.Owner);
            request.Grains.Add("useCases/plan");
        }).Event!.Sequence;
        Answer RemovePlan() => ledger.Change(catalog => catalog.UseCases.RemoveAt(1));

        Answer refused = RemovePlan();
        Revoke(ledger, number);

        Assert.Equal(Outcome.CatalogInUse, refused.Outcome);
        Assert.Contains("useCases/plan", refused.Faults!.Select(fault => fault.Field));
        Assert.Equal(Outcome.Done, RemovePlan().Outcome);
    }

    [Fact]
    public void Credentials_are_listed_page_by_page_and_by_state()
    {
        var ledger = new LedgerFixture();
        long[] numbers = [.. Enumerable.Range(0, 3).Select(_ => Create(ledger).Event!.Sequence)];
        Create(ledger, request => (request.Principal, request.Role) = ("gateway-1", Role.Gateway));
        Revoke(ledger, numbers[1]);

        ListCredentialsResponse first = List(ledger, request => request.PageSize = 2);
        ListCredentialsResponse second = List(ledger, request =>
        {
            request.PageSize = 2;
            request.PageToken = first.NextPageToken;
        });
        ListCredentialsResponse live = List(ledger, request =>
        {
            request.Principal = "agents/writer";
            request.State = Credential.Types.State.Live;
        });

        Assert.Equal(Named(numbers[0], numbers[1]), first.Credentials.Select(one => one.Credential_));
        Assert.Equal(
            ["agents/writer", "gateway-1"], second.Credentials.Select(one => one.Principal));
        Assert.Equal("", second.NextPageToken);
        Assert.Equal(Named(numbers[0], numbers[2]), live.Credentials.Select(one => one.Credential_));

        static IEnumerable<string> Named(params long[] named) => named.Select(Names.Credential);
    }

    [Fact]
    public void An_owners_credential_names_use_cases_and_business_units_of_the_catalog()
    {
        var ledger = new LedgerFixture();
        Answer Owner(string account) => Create(ledger, request =>
        {
            request.Principal = "kim";
            request.Role = Role.Owner;
            request.Grains.Add(account);
        });

        Assert.Equal(Outcome.Done, Owner("useCases/promo").Outcome);
        Assert.Equal(Outcome.Done, Owner("businessUnits/marketing").Outcome);
        Assert.Equal(Outcome.GrainNotFound, Owner("useCases/nothing").Outcome);
        Assert.Equal(Outcome.GrainNotFound, Owner("agents/writer").Outcome);
    }

    [Fact]
    public void An_agent_with_a_live_credential_stays_in_the_catalog()
    {
        var ledger = new LedgerFixture();
        long number = Create(ledger).Event!.Sequence;
        Answer RemoveAgents() => ledger.Change(catalog => catalog.Agents.Clear());

        Answer refused = RemoveAgents();
        Revoke(ledger, number);

        Assert.Equal(Outcome.CatalogInUse, refused.Outcome);
        Assert.Contains("agents/writer", refused.Faults!.Select(fault => fault.Field));
        Assert.Equal(Outcome.Done, RemoveAgents().Outcome);
    }

    [Fact]
    public void What_authenticating_needs_is_read_with_the_event_that_it_is_true_at()
    {
        var ledger = new LedgerFixture();
        long number = Create(ledger).Event!.Sequence;

        CredentialBookState book = Book(ledger);

        Assert.Equal(ledger.Ledger.Sequence, book.Sequence);
        CredentialState state = Assert.Single(book.Credentials);
        Assert.Equal((number, Hash, "admin"), (state.Number, state.SecretSha256, state.Creator));
    }

    [Fact]
    public void An_access_token_that_was_ended_is_remembered_until_it_would_have_expired()
    {
        var ledger = new LedgerFixture();
        long end = ledger.Now + (10 * LedgerFixture.Second);
        Answer Revoke(string requestId) => ledger.Send(new RevokeAccessTokenCommand(
            requestId,
            new AccessTokenRevoked { TokenId = "t1", Credential = 2, ExpireTime = LogTime.ToTimestamp(end) },
            "agents/writer credentials/c2"));

        Assert.Equal("t1", Revoke("r1").Event!.AccessTokenRevoked.TokenId);
        Assert.Null(Revoke("r2").Event);
        ledger.Restart();
        Assert.Equal("t1", Assert.Single(Book(ledger).RevokedTokens).TokenId);
        ledger.Sleep(10 * LedgerFixture.Second);
        ledger.Open();
        Assert.Empty(Book(ledger).RevokedTokens);
        Assert.Null(Revoke("r3").Event);
    }

    [Fact]
    public void A_change_of_the_signing_key_is_recorded_once_for_each_request()
    {
        var ledger = new LedgerFixture();
        Answer Record(string key) => ledger.Send(new RecordKeyRotationCommand(
            "r1", new SigningKeyRotated { KeyId = key, RetiredKeyId = "old", Reason = "yearly" }, "admin"));

        Answer first = Record("new");

        Assert.Equal("new", first.Event!.SigningKeyRotated.KeyId);
        Assert.Equal(first.Event.Sequence, Record("new").DuplicateOf);
        Assert.Equal(Outcome.KeyReused, Record("other").Outcome);
    }

    [Fact]
    public void A_binding_to_a_certificate_is_kept_and_is_part_of_the_request()
    {
        var ledger = new LedgerFixture();
        string certificate = new('c', 43);
        Answer Bind(string thumbprint) => Create(ledger, request =>
        {
            request.RequestId = "bound";
            request.CertificateSha256 = thumbprint;
        });

        long number = Bind(certificate).Event!.Sequence;

        ledger.Restart();
        Assert.Equal(certificate, Get(ledger, number).CertificateSha256);
        Assert.Equal(certificate, Assert.Single(Book(ledger).Credentials).CertificateSha256);
        Assert.Equal(number, Bind(certificate).DuplicateOf);
        Assert.Equal(Outcome.KeyReused, Bind("").Outcome);
    }

    [Fact]
    public void The_use_of_live_credentials_is_recorded_and_the_last_one_kept()
    {
        var ledger = new LedgerFixture();
        long used = Create(ledger).Event!.Sequence;
        long ended = Create(ledger).Event!.Sequence;
        Revoke(ledger, ended);
        CredentialUse UseOf(long number, long seconds) => new()
        {
            Credential = number,
            LastUseTime = LogTime.ToTimestamp(ledger.Now + (seconds * LedgerFixture.Second)),
            Places = { "203.0.113.0/24" },
            Unproven = 2,
        };
        Answer Record(string requestId, params CredentialUse[] uses) => ledger.Send(
            new RecordCredentialUsesCommand(requestId, new CredentialsUsed { Uses = { uses } }));
        CredentialUse late = UseOf(used, seconds: 60);
        CredentialUse early = UseOf(used, seconds: -60);

        Answer told = Record("u1", late, UseOf(ended, seconds: 0), UseOf(999, seconds: 0));

        CredentialUse recorded = Assert.Single(told.Event!.CredentialsUsed.Uses);
        Assert.Equal((used, 2L), (recorded.Credential, recorded.Unproven));
        Assert.Equal(told.Event.Time, recorded.LastUseTime);
        Assert.Equal(told.Event.Sequence, Record("u1", late, UseOf(ended, 0), UseOf(999, 0)).DuplicateOf);
        Assert.Null(Record("u2", UseOf(ended, seconds: 0)).Event);
        Record("u3", early);
        ledger.Restart();
        Assert.Equal(told.Event.Time, Get(ledger, used).LastUseTime);
    }

    internal static Answer Create(LedgerFixture ledger, Action<CreateCredentialRequest>? change = null)
    {
        var request = new CreateCredentialRequest
        {
            RequestId = ledger.NextRequestId(),
            Principal = "agents/writer",
            Role = Role.Agent,
        };
        change?.Invoke(request);
        return ledger.Send(new CreateCredentialCommand(request, Hash, "admin"));
    }

    private static Answer EndToken(
        LedgerFixture ledger, string requestId, string token, long expireSeconds = 0, long credential = 2)
    {
        var revoked = new AccessTokenRevoked
        {
            TokenId = token,
            Credential = credential,
            ExpireTime = LogTime.ToTimestamp(ledger.Now + LedgerFixture.Day),
        };
        if (expireSeconds != 0) revoked.ExpireTime = new() { Seconds = expireSeconds };
        return ledger.Send(new RevokeAccessTokenCommand(requestId, revoked, "agents/writer credentials/c2"));
    }

    internal static Credential Get(LedgerFixture ledger, long number) =>
        (Credential)ledger.Send(new CredentialQuery(number)).View!;

    private static CredentialBookState Book(LedgerFixture ledger) =>
        (CredentialBookState)ledger.Send(new CredentialBookQuery()).View!;

    private static Answer Revoke(LedgerFixture ledger, long number) => ledger.Send(new RevokeCredentialCommand(
        number,
        new RevokeCredentialRequest
        {
            RequestId = ledger.NextRequestId(),
            Credential = Names.Credential(number),
            Reason = "leaked",
        },
        "admin"));

    private static ListCredentialsResponse List(LedgerFixture ledger, Action<ListCredentialsRequest>? change = null)
    {
        var request = new ListCredentialsRequest();
        change?.Invoke(request);
        return (ListCredentialsResponse)ledger.Send(new CredentialsQuery(request)).View!;
    }
}
