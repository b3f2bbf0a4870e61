using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tests;

/// <summary>A hold that does not say how much output there can be.</summary>
public sealed class MaxOutputTests
{
    private const string Haiku = LedgerFixture.Haiku;
    private const string Sonnet = LedgerFixture.Sonnet;

    [Fact]
    public void A_hold_without_a_maximum_output_holds_the_models()
    {
        LedgerFixture ledger = Make(64_000);

        ReservationHeld held = ledger.Reserve(ledger.Open(), Silent).Event!.ReservationHeld;

        Assert.Equal(321_000_000, held.CostNanos);
        Assert.Equal(65_000, held.Tokens);
        Assert.Equal(64_000, held.Estimate.MaxOutputTokens);
    }

    [Fact]
    public void Holds_without_a_maximum_output_do_not_pass_a_hard_cap_together()
    {
        var ledger = new LedgerFixture(catalog =>
        {
            catalog.Prices[1] = Catalogs.Price(Haiku, input: 0.3m, output: 15);
            catalog.Prices[1].MaxOutputTokens = 64_000;
            catalog.UseCases[0].Budget = new Protocol.V1.Budget
            {
                Limit = Catalogs.Dollars(0.50m),
                Tiers = { new Tier { AtPercent = 100, Action = TierAction.Refuse } },
            };
        });
        long session = ledger.Open();

        Assert.Equal(Reason.UseCaseBudget, ledger.RefusalOf(session, Silent));
        Assert.Equal(0, LedgerFixture.Nanos(ledger.Balance("useCases/promo").Held));
    }

    [Fact]
    public void A_model_without_a_greatest_output_needs_the_callers_and_the_field_is_named()
    {
        var ledger = new LedgerFixture();
        long session = ledger.Open();
        int before = ledger.Journal.Count;

        Answer refused = ledger.Reserve(session, Silent);

        Assert.Equal(Outcome.EstimateIncomplete, refused.Outcome);
        Assert.Equal("estimate.max_output_tokens", Assert.Single(refused.Faults!).Field);
        Assert.Equal(before, ledger.Journal.Count);
    }

    [Theory]
    [InlineData(0, 1_000_000)]
    [InlineData(10, 1_050_000)]
    public void What_the_caller_says_is_held_if_it_is_none(long most, long costNanos)
    {
        LedgerFixture ledger = Make(64_000);

        Assert.Equal(costNanos, ledger.Reserve(ledger.Open(), request =>
        {
            Silent(request);
            request.Estimate.MaxOutputTokens = most;
        }).Event!.ReservationHeld.CostNanos);
    }

    [Fact]
    public void A_model_whose_output_costs_nothing_needs_no_maximum()
    {
        var ledger = new LedgerFixture(catalog => catalog.Prices[1].Rates.ClearOutput());
        long session = ledger.Open();
        Assert.Equal(1_000_000, ledger.Reserve(session, Silent).Event!.ReservationHeld.CostNanos);

        ledger.Change(catalog => catalog.Prices[1].Rates.Output = 0);
        Assert.Equal(1_000_000, ledger.Reserve(session, Silent).Event!.ReservationHeld.CostNanos);
    }

    [Fact]
    public void A_model_whose_greatest_output_is_none_holds_none()
    {
        LedgerFixture ledger = Make(0);

        Assert.Equal(1_000_000, ledger.Reserve(ledger.Open(), Silent).Event!.ReservationHeld.CostNanos);
    }

    [Fact]
    public void A_change_of_a_hold_without_a_maximum_output_holds_the_models_too()
    {
        LedgerFixture ledger = Make(2000);
        long session = ledger.Open();
        long reservation = ledger.Hold(session);

        Answer amended = ledger.Amend(
            session, reservation, request => request.Estimate = new TokenEstimate { InputTokens = 1000 });
        Answer incomplete = ledger.Amend(session, reservation, request =>
        {
            request.Model = Sonnet;
            request.Estimate = new TokenEstimate { InputTokens = 1000 };
        });

        Assert.Equal(11_000_000, amended.Event!.ReservationAmended.CostNanos);
        Assert.Equal(Outcome.EstimateIncomplete, incomplete.Outcome);
    }

    [Fact]
    public void Nothing_said_and_zero_said_are_other_content()
    {
        LedgerFixture ledger = Make(2000);
        long session = ledger.Open();
        Answer silent = ledger.Reserve(session, request => Ask(request, null));

        Assert.Equal(silent.Event!.Sequence, ledger.Reserve(session, request => Ask(request, null)).DuplicateOf);
        Assert.Equal(Outcome.KeyReused, ledger.Reserve(session, request => Ask(request, 0)).Outcome);
        Assert.Equal(Outcome.KeyReused, ledger.Reserve(session, request => Ask(request, 2000)).Outcome);

        static void Ask(ReserveTokensRequest request, long? most)
        {
            Silent(request);
            request.RequestId = "once";
            if (most is not null) request.Estimate.MaxOutputTokens = most.Value;
        }
    }

    private static LedgerFixture Make(long most) => new(catalog => catalog.Prices[1].MaxOutputTokens = most);

    private static void Silent(ReserveTokensRequest request) =>
        request.Estimate = new TokenEstimate { InputTokens = 1000 };
}
