using AgentBudget.Ledger.Approvals;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tests;

/// <summary>Whoever is refused at a cap asks for more; what is approved is there with the answer, and once.</summary>
public sealed class ApprovalTests
{
    private const string UseCase = "useCases/promo";
    private const long Cent = 10_000_000;

    [Fact]
    public void A_session_at_its_cap_asks_and_spends_again_once_finance_approves()
    {
        LedgerFixture fixture = AtItsCap(out long session);
        Assert.Equal(Reason.UseCaseBudget, fixture.RefusalOf(session));

        LedgerEvent asked = Ask(fixture, session).Event!;
        Assert.Equal(Reason.UseCaseBudget, fixture.RefusalOf(session));
        fixture.Restart();
        ExtensionDecided decided = Decide(fixture, asked).Event!.ExtensionDecided;

        Assert.Equal((UseCase, "month", Cent), (
            asked.ExtensionRequested.Grain, asked.ExtensionRequested.Window, asked.ExtensionRequested.Nanos));
        Assert.Equal(Cent, decided.Nanos);
        Assert.Equal(
            LedgerFixture.Nanos(decided.Extended.Before.Limit) + Cent,
            LedgerFixture.Nanos(decided.Extended.After.Limit));
        Assert.Equal(decided.Extended.After, fixture.Balance(UseCase));
        fixture.Hold(session);
        Assert.Equal(
            (ExtensionState.Approved, "finance"), (Read(fixture, asked).State, Read(fixture, asked).DecidedBy));
    }

    [Fact]
    public void Whoever_decides_may_grant_another_amount_until_another_time()
    {
        LedgerFixture fixture = AtItsCap(out long session);
        LedgerEvent asked = Ask(fixture, session).Event!;

        ExtensionDecided decided = Decide(fixture, asked, change: request =>
        {
            request.Amount = Catalogs.Dollars(0.005m);
            request.ExpireTime = At(fixture, LedgerFixture.Second);
        }).Event!.ExtensionDecided;
        fixture.Advance(LedgerFixture.Second);

        Assert.Equal(Cent / 2, decided.Nanos);
        Assert.Equal(LedgerFixture.Nanos(decided.Extended.Before.Limit), LedgerFixture.Nanos(
            fixture.Balance(UseCase).Limit));
        ExtensionRequest told = Read(fixture, asked);
        Assert.Equal((Cent, Cent / 2), (LedgerFixture.Nanos(told.Amount), LedgerFixture.Nanos(told.Granted)));
    }

    [Fact]
    public void A_refusal_changes_no_budget_and_says_why()
    {
        LedgerFixture fixture = AtItsCap(out long session);
        GrainBalance before = fixture.Balance(UseCase);
        LedgerEvent asked = Ask(fixture, session).Event!;

        Decide(fixture, asked, ExtensionState.Refused);

        Assert.Equal(before, fixture.Balance(UseCase));
        Assert.Equal(
            (ExtensionState.Refused, "seen"), (Read(fixture, asked).State, Read(fixture, asked).DecisionReason));
    }

    [Fact]
    public void A_request_is_answered_once()
    {
        LedgerFixture fixture = AtItsCap(out long session);
        LedgerEvent asked = Ask(fixture, session).Event!;
        Answer decided = Decide(fixture, asked, change: request => request.RequestId = "yes");

        Answer again = Decide(fixture, asked, change: request => request.RequestId = "yes");
        Answer other = Decide(fixture, asked, ExtensionState.Refused, request => request.RequestId = "yes");
        Answer more = Decide(fixture, asked);

        Assert.Equal(decided.Event!.Sequence, again.DuplicateOf);
        Assert.Equal((Outcome.KeyReused, Outcome.ExtensionRequestDecided), (other.Outcome, more.Outcome));
        Assert.Equal(2 * Cent, LedgerFixture.Nanos(fixture.Balance(UseCase).Limit));
        Assert.Equal(
            Outcome.ExtensionRequestNotFound,
            fixture.Send(new DecideExtensionCommand(Decision("extension-requests/x1"), "finance")).Outcome);
    }

