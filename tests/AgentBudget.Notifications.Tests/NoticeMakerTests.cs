using AgentBudget.Notifications.Notices;
using AgentBudget.Protocol.Notifier.V1;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Notifications.Tests;

/// <summary>Which ledger events are told, and as what.</summary>
public sealed class NoticeMakerTests
{
    private static readonly NoticeMaker Maker = new("acme", "USD");

    private static readonly Spender Writer = new()
    {
        Session = "sessions/s1",
        Agent = "agents/writer",
        UseCase = "useCases/promo",
        BusinessUnit = "businessUnits/marketing",
    };

    [Theory]
    [InlineData("""{"spender":{},"reservationSettled":{"tiersCrossed":[{"grain":"useCases/promo","atPercent":80,"window":"month"}]}}""", NoticeKind.BudgetTierReached, "useCases/promo", "The budget of useCases/promo (month) reached 80 % of its limit.")]
    [InlineData("""{"spender":{},"reservationHeld":{"tiersHeld":[{"grain":"agents/writer","atPercent":50}]}}""", NoticeKind.BudgetTierHeld, "agents/writer", "The budget of agents/writer reaches 50 % of its limit with what is held now.")]
    [InlineData("""{"budgetExtended":{"grain":"useCases/promo","window":"month","reason":"quotes are due.","after":{"limit":{"currencyCode":"USD","units":"105","nanos":500000000}}}}""", NoticeKind.BudgetExtended, "useCases/promo", "The budget of useCases/promo (month) has a limit of 105.50 USD: quotes are due.")]
    [InlineData("""{"spender":{"session":"sessions/s1"},"breakerTripped":{"breaker":"BREAKER_BURN_RATE","mode":"BREAKER_MODE_ENFORCE","suspended":"sessions/s1"}}""", NoticeKind.BreakerTripped, "sessions/s1", "The breaker burn_rate tripped for sessions/s1 and suspended sessions/s1.")]
    [InlineData("""{"spender":{"session":"sessions/s1"},"breakerTripped":{"breaker":"BREAKER_REFUSALS_OF_AGENT","agent":"agents/writer"}}""", NoticeKind.BreakerTripped, "agents/writer", "The breaker refusals_of_agent tripped for agents/writer; it observes only.")]
    [InlineData("""{"spender":{"session":"sessions/s1","agent":"agents/writer"},"sessionEnded":{"state":"STATE_REVOKED","reason":"leaked"}}""", NoticeKind.SessionRevoked, "sessions/s1", "sessions/s1 of agents/writer was revoked: leaked.")]
    [InlineData("""{"sessionsRevoked":{"credential":"credentials/c9","reason":"leaked","sessions":["4","5"]}}""", NoticeKind.SessionsRevoked, "credentials/c9", "2 sessions of credentials/c9 were revoked: leaked.")]
    [InlineData("""{"principal":"agents/writer","extensionRequested":{"grain":"useCases/promo","window":"month","nanos":"1000000000","reason":"due"}}""", NoticeKind.ExtensionRequested, "extension-requests/x7", "agents/writer asks for 1.00 USD more for the budget of useCases/promo (month): due.")]
    [InlineData("""{"extensionDecided":{"extensionRequest":"4","decision":"EXTENSION_STATE_REFUSED","reason":"no"}}""", NoticeKind.ExtensionDecided, "extension-requests/x4", "extension-requests/x4 was refused: no.")]
    [InlineData("""{"extensionDecided":{"extensionRequest":"4","decision":"EXTENSION_STATE_APPROVED","tokens":"5000","reason":"yes","extended":{"grain":"useCases/promo"}}}""", NoticeKind.ExtensionDecided, "extension-requests/x4", "extension-requests/x4 was approved: 5,000 tokens more for the budget of useCases/promo: yes.")]
    [InlineData("""{"spender":{"session":"sessions/s1"},"reservationSettled":{"disputed":true,"overrunNanos":"2000000000"}}""", NoticeKind.UsageDisputed, "sessions/s1", "sessions/s1 reported more than one call can have used: 2.00 USD wait for finance to decide.")]
    public void An_event_is_told_once_about_its_subject_in_a_sentence(
        string json, NoticeKind kind, string subject, string text)
    {
        LedgerEvent told = LedgerEvent.Parser.ParseJson(json);
        told.Sequence = 7;
        told.Time = new Timestamp { Seconds = 1_795_000_000 };
        Notice notice = Assert.Single(Maker.Of(told));
        Assert.Equal((kind, subject), (notice.Kind, notice.Subject));
        Assert.Equal(text, notice.Text);
        Assert.Equal("evt_acme_7_0", notice.Id);
        Assert.Equal(notice, Assert.Single(Maker.Of(told)));
    }

