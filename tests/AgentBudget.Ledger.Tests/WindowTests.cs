using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using static AgentBudget.Ledger.Tests.LedgerFixture;

namespace AgentBudget.Ledger.Tests;

/// <summary>
/// Several windows of one account, rolling ones, and what a period leaves to the next. A sandbox minute costs 0.01.
/// </summary>
public sealed class WindowTests
{
    private const string Promo = "useCases/promo";
    private const string Minute = "sandbox.minute";
    private const long Hour = 3600 * Second;

    [Fact]
    public void A_spend_has_to_fit_every_window_of_an_account()
    {
        LedgerFixture ledger = Make(Window(Period.Month, 1.00m), Window(Period.Day, 0.30m));
        long session = ledger.Open();

        Assert.NotNull(Spend(ledger, session, 30).CostRecorded);
        ReservationRefused refused = Spend(ledger, session, 1).ReservationRefused;

        Assert.Equal((Reason.UseCaseBudget, "day", 300_000_000L), (refused.Reason, refused.Window, refused.Limit));
        Assert.Equal(ledger.Balance(Promo).Windows[0].ResetTime, refused.ResetTime);
    }

    [Fact]
    public void Each_window_ends_at_its_own_time_and_counts_for_itself()
    {
        LedgerFixture ledger = Make(Window(Period.Month, 0.50m), Window(Period.Day, 0.30m));
        Spend(ledger, ledger.Open(), 30);
        ledger.Advance(Day);
        long session = ledger.Open();

        Assert.Equal("day", ledger.Journal.Last(entry => entry.PeriodEnded is not null).PeriodEnded.Window);
        Assert.NotNull(Spend(ledger, session, 20).CostRecorded);
        Assert.Equal("month", Spend(ledger, session, 1).ReservationRefused.Window);
        GrainBalance balance = ledger.Balance(Promo);
        Assert.Equal(("month", 500_000_000L), (balance.Window, Nanos(balance.Settled)));
        Assert.Equal(("day", 200_000_000L), (balance.Windows[0].Window, Nanos(balance.Windows[0].Settled)));
    }

    [Fact]
    public void What_is_left_is_that_of_the_tightest_window()
    {
        LedgerFixture ledger = Make(Window(Period.Month, 1.00m), Window(Period.Day, 0.30m));

        Left left = Spend(ledger, ledger.Open(), 10).CostRecorded.Left;

        Assert.Equal((Promo, 200_000_000L), (left.Grain, left.Nanos));
    }

    [Fact]
    public void A_balance_shows_each_window()
    {
        LedgerFixture ledger = Make(
            Window(Period.Month, 1.00m), Window(Period.Day, 0.30m), Rolling(TimeSpan.FromDays(7), 0.60m));
        long session = ledger.Open();
        ledger.Hold(session);

        GrainBalance balance = ledger.Path(session).Single(account => account.Grain == Promo);

        Assert.Equal(
            ["month", "day", "rolling:604800s"], balance.Windows.Prepend(balance).Select(window => window.Window));
        Assert.All(balance.Windows.Prepend(balance), window => Assert.Equal(6_000_000, Nanos(window.Held)));
    }

    [Fact]
    public void Tiers_are_notified_once_in_each_window()
    {
        LedgerFixture ledger = Make(
            Notifying(Window(Period.Month, 1.00m)), Notifying(Window(Period.Day, 0.30m)));
        long session = ledger.Open();

        Assert.Equal(["day"], Spend(ledger, session, 20).CostRecorded.TiersCrossed.Select(tier => tier.Window));
        ledger.Advance(Day);
        session = ledger.Open();
        Assert.Equal(["day"], Spend(ledger, session, 20).CostRecorded.TiersCrossed.Select(tier => tier.Window));
        Assert.Equal(["month"], Spend(ledger, session, 10).CostRecorded.TiersCrossed.Select(tier => tier.Window));
    }

    [Fact]
    public void An_extension_is_of_one_window()
    {
        LedgerFixture ledger = Make(Window(Period.Month, 1.00m), Window(Period.Day, 0.30m));

        Answer answer = ledger.Extend(Promo, amount: 0.20m, change: request => request.Window = "day");

        Assert.Equal("day", answer.Event!.BudgetExtended.Window);
        Assert.Equal(500_000_000, Nanos(answer.Event.BudgetExtended.After.Limit));
        Assert.Equal(1_000_000_000, Nanos(ledger.Balance(Promo).Limit));
        Assert.Equal(
            Outcome.NoBudget, ledger.Extend(Promo, amount: 1, change: request => request.Window = "year").Outcome);
        ledger.Advance(Day);
        Assert.Equal(300_000_000, Nanos(ledger.Balance(Promo).Windows[0].Limit));
    }