    [Fact]
    public void A_request_that_nobody_answers_expires_after_a_week_or_when_it_is_needed_no_more()
    {
        LedgerFixture fixture = AtItsCap(out long session, request => request.Ttl = null);
        LedgerEvent week = Ask(fixture, session).Event!;
        LedgerEvent hour = Ask(
            fixture, session, request => (request.Grain, request.ExpireTime) =
                ("businessUnits/marketing", At(fixture, 3600 * LedgerFixture.Second))).Event!;

        fixture.Advance((3600 * LedgerFixture.Second) - 1);
        Assert.Equal(ExtensionState.Pending, Read(fixture, hour).State);
        fixture.Advance(1);
        Assert.Equal(ExtensionState.Expired, Read(fixture, hour).State);
        Assert.Equal(ExtensionState.Pending, Read(fixture, week).State);
        fixture.Restart();
        fixture.Advance(RequestExtension.AnswerNanos - (3600 * LedgerFixture.Second));

        Assert.Equal(ExtensionState.Expired, Read(fixture, week).State);
        Assert.Equal(Outcome.ExtensionRequestDecided, Decide(fixture, week).Outcome);
        fixture.Advance(LedgerFixture.Day);
        fixture.Open();
        Assert.Equal(Outcome.ExtensionRequestNotFound, Decide(fixture, week).Outcome);
    }

    [Fact]
    public void A_request_outlives_its_session()
    {
        LedgerFixture fixture = AtItsCap(out long session);
        LedgerEvent asked = Ask(fixture, session).Event!;
        fixture.End(session);
        fixture.Advance(3 * LedgerFixture.Day);
        fixture.Open();
        fixture.Restart();

        Assert.Equal(Outcome.Done, Decide(fixture, asked).Outcome);
        Assert.Equal($"sessions/s{session}", Read(fixture, asked).Session);
    }

    [Fact]
    public void A_session_asks_for_what_is_on_its_path_and_has_a_budget_alone()
    {
        LedgerFixture fixture = AtItsCap(out long session);
        fixture.Change(catalog =>
        {
            UseCase other = catalog.UseCases[0].Clone();
            other.Id = "other";
            catalog.UseCases.Add(other);
        });

        Assert.Equal(Outcome.GrainNotFound, Ask(fixture, session, request => request.Grain = "useCases/other").Outcome);
        Assert.Equal(Outcome.GrainNotFound, Ask(fixture, session, request => request.Grain = "useCases/none").Outcome);
        Assert.Equal(
            Outcome.GrainNotFound, Ask(fixture, session, request => request.Grain = $"sessions/s{session}").Outcome);
        Assert.Equal(Outcome.NoBudget, Ask(fixture, session, request => request.Grain = "tenants/acme").Outcome);
        Assert.Equal(Outcome.NoBudget, Ask(fixture, session, request => request.Window = "week").Outcome);
        Assert.Equal(
            Outcome.NoBudget,
            Ask(fixture, session, request => (request.Amount, request.AmountTokens) = (null, 5)).Outcome);
        Assert.Equal(Outcome.Done, Ask(fixture, 0, request => request.Grain = "useCases/other").Outcome);
        fixture.End(session);
        Assert.Equal(Outcome.SessionNotOpen, Ask(fixture, session).Outcome);
        Assert.Equal(Outcome.SessionNotFound, Ask(fixture, 99).Outcome);
    }

    [Fact]
    public void What_is_granted_is_of_the_kind_that_is_asked_for()
    {
        LedgerFixture fixture = AtItsCap(out long session);
        LedgerEvent asked = Ask(fixture, session).Event!;

        Answer tokens = Decide(fixture, asked, change: request => request.AmountTokens = 5);
        Answer euros = Decide(
            fixture, asked, change: request => request.Amount = new Money { CurrencyCode = "EUR", Units = 1 });
        Answer past = Decide(fixture, asked, change: request => request.ExpireTime = At(fixture, -1));
        fixture.Change(catalog => catalog.UseCases[0].Budget = null);
        Answer removed = Decide(fixture, asked);

        Assert.Equal(
            (Outcome.AmountKindInvalid, Outcome.CurrencyInvalid, Outcome.TimeInvalid, Outcome.NoBudget),
            (tokens.Outcome, euros.Outcome, past.Outcome, removed.Outcome));
        Assert.Equal(ExtensionState.Pending, Read(fixture, asked).State);
    }

