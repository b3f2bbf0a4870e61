using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Ledger.Tests;

/// <summary>Corrections by hand: credits, debits, resets, and spend that is rated again.</summary>
public sealed class AdjustTests
{
    private const string UseCase = "useCases/promo";
    private const string Agent = "agents/writer";
    private const long Dollar = 1_000_000_000;

    [Theory]
    [InlineData(UseCase, new[] { UseCase, "businessUnits/marketing", "tenants/acme" })]
    [InlineData("businessUnits/marketing", new[] { "businessUnits/marketing", "tenants/acme" })]
    [InlineData(Agent, new[] { Agent, "tenants/acme" })]
    [InlineData("tenants/acme", new[] { "tenants/acme" })]
    public void An_adjustment_moves_a_grain_and_those_above_it(string grain, string[] moved)
    {
        LedgerFixture fixture = Spent(dollars: 5);

        SpendAdjusted adjusted = Adjust(fixture, -2, grain).Event!.SpendAdjusted;

        Assert.Equal(moved, adjusted.Lines.Single().Grains);
        Assert.Equal((5, 3), (Dollars(adjusted.Before.Settled), Dollars(adjusted.After.Settled)));
        string[] all = [Agent, UseCase, "businessUnits/marketing", "tenants/acme"];
        Assert.All(all, name => Assert.Equal(moved.Contains(name) ? 3 : 5, Settled(fixture, name)));
    }

    [Fact]
    public void A_credit_makes_room_and_a_debit_takes_it()
    {
        LedgerFixture fixture = Spent(dollars: 10);
        long session = fixture.Open();
        Assert.Equal(Reason.UseCaseBudget, fixture.RefusalOf(session, Asks(2)));

        Adjust(fixture, -2, UseCase);
        Assert.Equal(Reason.Unspecified, fixture.RefusalOf(session, request =>
        {
            Asks(2)(request);
            request.DryRun = true;
        }));
        fixture.Restart();
        Adjust(fixture, 2, UseCase);

        Assert.Equal(Reason.UseCaseBudget, fixture.RefusalOf(session, Asks(2)));
        Assert.Equal(2 * Dollar, LedgerFixture.Nanos(fixture.Balance(UseCase).Overrun));
    }

    [Fact]
    public void A_credit_of_overrun_makes_room_once()
    {
        LedgerFixture fixture = Spent(dollars: 0);
        long session = fixture.Open();
        fixture.Commit(session, fixture.Hold(session, Asks(1)), 15_000_000, 0);
        Assert.Equal(14 * Dollar, LedgerFixture.Nanos(fixture.Balance(UseCase).Overrun));

        Adjust(fixture, -6, UseCase);

        GrainBalance balance = fixture.Balance(UseCase);
        Assert.Equal((9, 8, 1), (Dollars(balance.Settled), Dollars(balance.Overrun), Dollars(balance.Available)));
        Assert.Equal(Reason.UseCaseBudget, fixture.RefusalOf(session, Asks(2)));
        Assert.Equal(Reason.Unspecified, fixture.RefusalOf(session, Asks(1)));
    }

    [Theory]
    [InlineData(-6, UseCase)]
    [InlineData(-1, "agents/reader")]
    public void Nothing_is_credited_beyond_what_was_settled(long dollars, string grain)
    {
        LedgerFixture fixture = Spent(dollars: 5, catalog =>
        {
            Agent reader = catalog.Agents[0].Clone();
            reader.Id = "reader";
            catalog.Agents.Add(reader);
        });
        byte[] before = fixture.Ledger.Snapshot();

        Assert.Equal(Outcome.AdjustmentTooLarge, Adjust(fixture, dollars, grain).Outcome);

        Assert.Equal(before, fixture.Ledger.Snapshot());
    }

