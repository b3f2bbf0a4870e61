using AgentBudget.Client.Tests.Support;
using AgentBudget.Protocol.V1;
using Grpc.Core;

namespace AgentBudget.Client.Tests;

[Collection(SharedBudgetCollection.Name)]
public sealed class SpendingTests(SharedBudget shared)
{
    private readonly TestBudget _budget = shared.Budget;

    [Fact]
    public async Task Each_spending_call_is_answered_as_its_method_would()
    {
        string token = await _budget.OpenAsync();

        ReserveTokensResponse first = await _budget.Client.ReserveAsync(TestBudget.Reserve(token));
        ReserveTokensResponse second = await _budget.Client.ReserveAsync(TestBudget.Reserve(token, input: 300));
        Assert.Equal((1300, 0), await _budget.TokensOfAsync(token));
        AmendReservationResponse amended = await _budget.Client.AmendAsync(new AmendReservationRequest
        {
            SessionToken = token,
            ReservationId = second.Reservation.ReservationId,
            Estimate = new TokenEstimate { InputTokens = 500, MaxOutputTokens = 0 },
        });
        AmendReservationResponse extended = await _budget.Client.ExtendHoldAsync(
            second.Reservation.ReservationId, token, TimeSpan.FromHours(2));
        CommitTokensResponse settled = await _budget.Client.CommitAsync(
            TestBudget.Commit(token, first.Reservation.ReservationId, input: 400));
        ReleaseTokensResponse released = await _budget.Client.ReleaseAsync(new ReleaseTokensRequest
        {
            SessionToken = token,
            ReservationId = second.Reservation.ReservationId,
        });
        RecordCostResponse cost = await _budget.Client.RecordCostAsync(
            new RecordCostRequest { SessionToken = token, Sku = "search.web" });
        AuthorizeToolResponse tool = await _budget.Client.AuthorizeToolAsync(
            new AuthorizeToolRequest { SessionToken = token, Tool = "search.images" });

        Assert.Equal(Decision.Allow, first.Decision);
        Assert.Equal(500, amended.Reservation.Tokens);
        Assert.True(extended.Reservation.ExpireTime > amended.Reservation.ExpireTime);
        Assert.Equal(400, settled.Settled.Tokens);
        Assert.Equal(500, released.Released.Tokens);
        Assert.Equal(10_000_000, cost.Cost.Nanos);
        Assert.Equal(Decision.Allow, tool.Decision);
        Assert.Equal((0, 400), await _budget.TokensOfAsync(token));
        Assert.Equal(0, _budget.Client.PendingCalls);
    }

    [Fact]
    public async Task A_refusal_is_an_answer_and_an_error_an_exception_with_its_reason()
    {
        string token = await _budget.OpenAsync("useCases/tight");

        ReserveTokensResponse denied = await _budget.Client.ReserveAsync(TestBudget.Reserve(token, input: 2_000_000));
        AgentBudgetException unknown = await Assert.ThrowsAsync<AgentBudgetException>(
            () => _budget.Client.CommitAsync(TestBudget.Commit(token, "r999999", input: 1)));
        AgentBudgetException wrong = await Assert.ThrowsAsync<AgentBudgetException>(
            () => _budget.Client.ReserveAsync(new ReserveTokensRequest { SessionToken = token }));
        AgentBudgetException forged = await Assert.ThrowsAsync<AgentBudgetException>(
            () => _budget.Client.ReserveAsync(TestBudget.Reserve("eyJ.forged.token")));

        Assert.Equal((Decision.Deny, Reason.UseCaseBudget), (denied.Decision, denied.Denial.Reason));
        Assert.Equal((StatusCode.NotFound, "RESERVATION_NOT_FOUND"), (unknown.StatusCode, unknown.Reason));
        Assert.False(unknown.MayHaveHadEffect);
        Assert.NotEmpty(unknown.RequestId);
        Assert.Equal("INVALID_FIELD", wrong.Reason);
        Assert.Contains(wrong.FieldFaults, fault => fault.Field == "estimate");
        Assert.Equal("SESSION_TOKEN_INVALID", forged.Reason);
    }

