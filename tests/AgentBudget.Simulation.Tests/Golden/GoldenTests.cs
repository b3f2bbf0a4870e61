using System.Security.Cryptography;
using AgentBudget.Audit;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Simulation.Checks;
using AgentBudget.Simulation.Tests.Properties;
using Fact = AgentBudget.Protocol.V1.LedgerEvent.FactOneofCase;

namespace AgentBudget.Simulation.Tests.Golden;

/// <summary>
/// Bytes that a release wrote are replayed by every later one, to the same balances. A release adds its own:
/// <c>eng/golden.sh NAME</c> writes <c>tests/golden/NAME.journal</c> and <c>NAME.state</c>; neither is ever changed.
/// </summary>
public sealed class GoldenTests
{
    private const string WriteSwitch = "AGENTBUDGET_GOLDEN"; // The name to write; otherwise nothing is written.

    public static TheoryData<string> Names =>
    [
        .. Directory.EnumerateFiles(Folder, "*.journal")
            .Select(file => Path.GetFileNameWithoutExtension(file))
            .Order(StringComparer.Ordinal),
    ];

    private static string Folder
    {
        get
        {
            DirectoryInfo? folder = new(AppContext.BaseDirectory);
            while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "AgentBudget.sln")))
                folder = folder.Parent;
            return Path.Combine(folder!.FullName, "tests", "golden");
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_release_replays_the_journals_of_those_before_it(string name)
    {
        List<LedgerEvent> events = GoldenJournal.Read(File.ReadAllBytes(Path.Combine(Folder, name + ".journal")));

        Assert.Equal(File.ReadAllText(Path.Combine(Folder, name + ".state")), StateOf(events));
    }

    [Fact]
    public void A_new_journal_reads_back_as_it_was_written()
    {
        AuditedRun run = GoldenScript.Play();
        byte[] journal = GoldenJournal.Write(run.Journal);
        string state = StateOf(run.Journal);

        Assert.Null(run.Fault());
        Assert.Equal(run.Journal, GoldenJournal.Read(journal));
        if (Environment.GetEnvironmentVariable(WriteSwitch) is not { Length: > 0 } name) return;
        Assert.Equal(
            Enum.GetValues<Fact>().Except([Fact.None]).Order(),
            run.Journal.Select(recorded => recorded.FactCase).Distinct().Order());
        Assert.False(File.Exists(Path.Combine(Folder, name + ".journal")), $"{name} is there; it is never changed");
        File.WriteAllBytes(Path.Combine(Folder, name + ".journal"), journal);
        File.WriteAllText(Path.Combine(Folder, name + ".state"), state);
    }

    // What money and tokens are where, in the accounts and in the audit, and a hash of it.
    private static string StateOf(IReadOnlyList<LedgerEvent> events)
    {
        var audit = new LedgerAudit(GoldenJournal.Tenant);
        var ledger = new TenantLedger(GoldenJournal.Tenant);
        foreach (LedgerEvent next in events)
        {
            ledger.Apply(next);
            audit.Accept(next);
        }

        AuditReport report = audit.Finish();
        Assert.Empty(report.Findings);
        var lines = new List<string> { $"{report.Events} events, {ledger.KnownSessions} sessions known" };
        IEnumerable<Fact> kinds = events.Select(recorded => recorded.FactCase).Distinct().Order();
        lines.Add($"kinds: {string.Join(", ", kinds)}");
        foreach (AuditBalance naive in report.Balances)
        {
            Answer answer = ledger.Handle(new BalanceQuery(0, naive.Account), ledger.LogTimeNanos, []);
            GrainBalance balance = ((GetBalanceResponse)answer.View!).Grains[0];
            Assert.Null(Balances.Difference(balance, naive));
            lines.Add(
                $"{naive.Account}: settled {naive.SettledNanos} of {naive.LifetimeNanos} ever, held {naive.HeldNanos}, "
                + $"overrun {naive.OverrunNanos}, tokens {naive.SettledTokens} of {naive.LifetimeTokens} ever");
        }

        string text = string.Join('\n', lines);
        byte[] hash = SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(text));
        return $"{text}\nstate {Convert.ToHexStringLower(hash)}\n";
    }
}