    [Fact]
    public void A_reservation_is_credited_once_for_all_that_it_settled()
    {
        LedgerFixture fixture = Spent(dollars: 5);
        long session = fixture.Open();
        long number = fixture.Hold(session, Asks(3));
        fixture.Commit(session, number, 3_000_000, 0);
        AdjustedReservation reservation = ReservationOf(fixture, number);

        SpendAdjusted adjusted = Adjust(fixture, -2, "", reservation).Event!.SpendAdjusted;

        Assert.Equal((3 * Dollar, number), (adjusted.SettledNanos, adjusted.Reservation));
        Assert.Equal(
            [$"sessions/s{session}", Agent, UseCase, "businessUnits/marketing", "tenants/acme"],
            adjusted.Lines.Single().Grains);
        Assert.Equal(1, Dollars(fixture.Session(session).Settled.Cost));
        fixture.Restart();
        Assert.Equal(Outcome.AdjustmentTooLarge, Adjust(fixture, -2, "", reservation).Outcome);
        Assert.Equal(Outcome.Done, Adjust(fixture, -1, "", reservation).Outcome);
        Assert.Equal(Outcome.AdjustmentTooLarge, Adjust(fixture, -1, "", reservation).Outcome);
        Assert.Equal(5, Settled(fixture, UseCase));
    }

    [Fact]
    public void A_reservation_of_a_forgotten_session_is_credited_on_the_accounts_of_its_path()
    {
        LedgerFixture fixture = Spent(dollars: 0);
        long session = fixture.Open();
        long number = fixture.Hold(session, Asks(3));
        fixture.Commit(session, number, 3_000_000, 0);
        fixture.End(session);
        fixture.Advance(3 * LedgerFixture.Day);

        Adjust(fixture, -2, "", ReservationOf(fixture, number));

        Assert.Equal((1, 1), (Settled(fixture, UseCase), Settled(fixture, Agent)));
    }

    [Fact]
    public void An_adjustment_is_made_once_however_often_it_is_asked()
    {
        LedgerFixture fixture = Spent(dollars: 5);

        Answer first = Adjust(fixture, -2, UseCase, requestId: "one");

        Assert.Equal(first.Event!.Sequence, Adjust(fixture, -2, UseCase, requestId: "one").DuplicateOf);
        Assert.Equal(Outcome.KeyReused, Adjust(fixture, -1, UseCase, requestId: "one").Outcome);
        Assert.Equal(3, Settled(fixture, UseCase));
    }

    [Fact]
    public void A_debit_tells_the_tiers_that_it_reaches_and_a_credit_lets_them_be_told_again()
    {
        LedgerFixture fixture = Spent(dollars: 0);

        Assert.Equal([50, 80], Tiers(Adjust(fixture, 9, UseCase)));
        Assert.Empty(Tiers(Adjust(fixture, -5, UseCase)));
        Assert.Equal([50, 80], Tiers(Adjust(fixture, 4, UseCase)));
    }

    [Fact]
    public void A_credit_after_the_period_lowers_what_was_ever_settled_and_not_the_next_period()
    {
        LedgerFixture fixture = Spent(dollars: 5);
        fixture.Advance(20 * LedgerFixture.Day);
        Assert.Equal(0, Settled(fixture, UseCase));

        Assert.Equal(Outcome.Done, Adjust(fixture, -3, UseCase).Outcome);

        Assert.Equal(0, Settled(fixture, UseCase));
        Assert.Equal(2 * Dollar, fixture.Ledger.Accounts[UseCase].Window.LifetimeNanos);
    }

    [Fact]
    public void What_was_credited_by_hand_is_not_taken_back_again_by_a_late_commit()
    {
        LedgerFixture fixture = Spent(dollars: 0);
        long session = fixture.Open();
        long charged = fixture.Hold(session, request =>
        {
            Asks(5)(request);
            request.OnExpiry = OnExpiry.Charge;
            request.Ttl = new Duration { Seconds = 1 };
        });
        fixture.Advance(2 * LedgerFixture.Second);
        Adjust(fixture, -4, UseCase);

        fixture.Commit(session, charged, 2_000_000, 0);

        Assert.Equal((0, 2), (Settled(fixture, UseCase), Settled(fixture, Agent)));
        Assert.Equal(0, fixture.Ledger.Accounts[UseCase].Window.LifetimeNanos);
    }