    [Fact]
    public void A_window_that_a_catalog_adds_counts_its_period_and_knows_what_is_held()
    {
        LedgerFixture ledger = Make(Window(Period.Month, 1.00m));
        long session = ledger.Open();
        Spend(ledger, session, 20);
        ledger.Hold(session);

        ledger.Change(catalog => catalog.UseCases[0].FurtherBudgets.Add(Window(Period.Day, 0.30m)));

        GrainBalance day = ledger.Balance(Promo).Windows[0];
        Assert.Equal((200_000_000L, 6_000_000L), (Nanos(day.Settled), Nanos(day.Held)));
        Assert.Equal(200_000_000, Nanos(ledger.Balance(Promo).Settled));
    }

    [Fact]
    public void Windows_keep_their_usage_by_name_when_a_catalog_moves_or_removes_others()
    {
        LedgerFixture ledger = Make(Window(Period.Month, 1.00m), Window(Period.Day, 0.60m));
        long session = ledger.Open();
        Spend(ledger, session, 20);
        ledger.Advance(Day);
        Spend(ledger, ledger.Open(), 10);

        ledger.Change(catalog => Set(catalog.UseCases[0], Window(Period.Day, 0.90m), Window(Period.Month, 2.00m)));
        GrainBalance balance = ledger.Balance(Promo);
        Assert.Equal(("day", 100_000_000L), (balance.Window, Nanos(balance.Settled)));
        Assert.Equal(300_000_000, Nanos(balance.Windows[0].Settled));

        ledger.Change(catalog => Set(catalog.UseCases[0], Window(Period.Month, 2.00m)));
        Assert.Equal(300_000_000, Nanos(ledger.Balance(Promo).Settled));
        Assert.Empty(ledger.Balance(Promo).Windows);
    }

    [Fact]
    public void Any_account_may_have_several_windows()
    {
        var ledger = new LedgerFixture(catalog =>
        {
            catalog.Skus.Add(new Sku { Id = Minute, Cost = Catalogs.Dollars(0.01m) });
            catalog.UseCases[0].Budget = null;
            catalog.Budget = Window(Period.Year, 100);
            catalog.FurtherBudgets.Add(Window(Period.Week, 0.40m));
            catalog.BusinessUnits[0].Budget = Window(Period.Quarter, 100);
            catalog.BusinessUnits[0].FurtherBudgets.Add(Window(Period.Week, 0.30m));
            catalog.Agents[0].Budget = Window(Period.Month, 100);
            catalog.Agents[0].FurtherBudgets.Add(Window(Period.Day, 0.20m));
        });

        Assert.Equal("agents/writer", RefusedBy(0.20m));
        ledger.Change(catalog => catalog.Agents[0].FurtherBudgets.Clear());
        Assert.Equal("businessUnits/marketing", RefusedBy(0.10m));
        ledger.Change(catalog => catalog.BusinessUnits[0].FurtherBudgets.Clear());
        Assert.Equal("tenants/acme", RefusedBy(0.10m));

        string RefusedBy(decimal fits)
        {
            long session = ledger.Open();
            Assert.NotNull(Spend(ledger, session, (double)fits * 100).CostRecorded);
            return Spend(ledger, session, 1).ReservationRefused.Grain;
        }
    }

    [Fact]
    public void Spend_leaves_a_rolling_window_after_its_length_and_at_most_a_step_later()
    {
        LedgerFixture ledger = Make(Rolling(TimeSpan.FromHours(24), 1.00m));
        Spend(ledger, ledger.Open(), 100);
        long spentAt = ledger.Now;

        ledger.Advance(24 * Hour);
        Assert.Equal(1_000_000_000, Nanos(ledger.Balance(Promo).Settled));
        ledger.Advance(Hour);
        Assert.Equal(0, Nanos(ledger.Balance(Promo).Settled));

        LedgerEvent moved = ledger.Journal.Single(entry => entry.WindowMoved is not null);
        Assert.Equal(("rolling:86400s", 1_000_000_000L), (moved.WindowMoved.Window, moved.WindowMoved.SettledNanos));
        Assert.InRange(LogTime.FromTimestamp(moved.Time) - spentAt, 24 * Hour, 25 * Hour);
        Assert.Null(ledger.Balance(Promo).ResetTime);
    }

