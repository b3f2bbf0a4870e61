using AgentBudget.Client.Tests.Support;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Client.Tests;

[Collection(SharedBudgetCollection.Name)]
public sealed class ScopeTests(SharedBudget shared)
{
    private readonly TestBudget _budget = shared.Budget;

    [Fact]
    public async Task A_scope_settles_what_was_used_and_releases_where_nothing_was()
    {
        string token = await _budget.OpenAsync();
        await using (BudgetScope scope = await _budget.Client.BeginScopeAsync(TestBudget.Reserve(token)))
        {
            Assert.True(scope.IsAllowed);
            Assert.Equal("m", scope.Model);
            Assert.Equal((1000, 0), await _budget.TokensOfAsync(token));
            scope.Use(new TokenUsage { InputTokens = 1 });
            scope.Use(new TokenUsage { InputTokens = 600 });
        }

        Assert.Equal((0, 600), await _budget.TokensOfAsync(token));
        await using (await _budget.Client.BeginScopeAsync(TestBudget.Reserve(token)))
        {
            Assert.Equal((1000, 600), await _budget.TokensOfAsync(token));
        }

        Assert.Equal((0, 600), await _budget.TokensOfAsync(token));
    }

    [Fact]
    public async Task An_exception_inside_comes_out_and_leaves_no_hold()
    {
        string token = await _budget.OpenAsync();

        await Assert.ThrowsAsync<TimeZoneNotFoundException>(async () =>
        {
            await using BudgetScope scope = await _budget.Client.BeginScopeAsync(TestBudget.Reserve(token));
            throw new TimeZoneNotFoundException();
        });
        await Assert.ThrowsAsync<TimeZoneNotFoundException>(async () =>
        {
            await using BudgetScope scope = await _budget.Client.BeginScopeAsync(TestBudget.Reserve(token));
            scope.Use(new TokenUsage { InputTokens = 70 });
            throw new TimeZoneNotFoundException();
        });

        Assert.Equal((0, 70), await _budget.TokensOfAsync(token));
    }

    [Fact]
    public async Task A_cancellation_inside_comes_out_and_what_was_used_is_settled()
    {
        string token = await _budget.OpenAsync();
        using CancellationTokenSource cancellation = new();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await using BudgetScope scope =
                await _budget.Client.BeginScopeAsync(TestBudget.Reserve(token), cancellation.Token);
            scope.Use(new TokenUsage { InputTokens = 80 });
            await cancellation.CancelAsync();
            cancellation.Token.ThrowIfCancellationRequested();
        });

        Assert.Equal((0, 80), await _budget.TokensOfAsync(token));
    }

    [Fact]
    public async Task A_scope_that_was_committed_settles_no_second_time()
    {
        string token = await _budget.OpenAsync();
        CommitTokensResponse answer;
        await using (BudgetScope scope = await _budget.Client.BeginScopeAsync(TestBudget.Reserve(token)))
        {
            AmendReservationResponse amended = await scope.AmendAsync(new AmendReservationRequest
            {
                Estimate = new TokenEstimate { InputTokens = 2000, MaxOutputTokens = 0 },
            });
            Assert.Equal((2000, 2000), (amended.Reservation.Tokens, scope.Reservation!.Tokens));
            await Assert.ThrowsAsync<InvalidOperationException>(() => scope.CommitAsync());
            scope.Use(new TokenUsage { InputTokens = 1500 });
            answer = await scope.CommitAsync();
            await Assert.ThrowsAsync<InvalidOperationException>(() => scope.CommitAsync());
        }

        Assert.Equal(1500, answer.Settled.Tokens);
        Assert.Null(answer.Overrun);
        Assert.Equal((0, 1500), await _budget.TokensOfAsync(token));
    }

    [Fact]
    public async Task A_refused_scope_says_why_and_has_nothing_to_settle()
    {
        string token = await _budget.OpenAsync("useCases/tight");

        await using BudgetScope scope =
            await _budget.Client.BeginScopeAsync(TestBudget.Reserve(token, input: 3_000_000));

        Assert.False(scope.IsAllowed);
        Assert.Equal("useCases/tight", scope.Denial?.Grain);
        Assert.Equal("", scope.Model);
        Assert.Equal(scope.Denial, Assert.Throws<BudgetDeniedException>(scope.EnsureAllowed).Denial);
        await Assert.ThrowsAsync<InvalidOperationException>(() => scope.CommitAsync());
    }

    [Fact]
    public async Task A_settlement_that_is_refused_is_told_and_not_thrown()
    {
        string token = await _budget.OpenAsync();
        BudgetScope scope = await _budget.Client.BeginScopeAsync(TestBudget.Reserve(token));
        await _budget.Client.ReleaseAsync(new ReleaseTokensRequest
        {
            SessionToken = token,
            ReservationId = scope.Reservation!.ReservationId,
        });

        await scope.DisposeAsync();
        await scope.DisposeAsync();

        Assert.Equal("RESERVATION_TERMINAL", scope.SettlementFault?.Reason);
    }
}