    [Fact]
    public void A_dispute_that_is_dismissed_after_a_reset_or_a_credit_takes_back_no_more_than_there_is()
    {
        LedgerFixture fixture = Spent(dollars: 0, catalog =>
            catalog.Agents[0].Budget = new Protocol.V1.Budget
            {
                Limit = Catalogs.Dollars(5000),
                Period = Period.Month,
            });
        long session = fixture.Open();
        LedgerEvent beyond = fixture.Commit(session, fixture.Hold(session, Asks(1)), 900_000_000, 0).Event!;
        Assert.True(beyond.ReservationSettled.Disputed);
        Reset(fixture, Agent);
        Adjust(fixture, -500, Agent);
        fixture.Advance(LedgerFixture.Second);

        Answer dismissed = fixture.Send(new DecideDisputeCommand(
            new DecideDisputeRequest
            {
                RequestId = fixture.NextRequestId(),
                Dispute = $"disputes/d{beyond.Sequence}",
                Decision = DisputeDecision.Dismissed,
                Reason = "a bug",
            },
            "admin"));

        Assert.Equal(Outcome.Done, dismissed.Outcome);
        Assert.Equal(0, Settled(fixture, Agent));
    }

    [Fact]
    public void A_reset_starts_a_period_over_and_keeps_what_is_held()
    {
        LedgerFixture fixture = Spent(dollars: 8);
        long session = fixture.Open();
        fixture.Hold(session, Asks(1));

        BudgetReset reset = Reset(fixture, UseCase).Event!.BudgetReset;

        Assert.Equal((8, 0), (Dollars(reset.Before.Settled), Dollars(reset.After.Settled)));
        GrainBalance balance = fixture.Balance(UseCase);
        Assert.Equal((0, 1, 9), (Dollars(balance.Settled), Dollars(balance.Held), Dollars(balance.Available)));
        Assert.Equal(reset.Before.ResetTime, balance.ResetTime);
        Assert.Equal(8, Settled(fixture, Agent));
    }

    [Theory]
    [InlineData("useCases/none", "", Outcome.GrainNotFound)]
    [InlineData(Agent, "", Outcome.NoBudget)]
    [InlineData(UseCase, "year", Outcome.NoBudget)]
    public void What_has_no_budget_is_not_reset(string grain, string window, Outcome outcome)
    {
        LedgerFixture fixture = Spent(dollars: 1);

        Assert.Equal(outcome, Reset(fixture, grain, window).Outcome);
    }

    [Fact]
    public void A_period_is_rated_again_at_a_version_that_is_named()
    {
        LedgerFixture fixture = Spent(dollars: 6);
        fixture.Advance(LedgerFixture.Second);
        fixture.Change(catalog => catalog.Prices[1].Rates.Input /= 2);

        RatedPeriod rated = Rate(fixture, version: 2);
        RatedSpend difference = Assert.Single(rated.Differences);
        Assert.Equal((6 * Dollar, 3 * Dollar), (difference.SettledNanos, difference.ReratedNanos));
        Assert.Equal(6, Settled(fixture, UseCase));

        SpendAdjusted adjusted = Rerate(fixture, rated, version: 2).Event!.SpendAdjusted;

        Assert.Equal((2, 1), (adjusted.Rerating.PriceVersion, adjusted.Rerating.Charges));
        Assert.All([Agent, UseCase, "tenants/acme"], name => Assert.Equal(3, Settled(fixture, name)));
        Assert.Empty(Rate(fixture, version: 2).Differences);
        Assert.Equal(3 * Dollar, Assert.Single(Rate(fixture, version: 1).Differences).DifferenceNanos);
    }

