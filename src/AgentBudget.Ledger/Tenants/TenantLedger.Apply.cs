using AgentBudget.Ledger.Agents;
using AgentBudget.Ledger.Approvals;
using AgentBudget.Ledger.Budgets;
using AgentBudget.Ledger.Catalogs;
using AgentBudget.Ledger.Credentials;
using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Requests;
using AgentBudget.Ledger.Reservations;
using AgentBudget.Ledger.Sessions;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;
using Google.Protobuf.Collections;
using Dispute = AgentBudget.Ledger.Disputes.Dispute;
using Reservation = AgentBudget.Ledger.Reservations.Reservation;

namespace AgentBudget.Ledger;

// How an event changes the state: the only place where it changes, live and in replay.
public sealed partial class TenantLedger
{
    private void ApplyCore(LedgerEvent ledgerEvent, SessionAccount? session)
    {
        long timeNanos = LogTime.FromTimestamp(ledgerEvent.Time);
        Invariant.Holds(ledgerEvent.Sequence == Sequence + 1);
        Invariant.Holds(timeNanos >= LogTimeNanos);
        Sequence = ledgerEvent.Sequence;
        LogTimeNanos = timeNanos;
        if (session is not null && _sessions.ContainsKey(session.Number)
            && session.RetentionDeadline.TimeNanos <= timeNanos
            && session.RetentionDeadline.Place != Deadline.NotQueued)
        {
            // A late commit of what this very event's time archives: it finds the session as any later one does.
            _retention.Remove(session.RetentionDeadline);
            Forget(session);
        }

        // A catalog leads the paths of sessions anew: of those that are still known.
        if (ledgerEvent.FactCase is LedgerEvent.FactOneofCase.CatalogApplied
            or LedgerEvent.FactOneofCase.CatalogPatched)
        {
            Forget();
        }

        Operation operation = ApplyFact(ledgerEvent, session);
        Remember(operation, ledgerEvent, session);
        Forget();
    }

    // Answers which request's key the event carries.
    private Operation ApplyFact(LedgerEvent ledgerEvent, SessionAccount? session)
    {
        switch (ledgerEvent.FactCase)
        {
            case LedgerEvent.FactOneofCase.ReservationHeld:
                Reserve.Apply(this, ledgerEvent, session!);
                return Operation.Reserve;
            case LedgerEvent.FactOneofCase.ReservationRefused:
                return Refuse.Apply(ledgerEvent.ReservationRefused, session!, LogTimeNanos);
            case LedgerEvent.FactOneofCase.ToolAuthorized:
                AuthorizeTool.Apply(ledgerEvent.ToolAuthorized, session!);
                return Operation.AuthorizeTool;
            case LedgerEvent.FactOneofCase.ReservationSettled:
                Commit.Apply(this, ledgerEvent, session!);
                return Operation.Commit;
            case LedgerEvent.FactOneofCase.ReservationReleased:
                Release.Apply(this, ledgerEvent);
                return Operation.Release;
            case LedgerEvent.FactOneofCase.ReservationExpired:
                Expire.Apply(this, ledgerEvent);
                return Operation.Release;
            case LedgerEvent.FactOneofCase.ReservationAmended:
                Amend.Apply(this, ledgerEvent.ReservationAmended, session!);
                return Operation.Amend;
            case LedgerEvent.FactOneofCase.CostRecorded:
                RecordCost.Apply(this, ledgerEvent.CostRecorded, session!);
                return Operation.RecordCost;
            case LedgerEvent.FactOneofCase.SessionOpened:
                Open.Apply(this, ledgerEvent);
                return Operation.Open;
            case LedgerEvent.FactOneofCase.SessionRenewed:
                Renew.Apply(this, ledgerEvent, session!);
                return Operation.Renew;
            case LedgerEvent.FactOneofCase.SessionEnded:
                End.Apply(this, ledgerEvent, session!);
                return ledgerEvent.SessionEnded.State == Session.Types.State.Revoked ? Operation.Revoke : Operation.End;
            case LedgerEvent.FactOneofCase.SessionClosed:
                End.ApplyClosed(this, ledgerEvent, session!);
                return Operation.End;
            case LedgerEvent.FactOneofCase.SessionSuspended:
            case LedgerEvent.FactOneofCase.SessionResumed:
            case LedgerEvent.FactOneofCase.RefusalsCoalesced:
            case LedgerEvent.FactOneofCase.BreakerTripped:
            case LedgerEvent.FactOneofCase.BreakerReset:
                return ApplySuspensionFact(ledgerEvent, session!);
            case LedgerEvent.FactOneofCase.CatalogApplied:
                ApplyCatalog.Apply(this, ledgerEvent.CatalogApplied, ledgerEvent.Sequence);
                return Operation.ApplyCatalog;
            case LedgerEvent.FactOneofCase.CatalogPatched:
                PatchCatalog.Apply(this, ledgerEvent.CatalogPatched, ledgerEvent.Sequence);
                return Operation.PatchCatalog;
            default:
                return ApplyBudgetFact(ledgerEvent);
        }
    }

