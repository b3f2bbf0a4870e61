using System.Diagnostics;
using System.Globalization;
using AgentBudget.Silo.Hosting;

namespace AgentBudget.Silo.Tests;

public sealed class ProcessTests
{
    [Theory]
    [InlineData("TERM")]
    [InlineData("INT")]
    public async Task A_signal_drains_the_process_which_ends_with_zero_also_when_it_comes_twice(string signal)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("agentbudget-process-");
        string program = Path.Combine(AppContext.BaseDirectory, "AgentBudget.Silo.dll");
        ProcessStartInfo start = new("dotnet") { RedirectStandardOutput = true, WorkingDirectory = folder.FullName };
        foreach (string argument in new[] { program, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0" })
            start.ArgumentList.Add(argument);
        using Process silo = Process.Start(start)!;
        try
        {
            string? first = await silo.StandardOutput.ReadLineAsync().WaitAsync(TestSilo.Patience);
            Assert.StartsWith("AgentBudget serves JSON at http://127.0.0.1:", first, StringComparison.Ordinal);

            Send(signal, silo);
            Send(signal, silo);

            string rest = await silo.StandardOutput.ReadToEndAsync().WaitAsync(TestSilo.Patience);
            await silo.WaitForExitAsync().WaitAsync(TestSilo.Patience);
            Assert.Equal(0, silo.ExitCode);
            Assert.EndsWith("AgentBudget is draining.\nAgentBudget stopped.\n", rest, StringComparison.Ordinal);
            string key = await File.ReadAllTextAsync(Path.Combine(folder.FullName, "data", "admin.key"));
            Assert.DoesNotContain(key.Trim(), first + rest, StringComparison.Ordinal);
        }
        finally
        {
            if (!silo.HasExited)
                silo.Kill();
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void A_signal_long_after_the_first_demands_an_end_at_once()
    {
        SteadyClock clock = new();
        using StopSignals signals = new(clock);

        Assert.True(signals.TakeSignal());
        clock.Ticks = TimeSpan.FromSeconds(1).Ticks;
        Assert.True(signals.TakeSignal());
        clock.Ticks = TimeSpan.FromSeconds(3).Ticks;
        Assert.False(signals.TakeSignal());
    }

    private static void Send(string signal, Process process)
    {
        using Process kill =
            Process.Start("kill", [$"-{signal}", process.Id.ToString(CultureInfo.InvariantCulture)])!;
        kill.WaitForExit();
    }

    private sealed class SteadyClock : TimeProvider
    {
        public long Ticks { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Ticks;
    }
}
