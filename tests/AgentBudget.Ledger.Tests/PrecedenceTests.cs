using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tests;

/// <summary>
/// Every reason of this release, and what makes it apply; reasons that apply together are answered in their order.
/// </summary>
public sealed class PrecedenceTests
{
    // In the order in which they win. The catalog in which all of them can apply is built by Make.
    private static readonly Reason[] InOrder =
    [
        Reason.SessionClosed,
        Reason.ToolOutOfScope,
        Reason.ModelOutOfScope,
        Reason.UnknownPrice,
        Reason.MissingTag,
        Reason.RequestCeiling,
        Reason.StepCeiling,
        Reason.SessionCeiling,
        Reason.AgentBudget,
        Reason.UseCaseBudget,
        Reason.BusinessUnitBudget,
        Reason.TenantBudget,
    ];

    public static TheoryData<Reason, Reason> Pairs
    {
        get
        {
            var pairs = new TheoryData<Reason, Reason>();
            for (int first = 0; first < InOrder.Length; first++)
            {
                for (int second = first + 1; second < InOrder.Length; second++)
                    pairs.Add(InOrder[first], InOrder[second]);
            }

            return pairs;
        }
    }

    public static TheoryData<Reason> Reasons => [.. InOrder];

    [Theory]
    [MemberData(nameof(Reasons))]
    public void Each_reason_is_answered_where_it_applies_alone(Reason reason) => Assert.Equal(reason, Refuse(reason));

    [Theory]
    [MemberData(nameof(Pairs))]
    public void Of_two_reasons_that_apply_the_first_in_order_is_answered(Reason first, Reason second) =>
        Assert.Equal(first, Refuse(first, second));

    [Fact]
    public void Of_all_reasons_together_the_first_is_answered_and_then_the_next()
    {
        for (int first = 0; first < InOrder.Length; first++) Assert.Equal(InOrder[first], Refuse(InOrder[first..]));
    }

    [Fact]
    public void A_call_to_which_no_reason_applies_is_granted() => Assert.Equal(Reason.Unspecified, Refuse());

    [Theory]
    [InlineData(Session.Types.State.Ended, Reason.SessionClosed)]
    [InlineData(Session.Types.State.Expired, Reason.SessionExpired)]
    [InlineData(Session.Types.State.Revoked, Reason.SessionRevoked)]
    public void Each_end_of_a_session_has_its_reason(Session.Types.State state, Reason reason)
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        if (state == Session.Types.State.Ended) fixture.End(session);
        if (state == Session.Types.State.Revoked) fixture.Revoke(session);
        if (state == Session.Types.State.Expired) fixture.Advance(3600 * LedgerFixture.Second);

        ReservationRefused refused = fixture.Reserve(session).Event!.ReservationRefused;

        Assert.Equal(reason, refused.Reason);
        Assert.Equal($"sessions/s{session}", refused.Grain);
    }

    [Fact]
    public void The_order_of_the_contract_is_the_order_that_is_held_here() =>
        Assert.Equal(InOrder.Order(), InOrder);

    // A catalog, a session and a call to which exactly these reasons apply.
    private static Reason Refuse(params Reason[] reasons)
    {
        bool Applies(Reason reason) => reasons.Contains(reason);
        Protocol.V1.Budget? Limit(Reason reason) => Applies(reason)
            ? new Protocol.V1.Budget
            {
                Limit = Catalogs.Dollars(0),
                Tiers = { new Tier { AtPercent = 100, Action = TierAction.Refuse } },
            }
            : null;

        var fixture = new LedgerFixture(catalog =>
        {
            catalog.Budget = Limit(Reason.TenantBudget);
            catalog.BusinessUnits[0].Budget = Limit(Reason.BusinessUnitBudget);
            catalog.UseCases[0].Budget = Limit(Reason.UseCaseBudget);
            catalog.Agents[0].Budget = Limit(Reason.AgentBudget);
            if (Applies(Reason.MissingTag)) catalog.Tags["environment"] = new TagRule { Required = true };
        });
        long session = fixture.Open(request =>
        {
            request.Ceilings = new Ceilings();
            if (Applies(Reason.RequestCeiling)) request.Ceilings.TokensPerRequest = 10;
            if (Applies(Reason.StepCeiling)) request.Ceilings.StepsPerSession = 0;
            if (Applies(Reason.SessionCeiling)) request.Ceilings.TokensPerSession = 0;
        });
        if (Applies(Reason.UnknownPrice)) fixture.Change(catalog => catalog.Prices[1].Rates.ClearOutput());
        if (Applies(Reason.ModelOutOfScope)) fixture.Change(catalog => catalog.Agents[0].Models.Clear());
        if (Applies(Reason.SessionClosed)) fixture.End(session);
        return fixture.RefusalOf(session, request =>
        {
            if (Applies(Reason.ToolOutOfScope)) request.Tool = "billing.pay";
        });
    }
}
