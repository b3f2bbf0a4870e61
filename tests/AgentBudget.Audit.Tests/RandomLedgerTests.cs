using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Audit.Tests;

/// <summary>Two independent models of the same rules agree, or one of them is wrong.</summary>
public sealed class RandomLedgerTests
{
    private const int CommandsPerSeed = 2000;

    // Those after the first twelve have found something.
    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 12), 83, 84, 129, 184, 187, 231, 275];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void The_real_ledger_is_clean_and_its_balances_are_the_audits(int seed)
    {
        var random = new RandomLedger(seed);
        random.Run(CommandsPerSeed);

        AuditReport report = AuditedLedger.Audit(random.Ledger.Journal);

        Assert.Empty(report.Findings);
        Assert.Equal(random.Ledger.Ledger.Sequence, report.Events);
        Assert.Equal(random.Ledger.Ledger.OpenReservations, report.Totals.OpenHolds);
        Assert.Equal(random.Ledger.Ledger.OpenSessions, report.Totals.OpenSessions);
        Assert.All(report.Balances,
            balance => Assert.Equal(BalanceOf(random.Ledger, balance.Account), Numbers(balance)));
    }

    [Fact]
    public void Random_commands_reach_every_fact_and_most_refusals()
    {
        var facts = new HashSet<LedgerEvent.FactOneofCase>();
        var reasons = new HashSet<Reason>();
        bool hasOverrun = false, hasLate = false, hasTier = false, hasDowngrade = false, hasExpiryCharge = false;
        for (int seed = 1; seed <= 12; seed++)
        {
            var random = new RandomLedger(seed);
            random.Run(CommandsPerSeed);
            foreach (LedgerEvent ledgerEvent in random.Ledger.Journal)
            {
                facts.Add(ledgerEvent.FactCase);
                if (ledgerEvent.ReservationRefused is { } refused) reasons.Add(refused.Reason);
                hasDowngrade |= ledgerEvent.ReservationHeld?.RequestedModel.Length > 0;
                if (ledgerEvent.ReservationSettled is not { } settled) continue;
                hasOverrun |= settled.OverrunNanos > 0;
                hasLate |= settled.Late;
                hasTier |= settled.TiersCrossed.Count > 0;
                hasExpiryCharge |= ledgerEvent.RequestId.Length == 0;
            }
        }

        // These are made by an issuer of tokens, or by the notifier's keeper, which are not driven here.
        LedgerEvent.FactOneofCase[] ofIssuers =
        [
            LedgerEvent.FactOneofCase.None, LedgerEvent.FactOneofCase.AccessTokenRevoked,
            LedgerEvent.FactOneofCase.SigningKeyRotated, LedgerEvent.FactOneofCase.NotificationsChanged,
        ];
        Assert.Empty(Enum.GetValues<LedgerEvent.FactOneofCase>().Except(facts).Except(ofIssuers));
        Assert.Superset(
            new HashSet<Reason>
            {
                Reason.SessionClosed, Reason.SessionExpired, Reason.SessionRevoked, Reason.SessionSuspended,
                Reason.AgentSuspended,
                Reason.ToolOutOfScope,
                Reason.ModelOutOfScope, Reason.UnknownPrice, Reason.MissingTag, Reason.RequestCeiling,
                Reason.StepCeiling, Reason.SessionCeiling, Reason.RunCeiling, Reason.AgentBudget, Reason.UseCaseBudget,
                Reason.BusinessUnitBudget, Reason.TenantBudget, Reason.UserBudget, Reason.ModelBudget,
            },
            reasons);
        Assert.All([hasOverrun, hasLate, hasTier, hasDowngrade, hasExpiryCharge], Assert.True);
    }

    private static string BalanceOf(AuditedLedger ledger, string account)
    {
        Answer answer = ledger.Send(new BalanceQuery(0, account));
        Assert.Equal(Outcome.Done, answer.Outcome);
        return Numbers(((GetBalanceResponse)answer.View!).Grains[0]);
    }

    // Of every window of the account.
    private static string Numbers(GrainBalance balance) => string.Join(
        ", ", balance.Window, Nanos(balance.Settled), Nanos(balance.Held), Nanos(balance.Overrun), Nanos(balance.Limit),
        Nanos(balance.HardCap), balance.SettledTokens, balance.HeldTokens,
        Nanos(balance.Disputed), balance.DisputedTokens,
        balance.HasLimitTokens ? balance.LimitTokens : "none", string.Concat(balance.Windows.Select(Numbers)));

    private static string Numbers(AuditBalance balance) => string.Join(
        ", ", balance.Window, balance.SettledNanos, balance.HeldNanos, balance.OverrunNanos,
        balance.LimitNanos?.ToString() ?? "none", balance.HardCapNanos?.ToString() ?? "none", balance.SettledTokens,
        balance.HeldTokens, balance.DisputedNanos == 0 ? "none" : balance.DisputedNanos, balance.DisputedTokens,
        balance.LimitTokens?.ToString() ?? "none",
        string.Concat(balance.Windows.Select(Numbers)));

    private static string Nanos(Money? money) =>
        money is null ? "none" : $"{((Int128)money.Units * 1_000_000_000) + money.Nanos}";
}
