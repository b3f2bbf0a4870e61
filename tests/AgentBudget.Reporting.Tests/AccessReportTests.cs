using AgentBudget.Audit.Tests;
using AgentBudget.Protocol.V1;
using AgentBudget.Reporting.Access;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Reporting.Tests;

public sealed class AccessReportTests
{
    [Fact]
    public void Coverage_is_the_share_of_spend_that_is_joined_to_everything_and_lists_the_rest()
    {
        var ledger = new AuditedLedger();
        long credential = ledger.Create();
        long own = ledger.Open(actor: $"agents/writer credentials/c{credential}");
        ledger.Commit(own, ledger.Hold(own), input: 3000, output: 0);
        ledger.End(own);
        long operators = ledger.Open();
        ledger.Commit(operators, ledger.Hold(operators), input: 1000, output: 0);

        GetAttributionCoverageResponse coverage = CoverageOf(ledger);

        Assert.Equal(750_000, coverage.SharePpm);
        Assert.Equal((4_000_000, 3_000_000), (coverage.Cost.Nanos, coverage.Attributed.Nanos));
        UnattributedSpend rest = Assert.Single(coverage.Unattributed);
        Assert.Equal(($"sessions/s{operators}", 1_000_000), (rest.Session, rest.Cost.Nanos));
        Assert.Equal([Attribution.Credential, Attribution.ClosedSession], rest.Missing);
    }

    [Fact]
    public void Coverage_counts_what_was_settled_in_the_period()
    {
        var ledger = new AuditedLedger();
        long session = ledger.Open();
        ledger.Commit(session, ledger.Hold(session));
        Timestamp after = ledger.Last.Time.Clone();
        after.Seconds++;

        Assert.Equal(0, CoverageOf(ledger, start: after).Cost.Nanos);
        Assert.Equal(1_000_000, CoverageOf(ledger, start: after).SharePpm);
        Assert.Equal(CoverageOf(ledger).Cost, CoverageOf(ledger, end: after).Cost);
    }

    [Fact]
    public void A_review_says_what_an_agent_may_do_and_what_of_it_nobody_used()
    {
        var ledger = new AuditedLedger();
        long used = ledger.Create();
        long unused = ledger.Create();
        ledger.RevokeCredential(ledger.Create());
        long session = ledger.Open(actor: $"agents/writer credentials/c{used}");
        ledger.Authorize(session, "search.web");
        ledger.Authorize(session, "billing.pay");
        ledger.Hold(session);

        AgentAccess writer = ReviewOf(ledger).Agents.Single(agent => agent.Agent == AuditedLedger.Writer);

        Assert.Equal(["crm.read"], writer.UnusedTools);
        Assert.Equal([AuditedLedger.Sonnet], writer.UnusedModels);
        Assert.Equal([$"credentials/c{used}", $"credentials/c{unused}"], writer.Credentials);
        Assert.Equal([$"credentials/c{unused}"], writer.UnusedCredentials);
        Assert.Equal((1, 1, 0, 1), (writer.Sessions, writer.SessionsOpen, writer.SessionsExpired, writer.OutOfScope));
        Assert.Equal("active", writer.Standing);
    }

    [Fact]
    public void A_review_knows_the_agents_that_patches_left_and_the_models_of_a_family()
    {
        var ledger = new AuditedLedger();
        ledger.Patch(put =>
        {
            foreach (string id in (string[])["editor", "gone"])
            {
                Agent agent = AuditedLedger.Catalog().Agents[0];
                agent.Id = id;
                agent.Models.Clear();
                agent.Models.Add(["hai*", "son*"]);
                put.Agents.Add(agent);
            }
        });
        ledger.Patch(_ => { }, "agents/gone");
        ledger.Hold(ledger.Open(request => request.Agent = "agents/editor"));

        AgentAccess[] agents = [.. ReviewOf(ledger).Agents];

        Assert.Equal(["agents/editor", AuditedLedger.Writer], agents.Select(agent => agent.Agent));
        Assert.Equal(["son*"], agents[0].UnusedModels);
    }

    [Fact]
    public void A_review_tells_of_an_agent_that_a_breaker_suspended()
    {
        var ledger = new AuditedLedger();
        ledger.Open();
        AccessReview review = new(ledger.Journal[0].Time, ledger.Last.Time);
        ledger.Journal.ForEach(review.Accept);
        review.Accept(new LedgerEvent
        {
            Sequence = ledger.Last.Sequence + 1,
            Time = ledger.Last.Time,
            Spender = new Spender { Session = "sessions/s1", Agent = AuditedLedger.Writer },
            BreakerTripped = new BreakerTripped { Suspended = AuditedLedger.Writer, Agent = AuditedLedger.Writer },
        });

        Assert.Equal("suspended", Assert.Single(review.Finish().Agents).Standing);
    }

