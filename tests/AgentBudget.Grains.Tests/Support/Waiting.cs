namespace AgentBudget.Grains.Tests.Support;

/// <summary>Waits that end, and then say what was missing.</summary>
internal static class Waiting
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    public static async Task<T> WithinAsync<T>(Task<T> task, string what)
    {
        await WithinAsync((Task)task, what);
        return await task;
    }

    public static async Task WithinAsync(Task task, string what)
    {
        using CancellationTokenSource enough = new();
        if (await Task.WhenAny(task, Task.Delay(Patience, enough.Token)) != task)
            throw new TimeoutException($"missing: {what}");
        await enough.CancelAsync();
        await task;
    }

    /// <summary>For what nobody tells: looks until it is so.</summary>
    public static Task UntilAsync(Func<bool> isSo, string what) => UntilAsync(() => Task.FromResult(isSo()), what);

    public static async Task UntilAsync(Func<Task<bool>> isSo, string what)
    {
        long began = TimeProvider.System.GetTimestamp();
        while (!await isSo())
        {
            if (TimeProvider.System.GetElapsedTime(began) > Patience) throw new TimeoutException($"missing: {what}");
            await Task.Delay(Look);
        }
    }
}
