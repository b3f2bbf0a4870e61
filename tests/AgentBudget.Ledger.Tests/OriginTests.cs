using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using State = AgentBudget.Protocol.V1.Session.Types.State;

namespace AgentBudget.Ledger.Tests;

/// <summary>What a session was opened with, and what ends with that.</summary>
public sealed class OriginTests
{
    private const string Kim = "user:kim@acme.test";

    private readonly LedgerFixture _ledger = new(comparesEachTurn: false);

    [Fact]
    public void A_revoked_credential_takes_the_sessions_that_it_opened_with_all_below_them_and_no_other()
    {
        long leaked = Create();
        long other = Create();
        long own = Open([leaked]);
        long below = _ledger.OpenBelow(own);
        long derived = Open([other, leaked], ["t2", "t1"]);
        long kept = Open([other]);
        long operators = _ledger.Open();

        LedgerEvent revoked = Revoke(leaked);

        Assert.Equal([own, below, derived], revoked.CredentialRevoked.Sessions);
        Assert.All([own, below, derived], session => Assert.Equal(State.Revoked, Get(session).State));
        Assert.All([kept, operators], session => Assert.Equal(State.Open, Get(session).State));
        Assert.Equal("its credential was revoked", Get(own).Reason);
    }

    [Fact]
    public void A_credential_that_is_rotated_leaves_its_sessions_and_they_end_by_its_name_later()
    {
        long old = Create();
        long session = Open([old]);
        Assert.Empty(Revoke(old, keep: true).CredentialRevoked.Sessions);
        Assert.Equal(State.Open, Get(session).State);
        _ledger.Restart();

        Answer ended = RevokeSessions("r1", $"credentials/c{old}");

        Assert.Equal([session], ended.Event!.SessionsRevoked.Sessions);
        Assert.Equal(State.Revoked, Get(session).State);
        Assert.Equal(ended.Event.Sequence, RevokeSessions("r1", $"credentials/c{old}").DuplicateOf);
        Assert.Equal(Outcome.KeyReused, RevokeSessions("r1", "credentials/c999").Outcome);
        Assert.Null(RevokeSessions("r2", $"credentials/c{old}").Event);
    }

    [Fact]
    public void An_ended_access_token_takes_its_sessions_and_those_of_tokens_exchanged_from_it()
    {
        long one = Create();
        long two = Create();
        long first = Open([one], ["t1"]);
        long derived = Open([two, one], ["t2", "t1"]);
        long other = Open([one], ["t3"]);
        LedgerEvent revoked = _ledger.Send(new RevokeAccessTokenCommand(
            _ledger.NextRequestId(),
            new AccessTokenRevoked
            {
                TokenId = "t1",
                Credential = 1,
                ExpireTime = Tenants.LogTime.ToTimestamp(_ledger.Now + LedgerFixture.Second),
            },
            "admin")).Event!;
        Assert.Equal([first, derived], revoked.AccessTokenRevoked.Sessions);
        Assert.Equal(State.Open, Get(other).State);
    }

    [Fact]
    public void A_call_that_was_under_way_while_what_it_came_with_ended_opens_nothing()
    {
        long leaked = Create();
        long other = Create();
        Open([other, leaked], ["t2", "t1"]);
        Revoke(leaked);
        Assert.Equal(Outcome.CredentialEnded, TryOpen([leaked]).Outcome);
        Assert.Equal(Outcome.CredentialEnded, TryOpen([other, leaked], ["t2", "t1"]).Outcome);
        Assert.Equal(Outcome.CredentialEnded, TryOpen([999]).Outcome);
        _ledger.Send(new RevokeAccessTokenCommand(
            _ledger.NextRequestId(),
            new AccessTokenRevoked
            {
                TokenId = "t3",
                Credential = other,
                ExpireTime = Tenants.LogTime.ToTimestamp(_ledger.Now + (600 * LedgerFixture.Second)),
            },
            "admin"));
        _ledger.Restart();
        Assert.Equal(Outcome.CredentialEnded, TryOpen([other], ["t4", "t3"]).Outcome);
        Open([other], ["t4"]);
    }

