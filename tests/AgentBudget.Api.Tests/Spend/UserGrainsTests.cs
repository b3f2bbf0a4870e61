using AgentBudget.Api.Spend;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Tests.Spend;

/// <summary>Who may not read users reads none in the names of grains, wherever an event has one.</summary>
public sealed class UserGrainsTests
{
    private const string Kim = "useCases/promo/users/kim@acme.test";
    private const string Hidden = "useCases/promo/users/-";

    public static TheoryData<LedgerEvent> Events =>
    [
        new LedgerEvent { PeriodEnded = new PeriodEnded { Grain = Kim } },
        new LedgerEvent { ReservationRefused = new ReservationRefused { Grain = Kim } },
        new LedgerEvent { ReservationHeld = new ReservationHeld { Left = new Left { Grain = Kim } } },
        new LedgerEvent
        {
            ReservationSettled = new ReservationSettled { TiersCrossed = { new TierCrossing { Grain = Kim } } },
        },
        new LedgerEvent
        {
            SpendAdjusted = new SpendAdjusted { Lines = { new AdjustmentLine { Grains = { "agents/a", Kim } } } },
        },
        new LedgerEvent { BudgetReset = new BudgetReset { Before = new GrainBalance { Grain = Kim } } },
        new LedgerEvent { CatalogApplied = new CatalogApplied { PeriodEnds = { new PeriodEnd { Grain = Kim } } } },
        new LedgerEvent { SessionOpened = new SessionOpened { UserWindows = { new UserWindow { Grain = Kim } } } },
    ];

    [Theory]
    [MemberData(nameof(Events))]
    public void A_user_in_the_name_of_a_grain_is_hidden(LedgerEvent ledgerEvent)
    {
        Assert.True(UserGrains.AreIn(ledgerEvent));
        UserGrains.Hide(ledgerEvent);

        Assert.Contains(Hidden, ledgerEvent.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("kim", ledgerEvent.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Other_names_stay_as_they_are()
    {
        var ledgerEvent = new LedgerEvent
        {
            PeriodEnded = new PeriodEnded { Grain = "useCases/promo/models/users/*" },
            Spender = new Spender { OnBehalfOf = "kim", Agent = "agents/users" },
        };
        LedgerEvent before = ledgerEvent.Clone();

        Assert.False(UserGrains.AreIn(ledgerEvent));
        UserGrains.Hide(ledgerEvent);

        Assert.Equal(before, ledgerEvent);
    }
}
