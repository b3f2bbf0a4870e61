using System.Diagnostics;

namespace AgentBudget.Faults.Tests;

/// <summary>
/// The process dies at random moments under load. AGENTBUDGET_FAULT_KILLS says how often (the script eng/faults/kill.sh
/// sets it); that the page cache survives such a death is why the disk has tests of its own.
/// </summary>
public sealed class KillTests(ITestOutputHelper output)
{
    private const int Clients = 16;
    private const int AnswersBetweenKillsMax = 1_500;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    [Fact]
    public async Task Every_acknowledged_call_outlives_kills_under_load()
    {
        int kills = Seed.Number("AGENTBUDGET_FAULT_KILLS", otherwise: 3, max: 1_000);
        string told = $"seed {Seed.Value}, {kills} kills";
        output.WriteLine(told);
        var random = new Random(Seed.Value);
        await using var silo = new SiloProcess();
        await silo.StartAsync();
        using var client = new BudgetClient(silo);
        using var diary = new Diary(silo.Folder);
        using var load = new Load(client, diary, Seed.Value);
        await load.SetUpAsync(Clients);
        load.Start();
        var time = Stopwatch.StartNew();
        for (int kill = 1; kill <= kills; kill++)
        {
            int answers = random.Next(1, AnswersBetweenKillsMax);
            await load.AnsweredAsync(answers, Patience);
            await silo.KillAsync();
            await silo.StartAsync();
            output.WriteLine($"kill {kill} after {answers} answers, {time.Elapsed.TotalSeconds:F1} s");
        }
        await load.AnsweredAsync(100, Patience);
        await load.StopAsync(Patience);
        await new Verdict(client, load, diary, told).ReachAsync();
        Assert.Equal(0, await silo.StopAsync());
    }
}
