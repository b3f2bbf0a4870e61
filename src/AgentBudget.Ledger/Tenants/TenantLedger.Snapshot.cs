using AgentBudget.Ledger.Agents;
using AgentBudget.Ledger.Approvals;
using AgentBudget.Ledger.Budgets;
using AgentBudget.Ledger.BusinessUnits;
using AgentBudget.Ledger.Catalogs;
using AgentBudget.Ledger.Credentials;
using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Requests;
using AgentBudget.Ledger.Sessions;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Ledger.UseCases;
using AgentBudget.Protocol.Snapshot.V1;
using Google.Protobuf;
using Dispute = AgentBudget.Ledger.Disputes.Dispute;
using Reservation = AgentBudget.Ledger.Reservations.Reservation;

namespace AgentBudget.Ledger;

// The whole state as bytes and back. Holds are summed from the reservations on the way in, so a snapshot cannot
// disagree with itself about them.
public sealed partial class TenantLedger
{
    /// <summary>The state after the last event as bytes; equal states give equal bytes.</summary>
    public byte[] Snapshot() => Capture().ToBytes();

    /// <summary>The state after the last event, whose bytes can be made while the ledger goes on.</summary>
    public LedgerSnapshot Capture()
    {
        CheckInvariants();
        var state = new TenantState
        {
            Tenant = TenantId,
            Sequence = Sequence,
            LogTimeNanos = LogTimeNanos,
            Catalog = Catalog.IsApplied ? Catalog.Applied : null,
            CatalogVersion = Catalog.Version,
            Credentials = Credentials.ToState(Sequence),
            LastRerating = LastRerating,
        };
        foreach ((long number, Spend by) in _adjusted)
        {
            state.Adjusted.Add(new AdjustedReservationState
            {
                Reservation = number,
                Nanos = by.CostNanos,
                Tokens = by.Tokens,
            });
        }

        foreach (Account account in _accounts.Values.OrderBy(account => account.Name, StringComparer.Ordinal))
        {
            foreach (Window window in account.Windows) state.Grains.Add(window.ToState());
            if (account.History is { IsEmpty: false } history) state.Histories.Add(history.ToState(account.Name));
            foreach (Window window in account.Windows)
            {
                if (window.StartedOver is not { IsEmpty: false } before) continue;
                SpendHistoryState startedOver = before.ToState(account.Name);
                (startedOver.Window, startedOver.StartedOver) = (window.Name, true);
                state.Histories.Add(startedOver);
            }

            if (account is UserAccount user && (user.Sessions == 0 || OpenerOf(user).Length > 0))
            {
                state.Users.Add(new UserState
                {
                    Grain = user.Name,
                    ForgetNanos = user.Sessions == 0 ? user.RetentionDeadline.TimeNanos : 0,
                    OpenedBy = OpenerOf(user),
                });
            }

            if (account is not AgentAccount agent) continue;
            var agentState = new AgentState
            {
                Standing = StandingOf(agent.Standing),
                OpenedInMinute = agent.OpenedAt(LogTimeNanos),
            };
            agent.TakeSuspensions(agentState, LogTimeNanos);
            if (agentState.CalculateSize() == 0) continue;
            agentState.Agent = agent.Name;
            state.Agents.Add(agentState);
        }

        foreach (Dispute dispute in _disputes.Values) state.Disputes.Add(dispute.ToState());
        state.AutoApproved.AddRange(Extensions.ApprovedStates);
        foreach (ExtensionAsked extension in Extensions.All.Values) state.ExtensionRequests.Add(extension.ToState());
        var snapshot = new LedgerSnapshot(
            state, _reservations.Take(), Requests.Take(LogTimeNanos - RequestLog.RetentionNanos));
        snapshot.Add(Catalog.Book);
        foreach (BookInUse inUse in _olderBooks.Values) snapshot.Add(inUse.Book);
        foreach (SessionAccount session in SessionsAndArchived.OrderBy(owner => owner.Number))
        {
            IReadOnlyList<TakenRequests> requests = session.Requests.Take(forgetBeforeNanos: long.MinValue);
            if (session.Retired is { } retired) snapshot.Add(ToState(session), requests, retired);
            else snapshot.Add(ToState(session), requests);
        }

        return snapshot;
    }

