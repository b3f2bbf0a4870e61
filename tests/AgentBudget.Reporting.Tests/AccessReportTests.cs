using AgentBudget.Protocol.V1;
using AgentBudget.Reporting.Access;
using AgentBudget.Reporting.Tests.Audit;
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

    private static GetAttributionCoverageResponse CoverageOf(
        AuditedLedger ledger, Timestamp? start = null, Timestamp? end = null)
    {
        var coverage = new AttributionCoverage(start, end);
        ledger.Journal.ForEach(coverage.Accept);
        return coverage.Finish();
    }

    private static GetAccessReviewResponse ReviewOf(AuditedLedger ledger)
    {
        var review = new AccessReview(ledger.Journal[0].Time, ledger.Last.Time);
        ledger.Journal.ForEach(review.Accept);
        return review.Finish();
    }
}