    // Suspension, breakers and what they count.
    private Operation ApplySuspensionFact(LedgerEvent ledgerEvent, SessionAccount session)
    {
        switch (ledgerEvent.FactCase)
        {
            case LedgerEvent.FactOneofCase.SessionSuspended:
                Suspend.Apply(ledgerEvent.SessionSuspended, session);
                return Operation.Suspend;
            case LedgerEvent.FactOneofCase.SessionResumed:
                Suspend.Resume(this, session);
                return Operation.Resume;
            case LedgerEvent.FactOneofCase.RefusalsCoalesced:
                session.CountRefusals(ledgerEvent.RefusalsCoalesced.Count, LogTimeNanos);
                return Operation.Reserve;
            case LedgerEvent.FactOneofCase.BreakerTripped:
                Trip.Apply(this, ledgerEvent.BreakerTripped, session);
                return Operation.ResetBreaker;
            case LedgerEvent.FactOneofCase.BreakerReset:
                Trip.Apply(this, ledgerEvent.BreakerReset, session);
                return Operation.ResetBreaker;
            default:
                throw new InvariantException($"event {ledgerEvent.Sequence} states no fact of a suspension");
        }
    }

    private void Remember(Operation operation, LedgerEvent ledgerEvent, SessionAccount? session)
    {
        if (ledgerEvent.RequestId.Length == 0) return;
        string principal = Principals.Of(ledgerEvent);
        // What a session asks for by its own token is kept with it: that is the one above the subagent it opens.
        if (session is null && Names.TryParseSession(principal, out _)) session = SessionOf(principal);
        bool isTenants = session is null;
        (isTenants ? Requests : session!.Requests).Add(
            principal,
            RequestKey.For(operation, ledgerEvent.RequestId),
            ContentSha.Of(ledgerEvent),
            ledgerEvent.Sequence,
            LogTimeNanos,
            isTenants ? LogTimeNanos - RequestLog.RetentionNanos : long.MinValue);
    }

    // Memory follows log time: whatever the last event's time allows to forget is forgotten with that event.
    private void Forget()
    {
        while (_retention.NextNanos <= LogTimeNanos)
        {
            Deadline due = _retention.First;
            _retention.Remove(due);
            if (due.Owner is CredentialRecord credential) Credentials.Remove(credential);
            else if (due.Owner is RevokedToken token) Credentials.Remove(token);
            else if (due.Owner is RevokedUser revoked) Credentials.Remove(revoked);
            else if (due.Owner is UserAccount user) Forget(user);
            else if (due.Owner is ExtensionAsked extension) Extensions.Remove(extension);
            else Forget((SessionAccount)due.Owner);
        }
    }

    // A session is forgotten but for its holds that can be committed late, then as a whole. One above another that is
    // kept is kept with it: it is on its path.
    private void Forget(SessionAccount session)
    {
        Invariant.Holds(session.OpenHolds == 0);
        bool wasKnown = _sessions.Remove(session.Number);
        if (wasKnown)
        {
            if (session.RefusalWindow is { } window) _deadlines.Remove(window.Deadline);
            session.Archive(LogTimeNanos);
            MakeRoomFor(session);
            Archive(session);
        }
        else
        {
            session.ForgetRetired();
        }

        if (session.Retired is { } retired)
            _retention.Set(session.RetentionDeadline, retired.ForgetNanos);
        else DropIfUnused(session);
    }

    private void DropIfUnused(SessionAccount session)
    {
        if (session.Sessions > 0 || session.Retired is not null || !Unarchive(session)) return;
        foreach (Account account in session.Path[1..])
        {
            account.Sessions--;
            if (account is not SessionAccount) DropIfUnused(account);
        }

        if (session.Parent is { } parent) DropIfUnused(parent);
    }

    internal void DropIfUnused(Account account)
    {
        if (account is UserAccount user)
        {
            DropIfUnused(user);
            return;
        }

        // A budget on models is on nobody's path once the catalog does not name it.
        bool isKept = account is not ModelAccount
            && (account.Sessions > 0 || account is AgentAccount { Standing: not Standing.Active });
        if (account.IsInCatalog || isKept) return;
        RemoveBudgetDeadlines(account);
        _accounts.Remove(account.Name);
    }