    [Theory]
    [InlineData("""{"spender":{},"sessionEnded":{"state":"STATE_REVOKED","endedWith":"sessions/s1"}}""")]
    [InlineData("""{"spender":{},"sessionEnded":{"state":"STATE_ENDED"}}""")]
    [InlineData("""{"spender":{},"reservationRefused":{"reason":"REASON_TOOL_OUT_OF_SCOPE"}}""")]
    [InlineData("""{"spender":{},"reservationHeld":{}}""")]
    [InlineData("""{"catalogApplied":{}}""")]
    public void Most_events_are_not_told(string json)
    {
        LedgerEvent told = LedgerEvent.Parser.ParseJson(json);
        told.Sequence = 7;
        told.Time = new Timestamp { Seconds = 1 };
        Assert.Empty(Maker.Of(told));
    }

    [Fact]
    public void Several_tiers_of_one_event_have_an_id_each()
    {
        LedgerEvent told = new()
        {
            Sequence = 9,
            Time = new Timestamp { Seconds = 1 },
            Spender = Writer,
            ReservationSettled = new ReservationSettled
            {
                TiersCrossed =
                {
                    new TierCrossing { Grain = "useCases/promo", AtPercent = 50 },
                    new TierCrossing { Grain = "useCases/promo", AtPercent = 80, Notify = { "finance" } },
                },
            },
        };
        Assert.Equal(["evt_acme_9_0", "evt_acme_9_1"], Maker.Of(told).Select(notice => notice.Id));
        Assert.Equal(["finance"], Maker.Of(told)[1].Notify);
        Assert.All(Maker.Of(told), notice => Assert.Equal("businessUnits/marketing", notice.BusinessUnit));
    }

    [Fact]
    public void A_filter_lets_pass_what_is_about_a_grain_or_was_caused_on_its_path()
    {
        Notice notice = new()
        {
            Kind = NoticeKind.BudgetTierReached,
            Grain = "useCases/promo/users/kim@acme.test",
            UseCase = "useCases/other",
            BusinessUnit = "businessUnits/marketing",
        };
        Assert.True(NoticeRules.Lets(null, notice));
        Assert.True(NoticeRules.Lets(new NoticeFilter { Grains = { "useCases/promo" } }, notice));
        Assert.True(NoticeRules.Lets(new NoticeFilter { Grains = { "businessUnits/marketing" } }, notice));
        Assert.False(NoticeRules.Lets(new NoticeFilter { Grains = { "businessUnits/sales" } }, notice));
        Assert.False(NoticeRules.Lets(
            new NoticeFilter { Kinds = { NoticeKind.AgentSuspended }, Grains = { "useCases/promo" } }, notice));
    }

    [Fact]
    public void Windows_of_refusals_are_bounded_and_none_that_was_counted_is_lost()
    {
        EndpointBook book = new();
        List<Notice> told = [];
        for (int grain = 0; grain <= RefusalWindows.WindowsMax; grain++)
        {
            for (int again = 0; again < 2; again++)
                told.AddRange(RefusalWindows.Take(book, Refusal($"useCases/u{grain}", (grain * 2) + again + 1)));
        }

        told.AddRange(RefusalWindows.End(book, DateTimeOffset.FromUnixTimeSeconds(10_000)));
        Assert.Equal(RefusalWindows.WindowsMax, book.Refusals.Count);
        Assert.Equal(2 * (RefusalWindows.WindowsMax + 1), told.Sum(notice => notice.Count));
        Assert.Equal(told.Count, told.DistinctBy(notice => notice.Id).Count());
    }

    private static Notice Refusal(string grain, long sequence) => new()
    {
        Id = $"evt_acme_{sequence}_0",
        Kind = NoticeKind.BudgetExhausted,
        Grain = grain,
        Refusal = Reason.UseCaseBudget,
        Count = 1,
        Sequence = sequence,
        Time = new Timestamp { Seconds = sequence },
    };
}
