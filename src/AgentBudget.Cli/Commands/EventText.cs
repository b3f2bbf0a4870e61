using AgentBudget.Cli.Output;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Cli.Commands;

/// <summary>A ledger event in one line.</summary>
internal static class EventText
{
    private const int SequenceColumns = 8; // Lines of a stream stand under one another up to 99,999,999.
    private const int FactColumns = 20;
    private const decimal NanosPerUnit = 1_000_000_000m;

    public static Grid GridOf(LedgerEvent told)
    {
        Grid grid = new(
            "time", new("sequence", IsNumber: true), "fact", "session", "agent", "use case", "model",
            new("amount", IsNumber: true), "detail");
        (string model, long? nanos, string detail) = PartsOf(told);
        string fact = Texts.Name(told.FactCase);
        grid.Add(
            Texts.Time(told.Time),
            new GridCell(Texts.Number(told.Sequence).PadLeft(SequenceColumns), Csv: Texts.Number(told.Sequence)),
            new GridCell(fact.PadRight(FactColumns), Csv: fact),
            told.Spender?.Session,
            told.Spender?.Agent,
            told.Spender?.UseCase,
            model,
            nanos is { } amount ? (amount / NanosPerUnit).ToString("0.00#######", null) : "",
            detail);
        return grid;
    }

    private static (string Model, long? Nanos, string Detail) PartsOf(LedgerEvent told) => told.FactCase switch
    {
        LedgerEvent.FactOneofCase.ReservationHeld =>
            (told.ReservationHeld.Model, told.ReservationHeld.CostNanos, told.ReservationHeld.Tool),
        LedgerEvent.FactOneofCase.ReservationAmended =>
            (told.ReservationAmended.Model, told.ReservationAmended.CostNanos, ""),
        LedgerEvent.FactOneofCase.ReservationSettled =>
            (told.ReservationSettled.Model, told.ReservationSettled.CostNanos,
                told.ReservationSettled.Disputed ? "disputed" : told.ReservationSettled.Late ? "late" : ""),
        LedgerEvent.FactOneofCase.ReservationReleased =>
            ("", told.ReservationReleased.ReleasedNanos, told.ReservationReleased.Reason),
        LedgerEvent.FactOneofCase.ReservationExpired => ("", told.ReservationExpired.ReleasedNanos, ""),
        LedgerEvent.FactOneofCase.ReservationRefused =>
            (told.ReservationRefused.Model, null,
                $"{Texts.Name(told.ReservationRefused.Reason)} of {told.ReservationRefused.Grain}"),
        LedgerEvent.FactOneofCase.RefusalsCoalesced =>
            (told.RefusalsCoalesced.Model, null,
                $"{told.RefusalsCoalesced.Count} more: {Texts.Name(told.RefusalsCoalesced.Reason)}"),
        LedgerEvent.FactOneofCase.CostRecorded => ("", told.CostRecorded.CostNanos, told.CostRecorded.Sku),
        LedgerEvent.FactOneofCase.ToolAuthorized => ("", null, told.ToolAuthorized.Tool),
        LedgerEvent.FactOneofCase.SessionOpened => ("", null, told.SessionOpened.Task),
        LedgerEvent.FactOneofCase.SessionEnded =>
            ("", null, $"{Texts.Name(told.SessionEnded.State)} {told.SessionEnded.Reason}".TrimEnd()),
        LedgerEvent.FactOneofCase.SessionClosed => ("", told.SessionClosed.SettledNanos, ""),
        LedgerEvent.FactOneofCase.SessionSuspended => ("", null, told.SessionSuspended.Reason),
        LedgerEvent.FactOneofCase.SessionResumed => ("", null, told.SessionResumed.Reason),
        LedgerEvent.FactOneofCase.BreakerTripped =>
            ("", null, $"{Texts.Name(told.BreakerTripped.Breaker)}: {told.BreakerTripped.Count} above "
                + $"{told.BreakerTripped.Limit}"),
        LedgerEvent.FactOneofCase.CatalogPatched =>
            ("", null, string.Join(", ", told.CatalogPatched.Changes.Select(change => change.Item).Take(2))
                + (told.CatalogPatched.Changes.Count > 2 ? $" and {told.CatalogPatched.Changes.Count - 2} more" : "")),
        LedgerEvent.FactOneofCase.BudgetExtended => ("", told.BudgetExtended.ExtensionNanos, told.BudgetExtended.Grain),
        LedgerEvent.FactOneofCase.ExtensionRequested =>
            ("", told.ExtensionRequested.Nanos, $"{told.ExtensionRequested.Grain}: {told.ExtensionRequested.Reason}"),
        LedgerEvent.FactOneofCase.ExtensionDecided => (
            "",
            told.ExtensionDecided.Nanos,
            $"{Texts.Name(told.ExtensionDecided.Decision)}: {told.ExtensionDecided.Reason}"),
        LedgerEvent.FactOneofCase.BudgetReset => ("", null, told.BudgetReset.Grain),
        LedgerEvent.FactOneofCase.SpendAdjusted =>
            ("", told.SpendAdjusted.Lines.Sum(line => line.Nanos), told.SpendAdjusted.Reason),
        LedgerEvent.FactOneofCase.PeriodEnded => ("", told.PeriodEnded.SettledNanos, told.PeriodEnded.Grain),
        LedgerEvent.FactOneofCase.CredentialCreated => ("", null, told.CredentialCreated.Principal),
        LedgerEvent.FactOneofCase.NotificationsChanged => (
            "",
            null,
            $"{Texts.Name(told.NotificationsChanged.Change)}: {told.NotificationsChanged.Endpoint}"
                + told.NotificationsChanged.Target),
        LedgerEvent.FactOneofCase.AgentSuspended => ("", null, told.AgentSuspended.Agent),
        LedgerEvent.FactOneofCase.AgentResumed => ("", null, told.AgentResumed.Agent),
        LedgerEvent.FactOneofCase.AgentDecommissioned => ("", null, told.AgentDecommissioned.Agent),
        _ => ("", null, ""), // Facts without an amount say enough by their name.
    };
}
