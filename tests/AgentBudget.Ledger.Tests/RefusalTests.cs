using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tests;

public sealed class RefusalTests
{
    [Fact]
    public void A_refusal_is_an_event_with_the_call_its_reason_and_what_is_left()
    {
        var fixture = new LedgerFixture(catalog =>
            catalog.Agents[0].Budget = new Protocol.V1.Budget { Limit = Catalogs.Dollars(0.001m), Tokens = 10_000 });
        long session = fixture.Open();

        Answer answer = fixture.Reserve(session, request => request.Tool = "crm.read");

        LedgerEvent refused = fixture.Journal[^1];
        Assert.Same(refused, answer.Event);
        Assert.Equal(LedgerFixture.Haiku, refused.ReservationRefused.Model);
        Assert.Equal("crm.read", refused.ReservationRefused.Tool);
        Assert.Equal("agents/writer", refused.ReservationRefused.Left.Grain);
        Assert.Equal(1_000_000, refused.ReservationRefused.Left.Nanos);
        Assert.Equal(10_000, refused.ReservationRefused.Left.Tokens);
        Assert.Equal($"sessions/s{session}", refused.Spender.Session);
        Assert.Equal("useCases/promo", refused.Spender.UseCase);
    }

    [Fact]
    public void A_refusal_names_the_cheaper_model_that_would_fit()
    {
        var fixture = new LedgerFixture(catalog =>
            catalog.Agents[0].Budget = new Protocol.V1.Budget { Limit = Catalogs.Dollars(0.006m) });

        ReservationRefused refused =
            fixture.Reserve(fixture.Open(), request => request.Model = LedgerFixture.Sonnet).Event!.ReservationRefused;

        Assert.Equal(Reason.AgentBudget, refused.Reason);
        Assert.Equal(18_000_000, refused.Requested);
        Assert.Equal(LedgerFixture.Haiku, refused.SuggestedModel);
    }

    [Fact]
    public void A_refusal_names_no_model_where_the_cheaper_one_would_not_fit_either()
    {
        var fixture = new LedgerFixture(catalog =>
            catalog.Agents[0].Budget = new Protocol.V1.Budget { Limit = Catalogs.Dollars(0.005999999m) });

        ReservationRefused refused =
            fixture.Reserve(fixture.Open(), request => request.Model = LedgerFixture.Sonnet).Event!.ReservationRefused;

        Assert.Equal("", refused.SuggestedModel);
    }

    [Fact]
    public void A_refusal_names_no_model_where_money_is_not_the_reason()
    {
        var fixture = new LedgerFixture(catalog => catalog.Agents[0].Ceilings = new Ceilings { TokensPerRequest = 10 });

        ReservationRefused refused =
            fixture.Reserve(fixture.Open(), request => request.Model = LedgerFixture.Sonnet).Event!.ReservationRefused;

        Assert.Equal("", refused.SuggestedModel);
    }

    [Fact]
    public void Refusals_are_counted_on_the_session_and_in_its_closing_record()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        fixture.Reserve(session, request => request.Model = "gone");
        fixture.Reserve(session, request => request.Tool = "gone.tool");
        fixture.End(session);
        fixture.Reserve(session);
        fixture.Advance(30 * LedgerFixture.Second);

        Assert.Equal(3, fixture.Journal[^1].SessionClosed.Refused);
    }

    [Fact]
    public void A_dry_run_answers_what_would_be_decided_and_changes_nothing()
    {
        var fixture = new LedgerFixture(catalog =>
            catalog.Agents[0].Budget = new Protocol.V1.Budget { Limit = Catalogs.Dollars(0.018m) });
        long session = fixture.Open();
        byte[] before = fixture.Ledger.Snapshot();

        LedgerEvent held = fixture.Reserve(session, DryRun).Event!;
        LedgerEvent refused = fixture.Reserve(session, request =>
        {
            DryRun(request);
            request.Estimate = new TokenEstimate { InputTokens = 18_000_001, MaxOutputTokens = 0 };
        }).Event!;

        Assert.Equal(0, held.Sequence);
        Assert.Equal(6_000_000, held.ReservationHeld.CostNanos);
        Assert.Equal(12_000_000, held.ReservationHeld.Left.Nanos);
        Assert.Equal(0, refused.Sequence);
        Assert.Equal(Reason.AgentBudget, refused.ReservationRefused.Reason);
        Assert.Equal(before, fixture.Ledger.Snapshot());
    }

    [Fact]
    public void A_dry_run_neither_uses_nor_answers_a_request_id()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        void Same(ReserveTokensRequest request) => request.RequestId = "same";

        fixture.Reserve(session, request =>
        {
            Same(request);
            request.DryRun = true;
        });
        Answer real = fixture.Reserve(session, Same);
        Answer dry = fixture.Reserve(session, request =>
        {
            Same(request);
            request.DryRun = true;
            request.Model = LedgerFixture.Sonnet;
        });

        Assert.True(real.Event!.Sequence > 0);
        Assert.Equal(0, dry.DuplicateOf);
        Assert.Equal(18_000_000, dry.Event!.ReservationHeld.CostNanos);
    }

    private static void DryRun(ReserveTokensRequest request) => request.DryRun = true;
}