    // An agent that was removed and forgotten has no share any more; one of its name that comes back is another.
    private string OpenerOf(UserAccount user) =>
        user.OpenedBy is { } agent && ReferenceEquals(_accounts.GetValueOrDefault(agent.Name), agent) ? agent.Name : "";

    /// <summary>
    /// The ledger that <see cref="Snapshot"/> gave these bytes of. Throws <see cref="InvariantException"/> or
    /// <see cref="InvalidProtocolBufferException"/> if they are of another format, tenant, or no whole state.
    /// </summary>
    public static TenantLedger Restore(string tenant, ReadOnlySpan<byte> snapshot)
    {
        Invariant.Holds(snapshot.Length > 0 && snapshot[0] == LedgerSnapshot.Format);
        TenantState state = TenantState.Parser.ParseFrom(snapshot[1..]);
        Invariant.Holds(state.Tenant == tenant);
        var ledger = new TenantLedger(tenant);
        ledger.FromState(state);
        ledger.CheckInvariants();
        return ledger;
    }

    /// <summary>
    /// Recomputes every sum from its leaves and compares: what each account holds is what the reservations on it hold,
    /// and counts are counts. Throws <see cref="InvariantException"/>. Takes time with the number of reservations and
    /// sessions.
    /// </summary>
    public void CheckInvariants()
    {
        var held = new Dictionary<Account, Total>(ReferenceEqualityComparer.Instance);
        foreach ((SessionAccount session, Total spend) in _reservations.SumBySession())
        {
            foreach (Account account in session.Path) held[account] = held.GetValueOrDefault(account) + spend;
            if (session.Families.Length > 0) AddHeldOnModels(session, held);
        }

        var disputed = new Dictionary<Account, Total>(ReferenceEqualityComparer.Instance);
        foreach (Dispute dispute in _disputes.Values)
        {
            foreach (Account account in SharedOf(dispute))
                disputed[account] = disputed.GetValueOrDefault(account) + Total.Of(dispute.Disputed);
        }

        Invariant.Holds(_sessions.Values.Count(session => session.IsOpen) == OpenSessions);
        Invariant.Holds(_sessions.Values.Sum(session => session.OpenHolds) == OpenReservations);
        Invariant.Holds(_accounts.Values.OfType<AgentAccount>().Sum(agent => agent.OpenHolds) == OpenReservations);
        Invariant.Holds(_accounts.Values.OfType<AgentAccount>().Sum(agent => agent.OpenSessions) == OpenSessions);
        Invariant.Holds(
            _sessions.Values.Sum(session => session.OpenSubagents)
            == _sessions.Values.Where(session => session.IsOpen).Sum(session => (long)session.Depth));
        foreach (Account account in _accounts.Values.Concat(_sessions.Values))
        {
            Total sum = held.GetValueOrDefault(account);
            foreach (Window window in account.Windows)
            {
                Invariant.Holds(window.HeldNanos == sum.Nanos);
                Invariant.Holds(window.HeldTokens == sum.Tokens);
                Total inDispute = disputed.GetValueOrDefault(account);
                Invariant.Holds(window.DisputedNanos == inDispute.Nanos);
                Invariant.Holds(window.DisputedTokens == inDispute.Tokens);
                Invariant.Holds(window.SettledNanos <= window.LifetimeNanos);
                Invariant.Holds(window.OverrunNanos <= window.SettledNanos);
            }
        }
    }

    private void AddHeldOnModels(SessionAccount session, Dictionary<Account, Total> held)
    {
        foreach (Reservation reservation in _reservations.Of(session))
        {
            foreach (ModelAccount family in session.Families.Where(family => family.Counts(reservation.Model)))
                held[family] = held.GetValueOrDefault(family) + Total.Of(reservation.Held);
        }
    }

