using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using static AgentBudget.Audit.Tests.AuditedLedger;
using State = AgentBudget.Protocol.V1.Session.Types.State;

namespace AgentBudget.Audit.Tests;

/// <summary>Every fault, by a name that is the fact that it breaks.</summary>
internal static partial class Faults
{
    public static IReadOnlyDictionary<string, Fault> All { get; } = new Dictionary<string, Fault>(
    [
        .. OfOrder(), .. OfCatalogs(), .. OfBudgets(), .. OfSessions(), .. OfRuns(), .. OfSuspensions(),
        .. OfHolds(), .. OfAmendments(), .. OfCosts(), .. OfWindows(), .. OfRefusals(), .. OfSettlements(),
        .. OfIdentity(), .. OfAdjustments(), .. OfParts(), .. OfExtensions(),
    ]);

    private static void OneSession(AuditedLedger ledger) => ledger.Open();

    private static void OneHold(AuditedLedger ledger) => ledger.Hold(ledger.Open());

    private static void TwoHolds(AuditedLedger ledger)
    {
        long session = ledger.Open();
        Twice(() => ledger.Hold(session));
    }

    private static void OneCharge(AuditedLedger ledger)
    {
        long session = ledger.Open();
        ledger.Commit(session, ledger.Hold(session));
    }

    private static void TwoCharges(AuditedLedger ledger)
    {
        long session = ledger.Open();
        Twice(() => ledger.Commit(session, ledger.Hold(session)));
    }

    private static void OneOverrun(AuditedLedger ledger)
    {
        long session = ledger.Open();
        ledger.Commit(session, ledger.Hold(session), input: 1000, output: 2000);
    }

    private static void OneLateCharge(AuditedLedger ledger)
    {
        long session = ledger.Open();
        long reservation = ledger.Hold(session);
        ledger.End(session);
        ledger.Commit(session, reservation);
    }

    private static void OneRelease(AuditedLedger ledger)
    {
        long session = ledger.Open();
        ledger.Release(session, ledger.Hold(session));
    }

    private static void OneExpiry(AuditedLedger ledger)
    {
        OneHold(ledger);
        ledger.Advance(TimeSpan.FromMinutes(10));
    }

    private static void ChargedExpiry(AuditedLedger ledger)
    {
        ledger.Hold(ledger.Open(), request => request.OnExpiry = OnExpiry.Charge);
        ledger.Advance(TimeSpan.FromMinutes(10));
    }

    private static void CommittedAfterCharge(AuditedLedger ledger)
    {
        long session = ledger.Open();
        long reservation = ledger.Hold(session, request => request.OnExpiry = OnExpiry.Charge);
        ledger.Advance(TimeSpan.FromMinutes(10));
        ledger.Commit(session, reservation);
    }

    private static void OneRefusal(AuditedLedger ledger)
    {
        TwoCharges(ledger);
        ledger.Reserve(ledger.Open(), request => request.Estimate = AuditedLedger.Input(2_000_000));
    }

    private static void OneEnd(AuditedLedger ledger)
    {
        long session = ledger.Open();
        ledger.Commit(session, ledger.Hold(session));
        ledger.Hold(session);
        ledger.End(session);
    }

    private static void OneClose(AuditedLedger ledger)
    {
        OneEnd(ledger);
        ledger.Advance(TimeSpan.FromSeconds(30));
    }

    private static void OneExtension(AuditedLedger ledger)
    {
        OneHold(ledger);
        ledger.Extend(Promo, 1);
    }

    private static void OnePatch(AuditedLedger ledger) => ledger.Patch(
        put =>
        {
            Agent editor = AuditedLedger.Catalog().Agents[0];
            editor.Id = "editor";
            put.Agents.Add(editor);
        },
        "skus/" + Minute);

    private static void SecondCatalog(AuditedLedger ledger) =>
        ledger.Apply(catalog => catalog.BusinessUnits[0].Budget = new Budget { Limit = Dollars(50) });

    private static void NextMonth(AuditedLedger ledger)
    {
        OneCharge(ledger);
        ledger.End(ledger.Journal.First(Is.Opened).Sequence);
        ledger.Now = new DateTime(2026, 11, 30, 23, 0, 0, DateTimeKind.Utc).ToTimestamp().Seconds * 1_000_000_000;
        ledger.Advance(TimeSpan.Zero);
    }

    private static void AboveSoftCap(AuditedLedger ledger) =>
        ledger.Hold(ledger.Open(), request => request.Estimate = AuditedLedger.Input(1_050_000));

    private static void Half(AuditedLedger ledger)
    {
        long session = ledger.Open();
        long reservation =
            ledger.Hold(session, request => request.Estimate = AuditedLedger.Input(520_000));
        ledger.Commit(session, reservation, input: 520_000, output: 0);
    }

    private static void LongSessions(Catalog catalog) =>
        catalog.Agents[0].SessionTtl = catalog.Agents[0].SessionLifetime = Duration.FromTimeSpan(TimeSpan.FromDays(30));

    private static void Twice(Action act)
    {
        act();
        act();
    }

    private static Action<List<LedgerEvent>> Last(Action<LedgerEvent> spoil) => journal => spoil(journal[^1]);

    private static Action<List<LedgerEvent>> Last(Action<List<LedgerEvent>, LedgerEvent> spoil) =>
        journal => spoil(journal, journal[^1]);

    // The ceilings that the session was opened with are lower than the ledger thought.
    private static Action<List<LedgerEvent>> Ceiling(Action<Ceilings> lower) =>
        journal => lower(journal.First(Is.Opened).SessionOpened.Ceilings);

    // Something that happened is written once more at the end, as if somebody had asked again.
    private static Action<List<LedgerEvent>> Again(Predicate<LedgerEvent> isIt) => journal =>
    {
        LedgerEvent copy = journal.Find(isIt)!.Clone();
        copy.Sequence = journal[^1].Sequence + 1;
        copy.Time = journal[^1].Time;
        if (copy.RequestId.Length > 0) copy.RequestId = "again";
        journal.Add(copy);
    };

    private static void Drop(List<LedgerEvent> journal, Predicate<LedgerEvent> isIt)
    {
        journal.RemoveAt(journal.FindIndex(isIt));
        for (int i = 0; i < journal.Count; i++) journal[i].Sequence = i + 1;
    }

    private static class Is
    {
        public static bool Catalog(LedgerEvent e) => e.CatalogApplied is not null;

        public static bool Extended(LedgerEvent e) => e.BudgetExtended is not null;

        public static bool PeriodEnded(LedgerEvent e) => e.PeriodEnded is not null;

        public static bool Opened(LedgerEvent e) => e.SessionOpened is not null;

        public static bool Ended(LedgerEvent e) => e.SessionEnded is { State: not State.Unspecified };

        public static bool Held(LedgerEvent e) => e.ReservationHeld is not null;

        public static bool Committed(LedgerEvent e) => Settled(e) && e.RequestId.Length > 0;

        public static bool Settled(LedgerEvent e) => e.ReservationSettled is not null;

        public static bool Released(LedgerEvent e) => e.ReservationReleased is not null;

        public static bool Expired(LedgerEvent e) => e.ReservationExpired is not null;
    }
}
