namespace AgentBudget.Api.Tests;

public sealed class RepeatedWorkTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task What_failed_is_told_and_tried_again_until_it_is_disposed()
    {
        List<string> told = [];
        int times = 0;
        TaskCompletionSource third = new(TaskCreationOptions.RunContinuationsAsynchronously);
        RepeatedWork work = new(
            async stopping =>
            {
                if (++times <= 2)
                    throw new InvalidOperationException($"time {times}");
                third.TrySetResult();
                await Task.Delay(Timeout.InfiniteTimeSpan, stopping);
            },
            TimeSpan.Zero,
            TimeProvider.System,
            fault => told.Add(fault.Message));

        await third.Task.WaitAsync(Patience);
        await work.DisposeAsync().AsTask().WaitAsync(Patience);

        Assert.Equal(["time 1", "time 2"], told);
        Assert.Equal(3, times);
    }

    [Fact]
    public async Task Its_end_does_not_wait_for_the_pause()
    {
        TaskCompletionSource once = new(TaskCreationOptions.RunContinuationsAsynchronously);
        RepeatedWork work = new(
            _ =>
            {
                once.TrySetResult();
                return Task.CompletedTask;
            },
            TimeSpan.FromDays(1),
            TimeProvider.System,
            fault => Assert.Fail(fault.Message));
        await once.Task.WaitAsync(Patience);
        await work.DisposeAsync().AsTask().WaitAsync(Patience);
    }
}
