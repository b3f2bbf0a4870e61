using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using AgentBudget.Protocol.V1;
using AgentBudget.Silo.Demo;

namespace AgentBudget.Silo.Tests;

public sealed partial class DemoTests
{
    [Fact]
    public async Task The_runaway_agent_of_the_demo_spends_at_most_its_ceiling_and_ends_suspended_by_a_breaker()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        await silo.ApplyAsync(await File.ReadAllTextAsync(
            Path.Combine(AppContext.BaseDirectory, "silo-config", "demo-catalog.yaml")), "demo");
        using CancellationTokenSource stopping = new();
        using WatchedWriter output = new("SUSPENDED");
        using DemoClient client = new(silo.Grpc, silo.AdminKey, TimeProvider.System);

        Task demo =
            new DemoTraffic(client, new DemoTable(output, TimeProvider.System), TimeProvider.System)
                .RunAsync(stopping.Token);
        string suspended = await output.Seen.WaitAsync(TestSilo.Patience);
        await stopping.CancelAsync();
        await demo.WaitAsync(TestSilo.Patience);

        string session = suspended.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
        string[] own = [.. output.Lines.Where(line => line.Contains($" {session} ", StringComparison.Ordinal))];
        decimal settled = decimal.Parse(Amount().Match(suspended).Groups[1].Value, CultureInfo.InvariantCulture);
        Assert.Equal(0.90m, settled);
        Assert.Equal(5, own.Count(line => line.Contains(" settle ", StringComparison.Ordinal)));
        Assert.Equal(4, own.Count(line => line.Contains(" REFUSED ", StringComparison.Ordinal)));
        string why = Assert.Single(own, line => line.Contains(" BREAKER ", StringComparison.Ordinal));
        Assert.Contains($"Refusals counts 4, above 3: sessions/{session} is suspended", why, StringComparison.Ordinal);
        LedgerEvent streamed = await FirstTripAsync(silo, $"sessions/{session}");
        Assert.Equal((Breaker.Refusals, 4, 3, $"sessions/{session}"), (
            streamed.BreakerTripped.Breaker, streamed.BreakerTripped.Count, streamed.BreakerTripped.Limit,
            streamed.BreakerTripped.Suspended));
    }

    // As whoever watches the spend of the session hears of it.
    private static async Task<LedgerEvent> FirstTripAsync(TestSilo silo, string session)
    {
        using CancellationTokenSource patience = new(TestSilo.Patience);
        var filter = new SpendFilter { Session = session, Kinds = { EventKind.BreakerTripped } };
        await foreach (WatchSpendResponse message in silo.WatchAsync(
            new WatchSpendRequest { Filter = filter, FromSequence = 1 }, patience.Token))
        {
            if (message.Event is { } told) return told;
        }

        throw new InvalidOperationException($"the stream of {session} ended without a breaker");
    }

    [GeneratedRegex(@"(\d+\.\d+) USD")]
    private static partial Regex Amount();

    /// <summary>Keeps the lines, and tells of the first one with a word.</summary>
    private sealed class WatchedWriter(string word) : TextWriter
    {
        private readonly TaskCompletionSource<string> _seen = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly List<string> _lines = [];

        public Task<string> Seen => _seen.Task;

        public IReadOnlyList<string> Lines
        {
            get
            {
                lock (_lines)
                    return [.. _lines];
            }
        }

        public override Encoding Encoding => Encoding.UTF8;

        public override void WriteLine(string? value)
        {
            lock (_lines)
                _lines.Add(value ?? "");
            if (value?.Contains(word, StringComparison.Ordinal) == true)
                _seen.TrySetResult(value);
        }
    }
}
