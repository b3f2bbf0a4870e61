using AgentBudget.Api.Budgets;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Api.Tests.Budgets;

public sealed class DenialSentenceTests
{
    public static TheoryData<Reason> EveryReason() => [.. System.Enum.GetValues<Reason>()];

    [Theory]
    [MemberData(nameof(EveryReason))]
    public void Every_reason_has_a_sentence(Reason reason)
    {
        string sentence = DenialSentence.Of(
            new ReservationRefused { Reason = reason, Grain = "useCases/promo", Model = "m", Tool = "t" }, "USD");

        Assert.EndsWith(".", sentence, StringComparison.Ordinal);
        Assert.DoesNotContain("  ", sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void A_budget_says_its_numbers_its_reset_and_what_would_fit()
    {
        ReservationRefused refused = new()
        {
            Reason = Reason.UseCaseBudget,
            Grain = "useCases/promo",
            Unit = ReservationRefused.Types.Unit.Nanos,
            Limit = 110_000_000_000,
            Settled = 100_000_000_000,
            Held = 9_500_000_000,
            Requested = 750_000_001,
            ResetTime = Timestamp.FromDateTimeOffset(new DateTimeOffset(2026, 12, 1, 0, 0, 0, TimeSpan.Zero)),
            SuggestedModel = "claude-haiku-4-5",
        };

        Assert.Equal(
            "useCases/promo has 0.50 USD left of 110.00 USD (100.00 USD settled, 9.50 USD held), and this call asks "
            + "for 0.750000001 USD; its period ends at 2026-12-01T00:00:00Z; claude-haiku-4-5 would fit.",
            DenialSentence.Of(refused, "USD"));
    }

    [Fact]
    public void A_ceiling_says_what_it_counts()
    {
        ReservationRefused refused = new()
        {
            Reason = Reason.StepCeiling,
            Grain = "sessions/s1",
            Unit = ReservationRefused.Types.Unit.Steps,
            Limit = 60,
            Settled = 60,
            Requested = 1,
        };

        Assert.Equal(
            "sessions/s1 has 0 steps left of 60 steps (60 steps settled, 0 steps held), and this call asks "
            + "for 1 steps.",
            DenialSentence.Of(refused, "USD"));
    }

    [Theory]
    [InlineData(0, "0.00")]
    [InlineData(1, "0.000000001")]
    [InlineData(15_500_000, "0.0155")]
    [InlineData(12_500_000_000, "12.50")]
    [InlineData(long.MaxValue, "9223372036.854775807")]
    public void An_amount_is_written_exactly(long nanos, string text) =>
        Assert.Equal(text, DenialSentence.Money(nanos));
}
