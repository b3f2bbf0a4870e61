using AgentBudget.Protocol.V1;

namespace AgentBudget.Audit.Tests;

public sealed class LedgerAuditTests
{
    public static TheoryData<string> FaultNames => [.. Faults.All.Keys];

    // Planted where there are bytes: in the tests of the verifier.
    private static readonly AuditRule[] OfBytes = [AuditRule.Chain, AuditRule.Checkpoint];

    [Theory]
    [MemberData(nameof(FaultNames))]
    public void A_fault_is_found_once_and_named_by_its_rule_and_place(string name)
    {
        Fault fault = Faults.All[name];
        (List<LedgerEvent> sound, List<LedgerEvent> spoiled) = fault.Journals();

        AuditReport report = AuditedLedger.Audit(spoiled);

        Assert.Empty(AuditedLedger.Audit(sound).Findings);
        AuditFinding finding = Assert.Single(report.Findings);
        Assert.Equal(fault.Rule, finding.Rule);
        Assert.Equal(spoiled[^1].Sequence, finding.Sequence);
        Assert.False(report.IsClean);
    }

    [Fact]
    public void Every_rule_has_a_planted_fault() =>
        Assert.Equal(
            AuditRule.All.Except(OfBytes).Select(rule => rule.Id),
            AuditRule.All.Where(rule => Faults.All.Values.Any(fault => fault.Rule == rule)).Select(rule => rule.Id));

    [Fact]
    public void Rules_have_ids_of_their_own() =>
        Assert.Distinct(AuditRule.All.Select(rule => rule.Id), StringComparer.Ordinal);

    [Fact]
    public void A_breaker_is_told_after_the_refusals_of_its_session_that_nobody_was_told_yet()
    {
        var ledger = new AuditedLedger(catalog => catalog.Agents[0].Breakers = new Breakers
        {
            BurnRate = new BurnBreaker { CostPerMinute = AuditedLedger.Dollars(0.005m) },
        });
        long root = ledger.Open();
        long child = ledger.OpenBelow(root);
        for (int asked = 0; asked < 10; asked++) ledger.Reserve(root, request => request.Tool = "billing.pay");

        ledger.Commit(child, ledger.Hold(child), input: 1000, output: 1000);

        List<LedgerEvent> ending = ledger.Journal[^2..];
        Assert.All(ending, told => Assert.Equal($"sessions/s{root}", told.Spender.Session));
        Assert.Equal(2, ending[0].RefusalsCoalesced.Count);
        Assert.Equal(ending[0].Spender.Session, ending[1].BreakerTripped.Suspended);
        Assert.Empty(AuditedLedger.Audit(ledger.Journal).Findings);
    }

    [Fact]
    public void A_report_counts_what_the_journal_states()
    {
        var ledger = new AuditedLedger();
        long session = ledger.Open();
        ledger.Commit(session, ledger.Hold(session), input: 1000, output: 2000);
        ledger.Hold(session);
        ledger.Reserve(session, request => request.Estimate = AuditedLedger.Input(2_000_000));

        AuditReport report = AuditedLedger.Audit(ledger.Journal);

        Assert.True(report.IsClean);
        Assert.Equal(("acme", "USD", 6L), (report.Tenant, report.Currency, report.Events));
        Assert.Equal(ledger.Journal[0].Time, report.FirstTime);
        Assert.Equal(ledger.Last.Time, report.LastTime);
        Assert.Equal(
            new AuditTotals(
                SettledNanos: 11_000_000, SettledTokens: 3000, OverrunNanos: 5_000_000, HeldNanos: 6_000_000,
                HeldTokens: 2000, OpenHolds: 1, Granted: 2, Refused: 1, Sessions: 1, OpenSessions: 1),
            report.Totals);
        Assert.Equal(
            ["agents/writer", "businessUnits/marketing", "tenants/acme", "useCases/promo", $"sessions/s{session}"],
            report.Balances.Select(balance => balance.Account));
        Assert.Equal(1_100_000_000, report.Balances[3].HardCapNanos);
    }

    [Fact]
    public void What_would_lower_a_charge_in_dispute_leaves_the_estimate_beside_it_too()
    {
        var ledger = new AuditedLedger();
        long session = ledger.Open();
        long reservation = ledger.Hold(session, request =>
        {
            request.OnExpiry = OnExpiry.Charge;
            request.Ttl = new Google.Protobuf.WellKnownTypes.Duration { Seconds = 1 };
        });
        ledger.Commit(session, reservation, input: 1_000_000, output: 0, request =>
        {
            request.Final = false;
            request.Cumulative = true;
        });
        Assert.True(ledger.Last.ReservationSettled.Disputed);
        ledger.Advance(TimeSpan.FromSeconds(2));

        ledger.Commit(session, reservation, input: 10, output: 10, request => request.Cumulative = true);

        Assert.Equal(0, ledger.Last.ReservationSettled.CostNanos);
        Assert.Empty(AuditedLedger.Audit(ledger.Journal).Findings);
    }

    [Fact]
    public void A_report_keeps_the_first_findings_and_counts_all()
    {
        var ledger = new AuditedLedger();
        long session = ledger.Open();
        for (int call = 0; call < AuditReport.FindingsMax + 20; call++) ledger.Release(session, ledger.Hold(session));
        foreach (LedgerEvent ledgerEvent in ledger.Journal.Where(e => e.ReservationHeld is not null))
            ledgerEvent.ReservationHeld.ExpireTime.Seconds += 100_000;

        AuditReport report = AuditedLedger.Audit(ledger.Journal);

        Assert.Equal(AuditReport.FindingsMax, report.Findings.Count);
        Assert.Equal(AuditReport.FindingsMax + 20, report.FindingsFound);
        Assert.Equal(3, report.Findings[0].Sequence);
    }

    [Fact]
    public void What_is_over_for_a_month_is_forgotten()
    {
        var ledger = new AuditedLedger();
        long session = ledger.Open();
        long reservation = ledger.Hold(session);
        ledger.Release(session, reservation);
        ledger.Advance(TimeSpan.FromDays(20));
        LedgerEvent late = new AuditedLedger().Journal[0].Clone();
        late.CatalogApplied = null;
        late.Sequence = ledger.Last.Sequence + 1;
        late.Time = ledger.Last.Time.Clone();
        late.Time.Seconds += 20 * 86_400;
        late.Spender = ledger.Journal[1].Spender;
        late.ReservationSettled = new ReservationSettled { Reservation = reservation, Final = true };

        AuditFinding finding = Assert.Single(AuditedLedger.Audit([.. ledger.Journal, late]).Findings);

        Assert.Equal(AuditRule.SessionKnown, finding.Rule);
    }
}
