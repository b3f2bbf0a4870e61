using System.Globalization;
using System.Net.Http.Headers;

namespace AgentBudget.Silo.Tests.Support;

/// <summary>A machine that slept: its wall clock is ahead, its steady clock is as it was.</summary>
internal sealed class JumpingClock : TimeProvider
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(50);

    public TimeSpan Ahead { get; set; }

    public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + Ahead;

    /// <summary>Moves it on, by at most what log time follows whole, and waits until log time is there.</summary>
    public async Task MoveAsync(TestSilo silo, TimeSpan ahead)
    {
        Ahead += ahead;
        using CancellationTokenSource patience = new(TestSilo.Patience);
        while (await LagAsync(silo) > 1) await Task.Delay(Poll, patience.Token);
    }

    /// <summary>Seconds that a silo's log time lags its wall clock, as it measures them.</summary>
    public static async Task<double> LagAsync(TestSilo silo)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, $"http://{silo.Host.Http}/metrics");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", silo.AdminKey);
        using HttpResponseMessage response = await silo.Http.SendAsync(request);
        string text = await response.Content.ReadAsStringAsync();
        string line = text.Split('\n').First(
            metric => metric.StartsWith("agentbudget_log_time_lag", StringComparison.Ordinal));
        return double.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture);
    }
}