    [Fact]
    public void A_rolling_window_never_grants_more_than_its_limit_within_its_length()
    {
        LedgerFixture ledger = Make(Rolling(TimeSpan.FromHours(24), 1.00m));
        var spent = new List<(long At, long Nanos)>();
        for (int step = 0; step < 200; step++)
        {
            LedgerEvent entry = Spend(ledger, ledger.Open(), 7 + (step % 5));
            if (entry.CostRecorded is { } cost) spent.Add((ledger.Now, cost.CostNanos));
            ledger.Advance(37 * 60 * Second);
        }

        Assert.All(spent, last => Assert.InRange(
            spent.Where(one => one.At <= last.At && one.At > last.At - (24 * Hour)).Sum(one => one.Nanos),
            0,
            1_000_000_000));
        Assert.True(spent.Sum(one => one.Nanos) > 4_000_000_000);
    }

    [Fact]
    public void A_refusal_of_a_rolling_window_says_when_the_next_spend_leaves_it()
    {
        LedgerFixture ledger = Make(Rolling(TimeSpan.FromHours(24), 1.00m));
        long session = ledger.Open();
        Spend(ledger, session, 100);

        Timestamp reset = Spend(ledger, session, 1).ReservationRefused.ResetTime;
        ledger.Advance(LogTime.FromTimestamp(reset) - ledger.Now);

        Assert.NotNull(Spend(ledger, ledger.Open(), 1).CostRecorded);
    }

    [Fact]
    public void A_tier_of_a_rolling_window_is_notified_again_once_spend_was_below_it()
    {
        LedgerFixture ledger = Make(Notifying(Rolling(TimeSpan.FromHours(24), 1.00m)));

        Assert.Single(Spend(ledger, ledger.Open(), 60).CostRecorded.TiersCrossed);
        Assert.Empty(Spend(ledger, ledger.Open(), 1).CostRecorded.TiersCrossed);
        ledger.Advance(26 * Hour);
        Assert.Single(Spend(ledger, ledger.Open(), 60).CostRecorded.TiersCrossed);
    }

    [Fact]
    public void A_rolling_window_survives_a_restart_and_a_change_of_its_limit()
    {
        LedgerFixture ledger = Make(Rolling(TimeSpan.FromHours(24), 1.00m));
        Spend(ledger, ledger.Open(), 50);
        ledger.Advance(5 * Hour);
        Spend(ledger, ledger.Open(), 20);
        ledger.Restart();
        ledger.Change(catalog => catalog.UseCases[0].Budget.Limit = Catalogs.Dollars(2));
        ledger.Advance(20 * Hour);

        Assert.Equal(200_000_000, Nanos(ledger.Balance(Promo).Settled));
        ledger.Advance(5 * Hour);
        Assert.Equal(0, Nanos(ledger.Balance(Promo).Settled));
    }

    [Fact]
    public void A_calendar_window_that_becomes_rolling_counts_its_usage_as_of_now()
    {
        LedgerFixture ledger = Make(Window(Period.Month, 1.00m));
        Spend(ledger, ledger.Open(), 50);

        ledger.Change(catalog => Set(catalog.UseCases[0], Rolling(TimeSpan.FromHours(24), 1.00m)));
        ledger.Advance(24 * Hour);
        Assert.Equal(500_000_000, Nanos(ledger.Balance(Promo).Settled));
        ledger.Advance(Hour);
        Assert.Equal(0, Nanos(ledger.Balance(Promo).Settled));
    }

    [Fact]
    public void A_rolling_window_that_becomes_a_calendar_one_keeps_its_usage_until_the_period_ends()
    {
        LedgerFixture ledger = Make(Rolling(TimeSpan.FromHours(1), 1.00m));
        Spend(ledger, ledger.Open(), 50);

        ledger.Change(catalog => Set(catalog.UseCases[0], Window(Period.Day, 1.00m)));
        ledger.Advance(12 * Hour);
        Assert.Equal(500_000_000, Nanos(ledger.Balance(Promo).Settled));
        ledger.Advance(Hour);
        Assert.Equal(0, Nanos(ledger.Balance(Promo).Settled));
    }

    [Fact]
    public void A_hold_of_a_rolling_window_counts_until_it_is_settled_or_returns()
    {
        LedgerFixture ledger = Make(Rolling(TimeSpan.FromMinutes(1), 0.01m));
        long session = ledger.Open();
        ledger.Hold(session);
        ledger.Advance(120 * Second);

        Assert.Equal(Reason.UseCaseBudget, ledger.RefusalOf(session));
        ledger.Advance(480 * Second);
        Assert.Equal(Reason.Unspecified, ledger.RefusalOf(session));
    }

