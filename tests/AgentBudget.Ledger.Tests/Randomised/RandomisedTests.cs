using System.Globalization;

namespace AgentBudget.Ledger.Tests.Randomised;

/// <summary>
/// Random commands against the naive ledger: every answer, every event, every balance. AGENTBUDGET_SEED runs one seed
/// again.
/// </summary>
public sealed class RandomisedTests(ITestOutputHelper output)
{
    private const int Sequences = 2000;
    private const int CommandsPerSequence = 100;

    // What the sequences must have met, or they prove little.
    private static readonly string[] MustBeMet =
    [
        "again", "KeyReused", "SessionNotFound", "SessionNotOpen", "ReservationNotFound", "ReservationTerminal",
        "NoBudget", "TimeInvalid", "catalog", "opened", "renewed", "ended Ended", "ended Expired", "ended Revoked",
        "closed", "amended", "cost",
        "extended", "extension", "period", "period carried", "moved", "held", "released", "expired",
        "settled late final",
        "settled late part", "settled timely final", "settled timely part", "refused SessionClosed",
        "refused SessionExpired", "refused SessionRevoked", "refused ToolOutOfScope", "refused ModelOutOfScope",
        "refused UnknownPrice", "refused RequestCeiling", "refused StepCeiling", "refused SessionCeiling",
        "refused RunCeiling", "RunCeilingReached", "refused AgentBudget", "refused UseCaseBudget",
        "refused BusinessUnitBudget", "refused TenantBudget", "opened below",
        "suspended", "resumed", "reset", "SessionSuspended", "SessionNotSuspended", "refused SessionSuspended",
        "coalesced", "tripped SameToolCall", "tripped BurnRate", "tripped StepsWithoutOutcome", "tripped Refusals",
    ];

    [Fact]
    public void Every_answer_event_and_balance_is_that_of_the_naive_ledger()
    {
        string? given = Environment.GetEnvironmentVariable("AGENTBUDGET_SEED");
        int first = given is null ? 1 : int.Parse(given, CultureInfo.InvariantCulture);
        int last = given is null ? Sequences : first;
        var met = new SortedDictionary<string, int>(StringComparer.Ordinal);
        for (int seed = first; seed <= last; seed++)
        {
            try
            {
                new RandomSequence(seed, met).Run(CommandsPerSequence);
            }
            catch (Exception)
            {
                output.WriteLine($"AGENTBUDGET_SEED={seed}");
                throw;
            }
        }

        output.WriteLine(string.Join('\n', met));
        if (given is null) Assert.Empty(MustBeMet.Except(met.Keys));
    }
}