    [Fact]
    public async Task A_message_that_is_sent_twice_is_two_calls_unless_it_has_an_id()
    {
        string token = await _budget.OpenAsync();
        ReserveTokensRequest request = TestBudget.Reserve(token);
        ReserveTokensRequest named = TestBudget.Reserve(token);
        named.RequestId = "mine";

        ReserveTokensResponse[] unnamed =
            await Task.WhenAll(_budget.Client.ReserveAsync(request), _budget.Client.ReserveAsync(request));
        ReserveTokensResponse[] repeated =
            await Task.WhenAll(_budget.Client.ReserveAsync(named), _budget.Client.ReserveAsync(named));
        AgentBudgetException reused = await Assert.ThrowsAsync<AgentBudgetException>(() =>
        {
            ReserveTokensRequest other = TestBudget.Reserve(token, input: 7);
            other.RequestId = "mine";
            return _budget.Client.ReserveAsync(other);
        });

        Assert.NotEqual(unnamed[0].Reservation.ReservationId, unnamed[1].Reservation.ReservationId);
        Assert.Equal(repeated[0].Reservation.ReservationId, repeated[1].Reservation.ReservationId);
        Assert.Equal((3000, 0), await _budget.TokensOfAsync(token));
        Assert.Equal("KEY_REUSED", reused.Reason);
    }

    [Fact]
    public async Task What_fits_no_message_is_refused_before_it_is_sent_and_hurts_nobody_else()
    {
        string token = await _budget.OpenAsync();
        ReserveTokensRequest large = TestBudget.Reserve(token);
        large.Tags.Add("customer", new string('x', 300_000));
        ReserveTokensRequest many = TestBudget.Reserve(token);
        foreach (int number in Enumerable.Range(0, 2000)) many.Tags.Add($"t{number}", "x");

        Task<ReserveTokensResponse> other = _budget.Client.ReserveAsync(TestBudget.Reserve(token));
        AgentBudgetException tooLarge =
            await Assert.ThrowsAsync<AgentBudgetException>(() => _budget.Client.ReserveAsync(large));
        AgentBudgetException tooMany =
            await Assert.ThrowsAsync<AgentBudgetException>(() => _budget.Client.ReserveAsync(many));

        Assert.Contains("bytes", tooLarge.Message, StringComparison.Ordinal);
        Assert.Contains("elements", tooMany.Message, StringComparison.Ordinal);
        Assert.Equal(Decision.Allow, (await other).Decision);
    }

    [Fact]
    public async Task Many_callers_share_messages_that_the_service_takes()
    {
        const int callers = 5_000;
        string token = await _budget.OpenAsync();

        CommitTokensResponse[] settled = await Task.WhenAll(Enumerable.Range(0, callers).Select(async _ =>
        {
            ReserveTokensResponse held = await _budget.Client.ReserveAsync(TestBudget.Reserve(token, input: 10));
            CommitTokensRequest commit = TestBudget.Commit(token, held.Reservation.ReservationId, input: 0);
            commit.Usage = null;
            commit.ProviderUsage = new ProviderUsage
            {
                OpenAi = Google.Protobuf.WellKnownTypes.Struct.Parser.ParseJson(
                    """{"prompt_tokens":7,"completion_tokens":0,"prompt_tokens_details":{"cached_tokens":0}}"""),
            };
            return await _budget.Client.CommitAsync(commit);
        }));

        Assert.All(settled, answer => Assert.Equal(7, answer.Settled.Tokens));
        Assert.Equal((0, callers * 7), await _budget.TokensOfAsync(token));
    }

    [Fact]
    public async Task A_view_with_another_credential_calls_as_that_caller()
    {
        string own = await _budget.OpenAsync();
        string other = await _budget.OpenAsync();
        await using AgentBudgetClient view = _budget.Client.For(own);

        ReserveTokensResponse held = await view.ReserveAsync(TestBudget.Reserve(""));
        AgentBudgetException refused =
            await Assert.ThrowsAsync<AgentBudgetException>(() => view.ReserveAsync(TestBudget.Reserve(other)));

        Assert.Equal(Decision.Allow, held.Decision);
        Assert.Equal("ROLE_FORBIDDEN", refused.Reason);
        Assert.Equal((1000, 0), await _budget.TokensOfAsync(own));
    }
}