    [Fact]
    public void A_principal_asks_for_a_window_once_at_a_time_and_a_hundred_times_a_day()
    {
        LedgerFixture fixture = AtItsCap(out long session);
        LedgerEvent first = Ask(fixture, session).Event!;

        Answer second = Ask(fixture, session);
        Answer others = Ask(fixture, session, principal: "gateways/edge");
        Decide(fixture, first, ExtensionState.Refused);
        for (int i = 1; i < RequestExtension.RequestsOfOneMax; i++)
            Decide(fixture, Ask(fixture, session).Event!, ExtensionState.Refused);
        Answer tooMany = Ask(fixture, session);
        fixture.Restart();
        Answer still = Ask(fixture, session);
        fixture.Advance(LedgerFixture.Day);

        Assert.Contains(
            $"extension-requests/x{first.Sequence}",
            Assert.Single(second.Faults!).Description,
            StringComparison.Ordinal);
        Assert.Equal(
            (Outcome.BoundReached, Outcome.Done, Outcome.BoundReached, Outcome.BoundReached),
            (second.Outcome, others.Outcome, tooMany.Outcome, still.Outcome));
        Assert.Equal(Outcome.Done, Ask(fixture, fixture.Open()).Outcome);
    }

    [Fact]
    public void The_catalogs_rule_approves_up_to_its_sum_of_a_month_and_leaves_the_rest_to_finance()
    {
        LedgerFixture fixture = AtItsCap(out long session, rule: new AutoApproval { Limit = Catalogs.Dollars(0.02m) });

        LedgerEvent first = Ask(fixture, session).Event!;
        fixture.Restart();
        LedgerEvent second = Ask(fixture, session).Event!;
        LedgerEvent third = Ask(fixture, session).Event!;

        Assert.Equal(
            (ExtensionState.Approved, "", ExtensionState.Approved, ExtensionState.Pending),
            (Read(fixture, first).State, Read(fixture, first).DecidedBy, Read(fixture, second).State,
                Read(fixture, third).State));
        Assert.Equal(3 * Cent, LedgerFixture.Nanos(fixture.Balance(UseCase).Limit));
        Decide(fixture, third, ExtensionState.Refused);
        fixture.Advance(13 * LedgerFixture.Day); // December, where the month of the rule is another.
        Assert.Equal(ExtensionState.Approved, Read(fixture, Ask(fixture, fixture.Open()).Event!).State);
    }

    [Fact]
    public void The_rule_of_money_approves_no_tokens_and_a_removed_rule_nothing()
    {
        LedgerFixture fixture = AtItsCap(out long session, rule: new AutoApproval { Limit = Catalogs.Dollars(1) });
        fixture.Change(catalog => catalog.UseCases[0].Budget.Tokens = 1000);

        LedgerEvent tokens = Ask(
            fixture, session, request => (request.Amount, request.AmountTokens) = (null, 1)).Event!;
        Decide(fixture, tokens, ExtensionState.Refused);
        fixture.Change(catalog => catalog.UseCases[0].Budget.AutoApprove = null);
        LedgerEvent money = Ask(fixture, session).Event!;

        Assert.Equal(
            (ExtensionState.Refused, ExtensionState.Pending),
            (Read(fixture, tokens).State, Read(fixture, money).State));
    }

    [Fact]
    public void The_rule_grants_to_the_end_of_the_period_and_leaves_every_other_time_to_finance()
    {
        LedgerFixture fixture = AtItsCap(out long session, rule: new AutoApproval { Limit = Catalogs.Dollars(9) });
        LedgerEvent century = Ask(
            fixture, session, request => request.ExpireTime = At(fixture, 36_500 * LedgerFixture.Day)).Event!;
        Assert.Equal(ExtensionState.Pending, Read(fixture, century).State);
        Decide(fixture, century, ExtensionState.Refused);

        LedgerEvent month = Ask(fixture, session).Event!;
        Assert.Equal(ExtensionState.Approved, Read(fixture, month).State);
        Assert.Equal(2 * Cent, LedgerFixture.Nanos(fixture.Balance(UseCase).Limit));
        fixture.Advance(30 * LedgerFixture.Day);

        Assert.Equal(Cent, LedgerFixture.Nanos(fixture.Balance(UseCase).Limit));
    }