    internal void AddReservation(LedgerEvent ledgerEvent, SessionAccount session, PriceBook book)
    {
        Invariant.Holds(ReferenceEquals(book, Catalog.Book));
        _reservations.Add(new Reservation(
            ledgerEvent.Sequence,
            session,
            book,
            ledgerEvent.ReservationHeld,
            ledgerEvent.Principal,
            LogTimeNanos));
    }

    /// <summary>Who took a hold that is held or given back.</summary>
    internal string HolderOf(long number, SessionAccount session)
    {
        if (_reservations.TryGet(number, out Reservation held)) return held.Principal;
        bool isKnown = session.TryFindRetired(number, LogTimeNanos, out Reservation retired);
        Invariant.Holds(isKnown);
        return retired.Principal;
    }

    /// <summary>The accounts of a path that others spend on too: use case, business unit, tenant.</summary>
    internal Account[] SharedOf(Spender spender) =>
        [AccountOf(spender.UseCase), AccountOf(spender.BusinessUnit), Tenant];

    /// <summary>Usage is in dispute from now on; its accounts stay as long.</summary>
    internal void Add(Dispute dispute)
    {
        _disputes.Add(dispute.Number, dispute);
        AccountOf(dispute.Spender.Agent).Sessions++;
        foreach (Account account in SharedOf(dispute)) Enter(account);
    }

    /// <summary>
    /// The same of one that is new: a budget of its user that the catalog names no longer stays for former disputes,
    /// and is on no path.
    /// </summary>
    internal void Add(Dispute dispute, SessionAccount session)
    {
        foreach (Account account in SharedOf(dispute))
        {
            if (account is not UserAccount user || Array.IndexOf(session.Users, user) >= 0) continue;
            foreach (Window window in user.Windows) window.StartDispute(dispute.Disputed);
        }

        Add(dispute);
    }

    /// <summary>It was decided.</summary>
    internal void Remove(Dispute dispute)
    {
        _disputes.Remove(dispute.Number);
        foreach (Account account in SharedOf(dispute).Append(AccountOf(dispute.Spender.Agent)))
        {
            account.Sessions--;
            DropIfUnused(account);
        }
    }

    /// <summary>The hold was changed: its deadline and its price book with it.</summary>
    internal void AmendReservation(ReservationAmended amended)
    {
        ref Reservation reservation = ref _reservations[amended.Reservation];
        if (amended.Estimate is not null) LeaveBook(reservation.Book);
        reservation.Amend(amended, BookOf(amended.PriceVersion), LogTimeNanos);
        Invariant.Holds(amended.Estimate is null || ReferenceEquals(reservation.Book, Catalog.Book));
        _reservations.MoveExpiry(amended.Reservation);
    }

    /// <summary>
    /// What was settled of a hold is no longer held. False when it was given back before: then it is in its session's
    /// memory, and nothing was held of it.
    /// </summary>
    internal bool Settle(ReservationSettled settled, in Spend unheld, SessionAccount session, bool isAsked)
    {
        ReservationSettled? before = settled.Cumulative ? session.SettledPartsOf(settled.Reservation) : null;
        long more = settled.Tokens - (before?.Tokens ?? 0);
        if (!_reservations.TryGet(settled.Reservation, out _))
        {
            Invariant.Holds(unheld == default);
            Invariant.Holds(session.TryFindRetired(settled.Reservation, LogTimeNanos, out _));
            session.Retired!.CountLate(settled.Reservation, more, settled.Final, LogTimeNanos);
            return false;
        }

        ref Reservation reservation = ref _reservations[settled.Reservation];
        // An estimate that is charged says nothing of what the call used.
        reservation.Reduce(unheld, isAsked ? more : 0);
        if (!settled.Final) reservation.ReduceEstimate(Reservations.SettledSoFar.MoreThan(before, settled.Usage));
        return true;
    }

    /// <summary>The hold is no more.</summary>
    internal void RemoveReservation(long number)
    {
        LeaveBook(_reservations[number].Book);
        _reservations.Remove(number);
    }

    /// <summary>The hold with this number.</summary>
    internal ref readonly Reservation ReservationOf(long number) => ref _reservations[number];

    /// <summary>A session's holds, the newest first.</summary>
    internal IEnumerable<Reservation> ReservationsOf(SessionAccount session) => _reservations.Of(session);

    internal Account AccountOf(string name)
    {
        bool isKnown = _accounts.TryGetValue(name, out Account? account);
        Invariant.Holds(isKnown);
        return account!;
    }

    /// <summary>A window of an account of the catalog; the first where none is named.</summary>
    internal Window WindowOf(string account, string window)
    {
        Window? found = AccountOf(account).FindWindow(window);
        Invariant.Holds(found is not null);
        return found!;
    }