    private SessionState ToState(SessionAccount session) => new()
    {
        Number = session.Number,
        Spender = session.Spender,
        Opened = session.Opened,
        OpenNanos = session.OpenNanos,
        State = session.State,
        ExpireNanos = session.ExpireNanos,
        EndNanos = session.EndNanos,
        GraceEndNanos = session.GraceEndNanos,
        ForgetNanos = session.RetentionDeadline.Place == Deadline.NotQueued ? 0 : session.RetentionDeadline.TimeNanos,
        Outcome = session.Outcome,
        Reason = session.EndReason,
        Budget = session.Window.ToState(),
        Steps = session.Steps,
        ToolCalls = session.ToolCalls,
        Refused = session.Refused,
        Subagents = session.Subagents,
        Ending = session.Ending,
        SuspendedBy = session.SuspendedBy,
        Breakers = session.BreakerCounts?.ToState(),
        ExpiryCharges = { session.ExpiryCharges(LogTimeNanos) },
        SettledParts =
        {
            session.SettledParts(number =>
                _reservations.TryGet(number, out _) || session.TryFindRetired(number, LogTimeNanos, out _)),
        },
        Archived = _archived.ContainsKey(session.Number),
    };

    private void FromState(TenantState state)
    {
        Sequence = state.Sequence;
        LogTimeNanos = state.LogTimeNanos;
        LastRerating = state.LastRerating;
        foreach (AdjustedReservationState adjusted in state.Adjusted)
            AddAdjustment(adjusted.Reservation, adjusted.Nanos, adjusted.Tokens);
        Requests.Restore(state.RequestLogs, state.Requests);
        var books =
            state.PriceBooks.ToDictionary(
                book => book.Version,
                book => new PriceBook(
                    book.Version, book.Prices, book.Skus, book.Tools, book.RegionalMultipliers));
        if (state.Catalog is not null)
        {
            Catalog = new CatalogModel(state.Catalog, state.CatalogVersion, books[state.Catalog.PriceVersion]);
            AccountConfiguration.OfAll(this, state.Catalog.Catalog, state.Catalog.PeriodEnds);
        }

        foreach (BudgetState budget in state.Grains)
        {
            Account account = GetOrAdd(budget.Grain, NewAccount);
            Window? window = account.FindWindow(budget.Window);
            Invariant.Holds(window is not null);
            window!.Restore(budget);
            SetBudgetDeadlines(window);
        }

        foreach (SpendHistoryState history in state.Histories)
        {
            Account account = AccountOf(history.Grain);
            if (!history.StartedOver) account.History!.Restore(history);
            else account.FindWindow(history.Window)!.RestoreStartedOver(history);
        }

        // A state of a former release does not say when what it counts was settled: as of now is never too short.
        foreach (Account account in _accounts.Values)
        {
            var settled = new Spend(
                WideSum.Capped(account.Window.LifetimeNanos), WideSum.Capped(account.Window.LifetimeTokens));
            if (account.History is { IsEmpty: true } && settled != default)
                account.History.Add(LogTimeNanos, settled, overrun: default);
        }

        foreach (AgentState agent in state.Agents)
        {
            var account = (AgentAccount)AccountOf(agent.Agent);
            account.Standing = StandingOf(agent.Standing);
            account.RestoreOpened(LogTimeNanos, agent.OpenedInMinute);
            account.RestoreSuspensions(agent, LogTimeNanos);
        }

        if (state.Credentials is not null) Restore(state.Credentials);
        RestoreOpenQuestions(state);
        foreach (SessionState session in state.Sessions) Restore(session, books);
        foreach (UserState user in state.Users)
        {
            var account = (UserAccount)AccountOf(user.Grain);
            if (user.ForgetNanos > 0) _retention.Set(account.RetentionDeadline, user.ForgetNanos);
            if (user.OpenedBy.Length > 0 && account.OpenedBy is null)
                account.Open((AgentAccount)AccountOf(user.OpenedBy));
        }

        foreach (ReservationState reservation in state.Reservations)
            Restore(reservation, books[reservation.PriceVersion]);
    }