    [Fact]
    public void The_rule_leaves_an_extension_with_an_end_of_its_own_and_a_lowered_budget_to_finance()
    {
        LedgerFixture fixture = AtItsCap(out long session, rule: new AutoApproval { Limit = Catalogs.Dollars(9) });
        Extend(fixture, request => (request.Amount, request.ExpireTime) =
            (Catalogs.Dollars(5), At(fixture, LedgerFixture.Day)));
        LedgerEvent beside = Ask(fixture, session).Event!;
        Assert.Equal(ExtensionState.Pending, Read(fixture, beside).State);
        Decide(fixture, beside, ExtensionState.Refused);
        Extend(fixture, request => request.Limit = Catalogs.Dollars(0.001m));

        LedgerEvent lowered = Ask(fixture, session).Event!;

        Assert.Equal(ExtensionState.Pending, Read(fixture, lowered).State);
        Assert.Equal(Cent / 10, LedgerFixture.Nanos(fixture.Balance(UseCase).Limit));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_rule_approves_nothing_for_who_is_suspended(bool isAgent)
    {
        LedgerFixture fixture = AtItsCap(out long session, rule: new AutoApproval { Limit = Catalogs.Dollars(9) });
        if (isAgent)
        {
            fixture.Send(new SuspendAgentCommand(
                new SuspendAgentRequest { RequestId = "stop", Agent = "agents/writer", Reason = "odd" }, "admin"));
        }
        else
        {
            fixture.Suspend(session);
        }

        LedgerEvent asked = Ask(fixture, session).Event!;

        Assert.Equal(ExtensionState.Pending, Read(fixture, asked).State);
    }

    [Fact]
    public void A_request_moves_the_end_of_no_extension_unless_whoever_decides_says_so()
    {
        LedgerFixture fixture = AtItsCap(out long session);
        Extend(fixture, request => (request.Amount, request.ExpireTime) =
            (Catalogs.Dollars(5), At(fixture, 60 * LedgerFixture.Second)));
        LedgerEvent shorter = Ask(
            fixture, session, request => request.ExpireTime = At(fixture, LedgerFixture.Second)).Event!;
        Decide(fixture, shorter);
        fixture.Advance(2 * LedgerFixture.Second);
        Assert.Equal(5 * 100 * Cent + (2 * Cent), LedgerFixture.Nanos(fixture.Balance(UseCase).Limit));

        LedgerEvent longer = Ask(
            fixture, session, request => request.ExpireTime = At(fixture, LedgerFixture.Day)).Event!;
        Decide(fixture, longer);
        fixture.Advance(60 * LedgerFixture.Second);

        Assert.Equal(Cent, LedgerFixture.Nanos(fixture.Balance(UseCase).Limit));
    }

    [Fact]
    public void What_a_principal_asks_for_one_user_takes_nothing_from_its_other_users()
    {
        LedgerFixture fixture = AtItsCap(out long session, request => request.OnBehalfOf = "user:kim@acme.test");
        long other = fixture.Open(request => request.OnBehalfOf = "user:lee@acme.test");
        for (int i = 0; i < RequestExtension.RequestsOfOneMax; i++)
            Decide(fixture, Ask(fixture, session).Event!, ExtensionState.Refused);

        Assert.Equal(Outcome.BoundReached, Ask(fixture, session).Outcome);
        Assert.Equal(Outcome.Done, Ask(fixture, other).Outcome);
    }

    [Fact]
    public void A_reader_sees_what_is_its_own()
    {
        LedgerFixture fixture = AtItsCap(out long session);
        LedgerEvent asked = Ask(fixture, session).Event!;
        LedgerEvent owners = Ask(fixture, 0, principal: "owners/promo").Event!;

        Assert.Equal([owners.Sequence, asked.Sequence], Listed(fixture, sight: null));
        Assert.Equal([owners.Sequence, asked.Sequence], Listed(fixture, new ExtensionSight([UseCase])));
        Assert.Equal([asked.Sequence], Listed(fixture, new ExtensionSight(["agents/writer"])));
        Assert.Equal([asked.Sequence], Listed(fixture, new ExtensionSight(["agents/writer"], "user:kim@acme.test")));
        Assert.Empty(Listed(fixture, new ExtensionSight(["agents/writer"], "user:lee@acme.test")));
        Assert.Equal([asked.Sequence], Listed(fixture, new ExtensionSight(Session: $"sessions/s{session}")));
        Assert.Empty(Listed(fixture, new ExtensionSight(Session: "sessions/s1")));
        Assert.Equal([owners.Sequence], Listed(fixture, new ExtensionSight([], Principal: "owners/promo")));
        Assert.Empty(Listed(fixture, new ExtensionSight(["agents/other"])));
    }

    private static LedgerFixture AtItsCap(
        out long session, Action<OpenSessionRequest>? change = null, AutoApproval? rule = null)
    {
        LedgerFixture fixture = new(catalog =>
        {
            catalog.UseCases[0].Budget = new Protocol.V1.Budget
            {
                Limit = Catalogs.Dollars(0.01m),
                Period = Period.Month,
                AutoApprove = rule,
                Tiers = { new Tier { AtPercent = 100, Action = TierAction.Refuse } },
            };
            catalog.BusinessUnits[0].Budget = new Protocol.V1.Budget { Limit = Catalogs.Dollars(9) };
        });
        session = fixture.Open(change);
        fixture.Hold(session);
        return fixture;
    }

    private static void Extend(LedgerFixture fixture, Action<ExtendBudgetRequest> change)
    {
        var request = new ExtendBudgetRequest
        {
            RequestId = fixture.NextRequestId(),
            Grain = UseCase,
            Reason = "a launch",
        };
        change(request);
        Assert.Equal(Outcome.Done, fixture.Send(new ExtendBudgetCommand(request, "finance")).Outcome);
    }

    private static Answer Ask(
        LedgerFixture fixture,
        long session,
        Action<RequestExtensionRequest>? change = null,
        string principal = "agents/writer")
    {
        var request = new RequestExtensionRequest
        {
            RequestId = fixture.NextRequestId(),
            Grain = UseCase,
            Amount = Catalogs.Dollars(0.01m),
            Reason = "the quotes are due today",
        };
        change?.Invoke(request);
        return fixture.Send(new RequestExtensionCommand(request, session, principal));
    }

    private static Answer Decide(
        LedgerFixture fixture,
        LedgerEvent asked,
        ExtensionState decision = ExtensionState.Approved,
        Action<DecideExtensionRequest>? change = null)
    {
        DecideExtensionRequest request = Decision($"extension-requests/x{asked.Sequence}");
        (request.RequestId, request.Decision) = (fixture.NextRequestId(), decision);
        change?.Invoke(request);
        return fixture.Send(new DecideExtensionCommand(request, "finance"));
    }

    private static DecideExtensionRequest Decision(string name) => new()
    {
        RequestId = "q",
        ExtensionRequest = name,
        Decision = ExtensionState.Approved,
        Reason = "seen",
    };

    private static ExtensionRequest Read(LedgerFixture fixture, LedgerEvent asked) =>
        (ExtensionRequest)fixture.Send(new ExtensionRequestQuery($"extension-requests/x{asked.Sequence}")).View!;

    private static long[] Listed(LedgerFixture fixture, ExtensionSight? sight)
    {
        Answer answer = fixture.Send(new ExtensionRequestsQuery(new ListExtensionRequestsRequest(), sight));
        return
        [
            .. ((ListExtensionRequestsResponse)answer.View!).ExtensionRequests
                .Select(request => long.Parse(request.ExtensionRequest_.AsSpan("extension-requests/x".Length))),
        ];
    }

    private static Google.Protobuf.WellKnownTypes.Timestamp At(LedgerFixture fixture, long nanos) =>
        LogTime.ToTimestamp(fixture.Now + nanos);
}