    [Fact]
    public void What_is_unused_adds_to_the_limit_of_the_next_period_up_to_the_cap()
    {
        LedgerFixture ledger = Make(Unused(Window(Period.Day, 1.00m), cap: 1.50m));
        Spend(ledger, ledger.Open(), 30);

        ledger.Advance(Day);
        Assert.Equal((1_700_000_000L, 700_000_000L), LimitAndCarried(ledger));
        PeriodEnded ended = ledger.Journal.Last(entry => entry.PeriodEnded is not null).PeriodEnded;
        Assert.Equal((300_000_000L, 700_000_000L), (ended.SettledNanos, ended.CarriedNanos));
        ledger.Advance(Day);
        Assert.Equal((2_500_000_000L, 1_500_000_000L), LimitAndCarried(ledger));
        Spend(ledger, ledger.Open(), 240);
        ledger.Advance(Day);
        Assert.Equal((1_100_000_000L, 100_000_000L), LimitAndCarried(ledger));
    }

    [Fact]
    public void Without_a_cap_at_most_the_limit_is_carried_over_once_more()
    {
        LedgerFixture ledger = Make(Unused(Window(Period.Day, 1.00m), cap: null));

        ledger.Advance(5 * Day);

        Assert.Equal((2_000_000_000L, 1_000_000_000L), LimitAndCarried(ledger));
    }

    [Fact]
    public void Without_rollover_nothing_is_carried_over()
    {
        LedgerFixture ledger = Make(Window(Period.Day, 1.00m));

        ledger.Advance(2 * Day);

        Assert.Equal((1_000_000_000L, 0L), LimitAndCarried(ledger));
    }

    [Fact]
    public void Tokens_are_carried_over_like_money_and_overspend_carries_nothing()
    {
        Protocol.V1.Budget window = Unused(Window(Period.Day, 1.00m), cap: null);
        window.Tokens = 10_000;
        window.Rollover.CapTokens = 4000;
        LedgerFixture ledger = Make(window);
        long session = ledger.Open();
        long reservation = ledger.Hold(session, request => request.Estimate.MaxOutputTokens = 2000);
        ledger.Commit(session, reservation, 1000, 200_500);

        ledger.Advance(Day);

        GrainBalance balance = ledger.Balance(Promo);
        Assert.Equal((1_000_000_000L, 10_000L), (Nanos(balance.Limit), balance.LimitTokens));
        ledger.Advance(Day);
        balance = ledger.Balance(Promo);
        Assert.Equal((14_000L, 4000L), (balance.LimitTokens, balance.CarriedTokens));
    }

    [Fact]
    public void An_extension_is_not_carried_over_and_a_hold_is_not_used()
    {
        LedgerFixture ledger = Make(Unused(Window(Period.Day, 1.00m), cap: null));
        long session = ledger.Open(request => request.Ttl = new Duration { Seconds = 3600 });
        ledger.Hold(session, request => request.Ttl = new Duration { Seconds = 86_400 });
        ledger.Extend(Promo, amount: 5);

        ledger.Advance(13 * Hour);

        Assert.Equal((2_000_000_000L, 1_000_000_000L), LimitAndCarried(ledger));
    }

    [Fact]
    public void A_tier_is_not_told_again_when_a_new_limit_comes_while_what_was_carried_goes()
    {
        Protocol.V1.Budget window = Unused(Window(Period.Day, 0.10m), cap: 0.10m);
        window.Tiers.Clear(); // Then it has those of a use case: 50, 80, 100, 110.
        LedgerFixture ledger = Make(window);
        ledger.Advance(Day);
        long session = ledger.Open();
        Assert.Equal([50], TiersOf(Spend(ledger, session, 11)));

        // Settled 0.11 of 0.20 before and of 0.15 after: never below half, though 0.15 and what was carried were 0.25.
        ledger.Change(catalog =>
        {
            catalog.UseCases[0].Budget.Limit = Catalogs.Dollars(0.15m);
            catalog.UseCases[0].Budget.Rollover = null;
        });

        Assert.Equal([80], TiersOf(Spend(ledger, session, 1)));
    }

    [Fact]
    public void A_catalog_that_takes_the_rollover_away_takes_what_was_carried()
    {
        LedgerFixture ledger = Make(Unused(Window(Period.Day, 1.00m), cap: null));
        ledger.Advance(Day);

        ledger.Change(catalog => catalog.UseCases[0].Budget.Rollover.Cap = Catalogs.Dollars(0.25m));
        Assert.Equal((1_250_000_000L, 250_000_000L), LimitAndCarried(ledger));
        ledger.Restart();
        ledger.Change(catalog => catalog.UseCases[0].Budget.Rollover = null);
        Assert.Equal((1_000_000_000L, 0L), LimitAndCarried(ledger));
    }