    [Fact]
    public void A_review_tells_sessions_that_were_left_to_expire_and_agents_that_stopped()
    {
        var ledger = new AuditedLedger();
        ledger.Open();
        ledger.Advance(TimeSpan.FromHours(2));
        ledger.Suspend();

        AgentAccess writer = Assert.Single(ReviewOf(ledger).Agents);

        Assert.Equal((1, 0, "suspended"), (writer.SessionsExpired, writer.SessionsOpen, writer.Standing));
        ledger.Decommission();
        Assert.Equal("decommissioned", Assert.Single(ReviewOf(ledger).Agents).Standing);
    }

    [Fact]
    public void A_credential_that_is_used_without_a_session_is_not_unused()
    {
        var ledger = new AuditedLedger();
        long used = ledger.Create();
        long unused = ledger.Create();
        ledger.Use(ledger.UseOf(used, "203.0.113.0/24"));

        Assert.Equal([$"credentials/c{unused}"], Assert.Single(ReviewOf(ledger).Agents).UnusedCredentials);
        ledger.Advance(TimeSpan.FromDays(1));
        ledger.Create();
        GetAccessReviewResponse later = ReviewOf(ledger, since: ledger.Last.Time);
        Assert.Equal(3, Assert.Single(later.Agents).UnusedCredentials.Count);
    }

    [Fact]
    public void A_credential_that_is_used_from_two_places_within_an_hour_is_shared()
    {
        var ledger = new AuditedLedger();
        long steady = ledger.Create();
        long moved = ledger.Create();
        long shared = ledger.Create();
        long apart = ledger.Create();
        long ended = ledger.Create();
        ledger.Use(
            ledger.UseOf(steady, "203.0.113.0/24"), ledger.UseOf(moved, "203.0.113.0/24"),
            ledger.UseOf(shared, "203.0.113.0/24", "198.51.100.0/24"), ledger.UseOf(apart, "203.0.113.0/24"),
            ledger.UseOf(ended, "203.0.113.0/24", "198.51.100.0/24"));
        ledger.Advance(TimeSpan.FromMinutes(59));
        ledger.Use(ledger.UseOf(apart, "certificate 5OQz")); // As another silo saw it.
        ledger.RevokeCredential(ended);
        ledger.Advance(TimeSpan.FromMinutes(1));
        ledger.Use(ledger.UseOf(steady, "203.0.113.0/24"), ledger.UseOf(moved, "192.0.2.0/24"));

        GetAccessReviewResponse review = ReviewOf(ledger);

        Assert.Equal(
            [$"credentials/c{shared}", $"credentials/c{apart}"],
            review.SharedCredentials.Select(found => found.Credential));
        Assert.Equal(["198.51.100.0/24", "203.0.113.0/24"], review.SharedCredentials[0].Places);
        Assert.Equal(["203.0.113.0/24", "certificate 5OQz"], review.SharedCredentials[1].Places);
        Assert.Empty(review.UnprovenCredentials);
    }

    [Fact]
    public void A_review_takes_what_a_silo_has_not_told_yet_too()
    {
        var ledger = new AuditedLedger();
        long credential = ledger.Create();
        ledger.Use(ledger.UseOf(credential, "203.0.113.0/24"));
        var review = new AccessReview(ledger.Journal[0].Time, ledger.Last.Time);
        ledger.Journal.ForEach(review.Accept);

        CredentialUse untold = ledger.UseOf(credential, "198.51.100.0/24");
        untold.Unproven = 3;
        review.Accept(untold);

        Assert.Equal(2, Assert.Single(review.Finish().SharedCredentials).Places.Count);
        SuspectCredential unproven = Assert.Single(review.Finish().UnprovenCredentials);
        Assert.Equal(($"credentials/c{credential}", 3), (unproven.Credential, unproven.Unproven));
    }

    private static GetAttributionCoverageResponse CoverageOf(
        AuditedLedger ledger, Timestamp? start = null, Timestamp? end = null)
    {
        var coverage = new AttributionCoverage(start, end);
        ledger.Journal.ForEach(coverage.Accept);
        return coverage.Finish();
    }

    private static GetAccessReviewResponse ReviewOf(AuditedLedger ledger, Timestamp? since = null)
    {
        var review = new AccessReview(since ?? ledger.Journal[0].Time, ledger.Last.Time);
        ledger.Journal.ForEach(review.Accept);
        return review.Finish();
    }
}