    [Fact]
    public void A_rating_that_another_overtook_is_not_booked()
    {
        LedgerFixture fixture = Spent(dollars: 6);
        fixture.Advance(LedgerFixture.Second);
        fixture.Change(catalog => catalog.Prices[1].Rates.Input /= 2);
        RatedPeriod rated = Rate(fixture, version: 2);
        Rerate(fixture, rated, version: 2);

        Assert.Equal(Outcome.ReratingOutdated, Rerate(fixture, rated, version: 2).Outcome);
        fixture.Restart();
        Assert.Equal(Outcome.ReratingOutdated, Rerate(fixture, rated, version: 2).Outcome);
        Assert.Equal(3, Settled(fixture, UseCase));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void A_version_that_never_was_is_refused(long version)
    {
        LedgerFixture fixture = Spent(dollars: 6);
        var none = new RatedPeriod([], 0, 0, 0);

        Assert.Equal(Outcome.PriceVersionNotFound, Rerate(fixture, none, version).Outcome);
    }

    [Fact]
    public void What_was_billed_or_has_no_price_in_the_version_stays()
    {
        LedgerFixture fixture = Spent(dollars: 0);
        long session = fixture.Open();
        fixture.Commit(
            session, fixture.Hold(session, Asks(1)), 1_000_000, 0,
            request => request.BilledCost = Catalogs.Dollars(2));
        fixture.Commit(session, fixture.Hold(session, Asks(1)), 1_000_000, 0);
        fixture.Advance(LedgerFixture.Second);
        fixture.Change(catalog =>
        {
            catalog.Agents[0].Models.Remove(LedgerFixture.Haiku);
            catalog.UseCases[0].Downgrade.Clear();
            catalog.Prices.RemoveAt(1);
        });

        RatedPeriod rated = Rate(fixture, version: 2);

        Assert.Equal((2, 2, 0), (rated.Charges, rated.Unrated, rated.Differences.Count));
    }

    [Fact]
    public void Costs_items_and_corrected_estimates_are_rated_with_the_calls()
    {
        LedgerFixture fixture = Spent(dollars: 0, catalog =>
            catalog.Skus.Add(new Sku { Id = "minute", Cost = Catalogs.Dollars(1) }));
        long session = fixture.Open();
        fixture.Send(new RecordCostCommand(
            session, new RecordCostRequest { RequestId = "cost", Sku = "minute", Quantity = 2 }));
        long charged = fixture.Hold(session, request =>
        {
            Asks(4)(request);
            request.OnExpiry = OnExpiry.Charge;
            request.Ttl = new Duration { Seconds = 1 };
        });
        fixture.Advance(2 * LedgerFixture.Second);
        fixture.Commit(session, charged, 1_000_000, 0);
        fixture.Advance(LedgerFixture.Second);
        fixture.Change(catalog =>
        {
            catalog.Skus[0].Cost = Catalogs.Dollars(3);
            catalog.Prices[1].Rates.Input *= 2;
        });

        IReadOnlyList<RatedSpend> differences = Rate(fixture, version: 2).Differences;

        // Costs of no model, and the model's.
        Assert.Equal(["", LedgerFixture.Haiku], differences.Select(difference => difference.Model));
        Assert.Equal(
            [(2 * Dollar, 6 * Dollar), (1 * Dollar, 2 * Dollar)],
            differences.Select(difference => (difference.SettledNanos, difference.ReratedNanos)));
    }

    [Theory]
    [InlineData(Period.Month)]
    [InlineData(Period.None)]
    [InlineData(Period.Week)]
    public void What_a_reset_took_away_does_not_count_again_when_the_period_changes(Period period)
    {
        LedgerFixture fixture = Spent(8, catalog => catalog.UseCases[0].Budget.Period = Period.Day);
        Reset(fixture, UseCase);
        long session = fixture.Open();
        fixture.Commit(session, fixture.Hold(session, Asks(1)), 1_000_000, 0);
        fixture.Restart();
        fixture.Advance(2 * LedgerFixture.Day);

        fixture.Change(catalog => catalog.UseCases[0].Budget.Period = period);

        Assert.Equal(1, Settled(fixture, UseCase));
        session = fixture.Open();
        fixture.Commit(session, fixture.Hold(session, Asks(2)), 2_000_000, 0);
        fixture.Change(catalog => catalog.UseCases[0].Budget.Period = Period.Quarter);
        Assert.Equal(3, Settled(fixture, UseCase));
    }

    [Fact]
    public void A_rolling_window_after_a_reset_counts_only_what_came_after_it()
    {
        LedgerFixture fixture = Spent(8, catalog => catalog.UseCases[0].Budget.Period = Period.Day);
        Reset(fixture, UseCase);
        long session = fixture.Open();
        fixture.Commit(session, fixture.Hold(session, Asks(1)), 1_000_000, 0);

        fixture.Change(catalog =>
        {
            catalog.UseCases[0].Budget.Period = Period.Rolling;
            catalog.UseCases[0].Budget.Rolling = new Duration { Seconds = 7 * 24 * 3600 };
        });

        Assert.Equal(1, Settled(fixture, UseCase));
        fixture.Advance(8 * LedgerFixture.Day);
        Assert.Equal(0, Settled(fixture, UseCase));
    }

    [Fact]
    public void A_reset_of_one_window_takes_nothing_from_another()
    {
        LedgerFixture fixture = Spent(8, catalog => catalog.UseCases[0].Budget.Period = Period.Day);
        Reset(fixture, UseCase);

        fixture.Change(catalog => catalog.UseCases[0].FurtherBudgets.Add(
            new Protocol.V1.Budget { Limit = Catalogs.Dollars(100), Period = Period.Month }));

        Assert.Equal(0, Settled(fixture, UseCase));
        Assert.Equal(8, Dollars(fixture.Balance(UseCase).Windows.Single().Settled));
    }

    private static LedgerFixture Spent(long dollars, Action<Catalog>? change = null)
    {
        var fixture = new LedgerFixture(catalog =>
        {
            catalog.UseCases[0].Budget.Limit = Catalogs.Dollars(10);
            catalog.UseCases[0].Budget.Tiers.Add(new Tier { AtPercent = 50, Notify = { "owner" } });
            catalog.UseCases[0].Budget.Tiers.Add(new Tier { AtPercent = 80, Notify = { "owner" } });
            catalog.UseCases[0].Budget.Tiers.Add(new Tier { AtPercent = 100, Action = TierAction.Refuse });
            change?.Invoke(catalog);
        });
        if (dollars == 0) return fixture;
        long session = fixture.Open();
        fixture.Commit(session, fixture.Hold(session, Asks(dollars)), dollars * 1_000_000, 0);
        return fixture;
    }

    private static Action<ReserveTokensRequest> Asks(long dollars) =>
        request => request.Estimate = Catalogs.Input(dollars * 1_000_000);

    private static Answer Adjust(
        LedgerFixture fixture,
        long dollars,
        string grain,
        AdjustedReservation? reservation = null,
        string? requestId = null) => fixture.Send(new AdjustSpendCommand(
            new AdjustSpendRequest
            {
                RequestId = requestId ?? fixture.NextRequestId(),
                Grain = grain,
                Amount = Catalogs.Dollars(dollars),
                Reason = "wrong price",
            },
            reservation,
            "admin"));

    private static Answer Reset(LedgerFixture fixture, string grain, string window = "") =>
        fixture.Send(new ResetBudgetCommand(
            new ResetBudgetRequest
            {
                RequestId = fixture.NextRequestId(),
                Grain = grain,
                Window = window,
                Reason = "again",
            },
            "admin"));

    private static AdjustedReservation ReservationOf(LedgerFixture fixture, long number)
    {
        LedgerEvent held = fixture.Journal[(int)number - 1];
        ReservationSettled[] settled =
        [
            .. fixture.Journal.Select(entry => entry.ReservationSettled).Where(fact => fact?.Reservation == number),
        ];
        return new AdjustedReservation(
            number, held.Spender, settled.Sum(fact => fact.CostNanos), settled.Sum(fact => fact.Tokens));
    }

    private static RatedPeriod Rate(LedgerFixture fixture, long version)
    {
        var rating = new SpendRating(LogTime.FromTimestamp(LedgerFixture.Start.ToTimestamp()), fixture.Now, version);
        foreach (LedgerEvent entry in fixture.Journal) rating.Learn(entry);
        Assert.True(rating.HasVersion);
        foreach (LedgerEvent entry in fixture.Journal) rating.Rate(entry);
        return rating.Finish();
    }

    private static Answer Rerate(LedgerFixture fixture, RatedPeriod rated, long version) =>
        fixture.Send(new RerateSpendCommand(
            new RerateSpendRequest
            {
                RequestId = fixture.NextRequestId(),
                StartTime = LedgerFixture.Start.ToTimestamp(),
                EndTime = LogTime.ToTimestamp(fixture.Now),
                PriceVersion = version,
                Apply = true,
                Reason = "wrong price",
            },
            rated,
            "admin"));

    private static IEnumerable<int> Tiers(Answer answer) =>
        answer.Event!.SpendAdjusted.TiersCrossed.Select(tier => tier.AtPercent);

    private static long Settled(LedgerFixture fixture, string grain) => Dollars(fixture.Balance(grain).Settled);

    private static long Dollars(Money money) => LedgerFixture.Nanos(money) / Dollar;
}