    [Fact]
    public void What_a_user_gave_before_the_user_left_opens_nothing_and_what_is_given_later_does()
    {
        long credential = Create();
        long given = _ledger.Now;
        LedgerEvent opened = TryOpen([credential], ["t1"], isProven: true, start: given).Event!;
        Assert.Equal(Tenants.LogTime.ToTimestamp(given), opened.SessionOpened.DelegationTime);

        LedgerEvent revoked = RevokeSessions("r1", user: Kim).Event!;

        Assert.Equal([opened.Sequence], revoked.SessionsRevoked.Sessions);
        long until = Tenants.LogTime.FromTimestamp(revoked.SessionsRevoked.DelegationsUntil);
        Assert.Equal(Tenants.LogTime.FromTimestamp(revoked.Time) + (5 * LedgerFixture.Second), until);
        _ledger.Advance(60 * LedgerFixture.Second);
        _ledger.Restart();
        Assert.Equal(Outcome.CredentialEnded, TryOpen([credential], ["t2"], isProven: true, start: given).Outcome);
        Assert.Equal(Outcome.CredentialEnded, TryOpen([credential], ["t2"], isProven: true, start: until).Outcome);
        // Of another user, of nobody's word, and of a later one.
        Open([credential], ["t2"], user: "user:lee", isProven: true, start: given);
        Open([credential]);
        Open([credential], ["t2"], isProven: true, start: until + 1);
    }

    [Fact]
    public void That_a_user_left_is_remembered_for_as_long_as_the_users_tokens_count()
    {
        long credential = Create();
        Assert.Empty(RevokeSessions("r1", user: Kim).Event!.SessionsRevoked.Sessions);
        long until = _ledger.Now + (5 * LedgerFixture.Second);
        _ledger.Advance(3600 * LedgerFixture.Second);
        RevokeSessions("r2", user: Kim); // Later ends count from when they are said.
        long day = 24 * 3600 * LedgerFixture.Second;
        _ledger.Advance(day - (1800 * LedgerFixture.Second));
        Assert.Equal(Outcome.CredentialEnded, TryOpen([credential], ["t1"], isProven: true, start: until).Outcome);
        _ledger.Advance(1810 * LedgerFixture.Second);
        _ledger.Restart();
        _ledger.Open(); // Memory follows the log.
        Open([credential], ["t1"], isProven: true, start: until);
    }

    [Fact]
    public void One_who_ends_tokens_without_end_meets_its_own_bound_and_nobody_elses()
    {
        Outcome End(string id, long credential) => _ledger.Send(new RevokeAccessTokenCommand(
            $"revoke-{id}",
            new AccessTokenRevoked
            {
                TokenId = id,
                Credential = credential,
                ExpireTime = Tenants.LogTime.ToTimestamp(_ledger.Now + (600 * LedgerFixture.Second)),
            },
            "admin")).Outcome;
        for (int i = 0; i < Credentials.CredentialBook.RevokedTokensOfOneMax; i++)
            Assert.Equal(Outcome.Done, End($"t{i}", credential: 1));
        Assert.Equal(Outcome.BoundReached, End("more", credential: 1));
        Assert.Equal(Outcome.Done, End("other", credential: 2));
        _ledger.Restart();
        Assert.Equal(Outcome.BoundReached, End("again", credential: 1));
        _ledger.Advance(601 * LedgerFixture.Second);
        _ledger.Open(); // Memory follows the log: what is past is forgotten with the next event.
        Assert.Equal(Outcome.Done, End("later", credential: 1));
    }

    [Fact]
    public void All_sessions_of_a_user_end_at_once_also_suspended_ones_and_nobody_elses()
    {
        long credential = Create();
        long suspended = Open([credential]);
        long open = Open([credential]);
        long lees = Open([credential], user: "user:lee");
        _ledger.Send(new SuspendSessionCommand(
            suspended, new SuspendSessionRequest { RequestId = _ledger.NextRequestId(), Reason = "odd" }, "owner"));
        Assert.Equal([suspended, open], RevokeSessions("r1", user: Kim).Event!.SessionsRevoked.Sessions);
        Assert.Equal(State.Open, Get(lees).State);
        Assert.Null(RevokeSessions("r2", "credentials/none", user: "user:lee").Event);
        Assert.Null(RevokeSessions("r3", $"credentials/c{credential}", user: Kim).Event);
    }

    [Fact]
    public void Sessions_are_listed_by_credential_and_by_user()
    {
        long credential = Create();
        long own = Open([credential]);
        long derived = Open([Create(), credential], user: "user:lee");
        _ledger.Open();
        _ledger.Restart();
        string name = $"credentials/c{credential}";
        Assert.Equal([derived, own], List(request => request.Credential = name));
        Assert.Equal([derived], List(request => (request.Credential, request.OnBehalfOf) = (name, "user:lee")));
        Assert.Equal([derived], List(request => request.OnBehalfOf = "user:lee"));
        Assert.Empty(List(request => request.Credential = "credentials/none"));
        Assert.Equal(name, Get(own).Credential);
    }