    [Fact]
    public void An_extension_to_a_limit_counts_what_was_carried_over()
    {
        LedgerFixture ledger = Make(Unused(Window(Period.Day, 1.00m), cap: null));
        ledger.Advance(Day);

        ledger.Extend(Promo, limit: 3);

        Assert.Equal(3_000_000_000, Nanos(ledger.Balance(Promo).Limit));
    }

    [Fact]
    public void Windows_that_cannot_be_are_faults_of_the_catalog()
    {
        Assert.Equal(["useCases[0].budgets[1].period"], FaultsOf(Window(Period.Day, 1), Window(Period.Day, 2)));
        Assert.Equal(["useCases[0].budget.period.rolling"], FaultsOf(Rolling(TimeSpan.FromSeconds(59), 1)));
        Assert.Equal(["useCases[0].budget.period.rolling"], FaultsOf(Rolling(TimeSpan.FromDays(366), 1)));
        Assert.Equal(["useCases[0].budget.rollover"], FaultsOf(Unused(Window(Period.None, 1), cap: 1)));
        Assert.Equal(["useCases[0].budget.rollover.cap"], FaultsOf(Unused(Window(Period.Day, 1), cap: -1)));
        Assert.Equal(["useCases[0].budgets"], FaultsOf(
            Window(Period.Day, 1), Window(Period.Week, 2), Window(Period.Month, 3), Window(Period.Year, 4),
            Window(Period.None, 5)));

        Protocol.V1.Budget withLength = Window(Period.Day, 1);
        withLength.Rolling = new() { Seconds = 60 };
        Assert.Equal(["useCases[0].budget.period"], FaultsOf(withLength));
        Assert.Equal(
            ["useCases[0].budgets[1].period.rolling"], FaultsOf(Window(Period.Day, 1), Window(Period.Rolling, 2)));
        Answer withoutFirst = new LedgerFixture().Change(catalog =>
        {
            catalog.UseCases[0].FurtherBudgets.Add(catalog.UseCases[0].Budget);
            catalog.UseCases[0].Budget = null;
        });
        Assert.Equal("useCases[0].budgets", Assert.Single(withoutFirst.Faults!).Field);

        static string[] FaultsOf(params Protocol.V1.Budget[] windows) =>
        [
            .. new LedgerFixture().Change(catalog => Set(catalog.UseCases[0], windows)).Faults!
                .Select(fault => fault.Field),
        ];
    }

    private static LedgerFixture Make(params Protocol.V1.Budget[] windows) => new(catalog =>
    {
        catalog.Skus.Add(new Sku { Id = Minute, Cost = Catalogs.Dollars(0.01m) });
        Set(catalog.UseCases[0], windows);
    });

    private static void Set(UseCase useCase, params Protocol.V1.Budget[] windows)
    {
        useCase.Budget = windows[0];
        useCase.FurtherBudgets.Clear();
        useCase.FurtherBudgets.Add(windows.Skip(1));
    }

    private static Protocol.V1.Budget Window(Period period, decimal limit) => new()
    {
        Limit = Catalogs.Dollars(limit),
        Period = period,
        Tiers = { new Tier { AtPercent = 100, Action = TierAction.Refuse } },
    };

    private static Protocol.V1.Budget Rolling(TimeSpan length, decimal limit)
    {
        Protocol.V1.Budget window = Window(Period.Rolling, limit);
        window.Rolling = Duration.FromTimeSpan(length);
        return window;
    }

    private static Protocol.V1.Budget Unused(Protocol.V1.Budget window, decimal? cap)
    {
        window.Rollover = new Rollover { Cap = cap is null ? null : Catalogs.Dollars(cap.Value) };
        return window;
    }

    private static Protocol.V1.Budget Notifying(Protocol.V1.Budget window)
    {
        window.Tiers.Insert(0, new Tier { AtPercent = 50, Notify = { "owner" } });
        return window;
    }

    private static LedgerEvent Spend(LedgerFixture ledger, long session, double minutes)
    {
        var request = new RecordCostRequest { RequestId = ledger.NextRequestId(), Sku = Minute, Quantity = minutes };
        return ledger.Send(new RecordCostCommand(session, request)).Event!;
    }

    private static (long Limit, long Carried) LimitAndCarried(LedgerFixture ledger)
    {
        GrainBalance balance = ledger.Balance(Promo);
        return (Nanos(balance.Limit), balance.Carried is null ? 0 : Nanos(balance.Carried));
    }

    private static IEnumerable<int> TiersOf(LedgerEvent spent) =>
        from crossing in spent.CostRecorded.TiersCrossed
        where crossing.Grain == Promo
        select crossing.AtPercent;
}