    /// <summary>The owners of these tiers are told with the event; they are not told again.</summary>
    internal void MarkNotified(RepeatedField<TierCrossing> crossings)
    {
        for (int index = 0; index < crossings.Count; index++)
        {
            TierCrossing crossing = crossings[index];
            WindowOf(crossing.Grain, crossing.Window).MarkNotified(crossing.AtPercent);
        }
    }

    internal Account GetOrAdd(string name, Func<string, Account> create)
    {
        if (!_accounts.TryGetValue(name, out Account? account)) _accounts.Add(name, account = create(name));
        return account;
    }

    internal void AddSession(SessionAccount session)
    {
        _sessions.Add(session.Number, session);
        foreach (Account account in session.Path[1..]) Enter(account);
        if (!session.IsOpen) return;
        OpenSessions++;
        session.Agent.OpenSessions++;
        session.Enter();
    }

    private void RestoreArchived(SessionAccount session)
    {
        Archive(session);
        foreach (Account account in session.Path[1..]) Enter(account);
    }

    internal void EndSession(SessionAccount session)
    {
        OpenSessions--;
        session.Agent.OpenSessions--;
        _deadlines.Set(session.Deadline, session.GraceEndNanos);
    }

    internal void CloseSession(SessionAccount session)
    {
        session.Close();
        _deadlines.Remove(session.Deadline);
        _retention.Set(session.RetentionDeadline, LogTimeNanos + RequestLog.RetentionNanos);
    }

    internal void Add(CredentialRecord credential)
    {
        Credentials.Add(credential);
        if (credential.EndNanos < long.MaxValue) Retain(credential);
    }

    internal void Add(RevokedToken token)
    {
        Credentials.Add(token);
        _retention.Set(token.RetentionDeadline, token.ExpireNanos);
    }

    // The last end of a user's tokens is the latest: log time never goes back.
    internal void Add(RevokedUser user)
    {
        if (Credentials.FindRevoked(user.User) is { } before) _retention.Remove(before.RetentionDeadline);
        Credentials.Add(user);
        _retention.Set(user.RetentionDeadline, user.UntilNanos + RevokedUser.RetentionNanos);
    }

    internal void Revoke(long credential, string reason)
    {
        CredentialRecord revoked = Credentials.Of(credential);
        revoked.Revoke(LogTimeNanos, reason);
        Retain(revoked);
    }

    // An end beyond what log time can count is none.
    private void Retain(CredentialRecord credential)
    {
        if (credential.EndNanos <= long.MaxValue - RequestLog.RetentionNanos)
            _retention.Set(credential.RetentionDeadline, credential.EndNanos + RequestLog.RetentionNanos);
    }

    /// <summary>What a session has not told of its refusals is told in time, and before it is forgotten.</summary>
    internal void SetRefusalDeadline(SessionAccount session)
    {
        RefusalWindow window = session.RefusalWindow!;
        if (window.Deadline.Place != Deadline.NotQueued) return;
        bool isClosed = session.RetentionDeadline.Place != Deadline.NotQueued;
        long forgetNanos = isClosed ? session.RetentionDeadline.TimeNanos : long.MaxValue;
        _deadlines.Set(window.Deadline, Math.Min(window.WindowEndNanos, forgetNanos));
    }

    internal void SetDeadline(Deadline deadline, long timeNanos)
    {
        if (timeNanos == 0) _deadlines.Remove(deadline);
        else _deadlines.Set(deadline, timeNanos);
    }

    internal void SetBudgetDeadlines(Window window) => window.SetDeadlines(_deadlines);

    internal void RemoveBudgetDeadlines(Account account)
    {
        foreach (Window window in account.Windows) window.RemoveDeadlines(_deadlines);
    }

    internal void SetCatalog(CatalogModel catalog)
    {
        PriceBook before = Catalog.Book;
        Catalog = catalog;
        if (before.Version == catalog.Book.Version) return;
        int reservations = _reservations.CountOf(before);
        if (reservations > 0) _olderBooks.Add(before.Version, new BookInUse(before) { Reservations = reservations });
    }

    internal PriceBook BookOf(long version)
    {
        if (version == Catalog.Book.Version) return Catalog.Book;
        bool isKnown = _olderBooks.TryGetValue(version, out BookInUse? inUse);
        Invariant.Holds(isKnown);
        return inUse!.Book;
    }

    private void LeaveBook(PriceBook book)
    {
        if (_olderBooks.Count == 0 || !_olderBooks.TryGetValue(book.Version, out BookInUse? inUse)) return;
        if (--inUse.Reservations == 0) _olderBooks.Remove(book.Version);
    }
}