    [Fact]
    public void A_session_lives_no_longer_than_its_user_gave_also_renewed_and_below()
    {
        long credential = Create();
        long end = _ledger.Now + (300 * LedgerFixture.Second);
        long session = Open([credential], ["t1"], isProven: true, delegationEnd: end);
        Timestamp until = Tenants.LogTime.ToTimestamp(end);
        Assert.Equal((until, until), (Get(session).ExpireTime, Get(session).LifetimeEndTime));
        _ledger.Send(new RenewSessionCommand(
            session,
            new RenewSessionRequest { RequestId = _ledger.NextRequestId(), Ttl = new Duration { Seconds = 3600 } },
            "admin"));
        Assert.Equal(until, Get(session).ExpireTime);
        Assert.Equal(until, Get(_ledger.OpenBelow(session)).LifetimeEndTime);
        Answer past = TryOpen([credential], ["t1"], isProven: true, delegationEnd: _ledger.Now);
        Assert.Equal(Outcome.UserOutOfScope, past.Outcome);
    }

    [Fact]
    public void A_user_is_proven_or_claimed_and_a_subagent_knows_no_better_than_its_parent()
    {
        long credential = Create();
        UserProof ProofOf(long session) => Get(session).UserProof;
        long proven = Open([credential], ["t1"], isProven: true);
        long claimed = Open([credential]);
        long unattended =
            _ledger.Open(request => (request.OnBehalfOf, request.Unattended) = ("", true));
        Assert.Equal(UserProof.Proven, ProofOf(proven));
        Assert.Equal(UserProof.Claimed, ProofOf(claimed));
        Assert.Equal(UserProof.Unspecified, ProofOf(unattended));
        Assert.Equal(UserProof.Proven, ProofOf(_ledger.OpenBelow(proven)));
        Assert.Equal(UserProof.Claimed, ProofOf(_ledger.OpenBelow(claimed)));
        Assert.Equal(UserProof.Unspecified, ProofOf(_ledger.OpenBelow(proven, request => request.Unattended = true)));
        Assert.Equal(UserProof.Unspecified, ProofOf(_ledger.OpenBelow(unattended)));
        _ledger.Restart();
        Assert.Equal(UserProof.Proven, ProofOf(proven));
    }

    [Fact]
    public void Where_the_catalog_asks_for_proof_a_user_who_is_only_named_is_refused()
    {
        long credential = Create();
        long before = Open([credential]);
        _ledger.Change(catalog => catalog.RequireProvenUsers = true);
        Assert.Equal(Outcome.UserOutOfScope, TryOpen([credential]).Outcome);
        Assert.Equal(Outcome.UserOutOfScope, _ledger.TryOpenBelow(before).Outcome);
        Assert.Equal(Outcome.UserOutOfScope, _ledger.TryOpen().Outcome);
        Open([credential], ["t1"], isProven: true);
        _ledger.Open(request => (request.OnBehalfOf, request.Unattended) = ("", true));
    }

    private long Create() => CredentialTests.Create(_ledger).Event!.Sequence;

    private LedgerEvent Revoke(long credential, bool keep = false) => _ledger.Send(new RevokeCredentialCommand(
        credential,
        new RevokeCredentialRequest
        {
            RequestId = _ledger.NextRequestId(),
            Credential = $"credentials/c{credential}",
            Reason = "leaked",
            KeepSessions = keep,
        },
        "admin")).Event!;

    private Answer RevokeSessions(string requestId, string credential = "", string user = "") => _ledger.Send(
        new RevokeSessionsCommand(
            new RevokeSessionsRequest
            {
                RequestId = requestId,
                Credential = credential,
                OnBehalfOf = user,
                Reason = "left",
            },
            "admin"));

    private long Open(
        long[] credentials,
        string[]? tokens = null,
        string user = Kim,
        bool isProven = false,
        long delegationEnd = 0,
        long start = 0)
    {
        Answer answer = TryOpen(credentials, tokens, user, isProven, delegationEnd, start);
        Assert.Equal(Outcome.Done, answer.Outcome);
        return answer.Event!.Sequence;
    }

    private Answer TryOpen(
        long[] credentials,
        string[]? tokens = null,
        string user = Kim,
        bool isProven = false,
        long delegationEnd = 0,
        long start = 0)
    {
        var request = new OpenSessionRequest
        {
            RequestId = _ledger.NextRequestId(),
            Agent = "agents/writer",
            UseCase = "useCases/promo",
            OnBehalfOf = user,
        };
        var origin = new SessionOrigin(credentials, tokens ?? [], isProven, delegationEnd, start);
        return _ledger.Send(new OpenSessionCommand(request, "admin", Origin: origin));
    }

    private Session Get(long session) => ((GetSessionResponse)_ledger.Send(new SessionQuery(session)).View!).Session;

    private IEnumerable<long> List(Action<ListSessionsRequest> change)
    {
        var request = new ListSessionsRequest();
        change(request);
        return ((ListSessionsResponse)_ledger.Send(new SessionsQuery(request)).View!).Sessions
            .Select(session => long.Parse(session.Session_.AsSpan("sessions/s".Length)));
    }
}
