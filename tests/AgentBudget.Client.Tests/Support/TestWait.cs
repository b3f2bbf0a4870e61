using System.Diagnostics;

namespace AgentBudget.Client.Tests.Support;

/// <summary>Waits for a condition, with a bound that says what was missing.</summary>
internal static class TestWait
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(10);

    public static async Task UntilAsync(Func<bool> condition, string what)
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(start) > TestBudget.Patience)
                throw new TimeoutException($"{what}: not within {TestBudget.Patience.TotalSeconds} s");
            await Task.Delay(PollInterval);
        }
    }
}