    private void Restore(CredentialBookState book)
    {
        foreach (CredentialState credential in book.Credentials) Add(new CredentialRecord(credential));
        foreach (RevokedTokenState token in book.RevokedTokens)
            Add(new RevokedToken(token.TokenId, token.Credential, token.ExpireNanos));
        foreach (RevokedUserState user in book.RevokedUsers) Add(new RevokedUser(user.User, user.UntilNanos));
    }

    // What waits for somebody's decision, and what was decided a short while ago.
    private void RestoreOpenQuestions(TenantState state)
    {
        foreach (DisputeState dispute in state.Disputes) Add(new Dispute(dispute));
        foreach (AutoApprovedState approved in state.AutoApproved) Extensions.Restore(approved);
        foreach (ExtensionRequestState extension in state.ExtensionRequests) Add(new ExtensionAsked(extension));
    }

    private void Restore(SessionState state, IReadOnlyDictionary<long, PriceBook> books)
    {
        SessionAccount session = Open.NewSession(this, state.Number, state.Spender, state.Opened, state.OpenNanos);
        session.LeadOver(UsersOf(state.Spender, static (_, _) => default));
        session.Restore(state, books);
        if (state.Archived) RestoreArchived(session);
        else AddSession(session);
        if (state.Archived && state.ForgetNanos == 0) return; // Kept for one below it.
        if (state.ForgetNanos != 0) _retention.Set(session.RetentionDeadline, state.ForgetNanos);
        else if (!session.IsOpen) _deadlines.Set(session.Deadline, session.GraceEndNanos);
        else _deadlines.Set(session.Deadline, session.Ending is null ? session.ExpireNanos : LogTimeNanos);
    }

    private void Restore(ReservationState state, PriceBook book)
    {
        bool isKnown = _sessions.TryGetValue(state.Session, out SessionAccount? session);
        Invariant.Holds(isKnown);
        var reservation = new Reservation(state, session!, book);
        _reservations.Add(reservation);
        if (book.Version != Catalog.Book.Version)
        {
            if (!_olderBooks.TryGetValue(book.Version, out BookInUse? inUse))
                _olderBooks.Add(book.Version, inUse = new BookInUse(book));
            inUse.Reservations++;
        }

        foreach (Account account in session!.PathOf(reservation.Model)) account.RestoreHold(reservation.Held);
    }

    private static AgentState.Types.Standing StandingOf(Standing standing) => standing switch
    {
        Standing.Active => AgentState.Types.Standing.Unspecified,
        Standing.Suspended => AgentState.Types.Standing.Suspended,
        Standing.Decommissioned => AgentState.Types.Standing.Decommissioned,
    };

    private static Standing StandingOf(AgentState.Types.Standing standing) => standing switch
    {
        AgentState.Types.Standing.Unspecified => Standing.Active,
        AgentState.Types.Standing.Suspended => Standing.Suspended,
        AgentState.Types.Standing.Decommissioned => Standing.Decommissioned,
    };

    private Account NewAccount(string name)
    {
        if (Names.TryParsePart(name, out string owner, out string infix, out string part))
        {
            Invariant.Holds(infix == Names.UsersInfix);
            var user = new UserAccount(name, AccountOf(owner), part);
            user.IsInCatalog = user.Of.UserLimits.Of(part).Count > 0;
            if (user.IsInCatalog) Configure(user, static (_, _) => default);
            KnownUserBudgets++;
            return user;
        }

        if (name.StartsWith(Names.BusinessUnitPrefix, StringComparison.Ordinal)) return new BusinessUnitAccount(name);
        if (name.StartsWith(Names.UseCasePrefix, StringComparison.Ordinal)) return new UseCaseAccount(name);
        Invariant.Holds(name.StartsWith(Names.AgentPrefix, StringComparison.Ordinal));
        return new AgentAccount(name);
    }
}
