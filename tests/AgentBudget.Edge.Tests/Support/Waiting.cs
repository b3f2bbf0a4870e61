namespace AgentBudget.Edge.Tests.Support;

internal static class Waiting
{
    // Far beyond what anything here takes, so that only a hang reaches it.
    private static readonly TimeSpan HangLimit = TimeSpan.FromSeconds(30);

    internal static async Task Within(this Task task, string missing)
    {
        try
        {
            await task.WaitAsync(HangLimit);
        }
        catch (TimeoutException)
        {
            Assert.Fail($"Missing after {HangLimit}: {missing}");
        }
    }

    internal static async Task<T> Within<T>(this Task<T> task, string missing)
    {
        await ((Task)task).Within(missing);
        return await task;
    }

    internal static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal static TaskCompletionSource<T> NewSignal<T>() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
