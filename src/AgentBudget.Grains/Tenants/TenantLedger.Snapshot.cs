using AgentBudget.Grains.Agents;
using AgentBudget.Grains.Budgets;
using AgentBudget.Grains.BusinessUnits;
using AgentBudget.Grains.Catalogs;
using AgentBudget.Grains.Credentials;
using AgentBudget.Grains.Prices;
using AgentBudget.Grains.Reservations;
using AgentBudget.Grains.Sessions;
using AgentBudget.Grains.Tenants;
using AgentBudget.Grains.UseCases;
using AgentBudget.Protocol.Snapshot.V1;
using Google.Protobuf;
using Reservation = AgentBudget.Grains.Reservations.Reservation;

namespace AgentBudget.Grains;

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
            Credentials = Credentials.ToState(Sequence),
        };
        foreach (Grain grain in _grains.Values.OrderBy(grain => grain.Name, StringComparer.Ordinal))
        {
            foreach (Budget window in grain.Windows) state.Grains.Add(window.ToState());
            if (grain is AgentGrain { Standing: not Standing.Active } agent)
                state.Agents.Add(new AgentState { Agent = agent.Name, Standing = StandingOf(agent.Standing) });
        }

        var snapshot = new LedgerSnapshot(
            state, _reservations.Take(), Requests.Take(LogTimeNanos - RequestLog.RetentionNanos));
        snapshot.Add(Catalog.Book);
        foreach (BookInUse inUse in _olderBooks.Values) snapshot.Add(inUse.Book);
        foreach (SessionGrain session in _sessions.Values.OrderBy(session => session.Number))
        {
            ReadOnlyMemory<AnsweredRequest> requests = session.Requests.Take(forgetBeforeNanos: long.MinValue);
            if (session.Retired is { } retired) snapshot.Add(ToState(session), requests, retired);
            else snapshot.Add(ToState(session), requests);
        }

        return snapshot;
    }

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
    /// Recomputes every sum from its leaves and compares: what each grain holds is what the reservations on it hold,
    /// and counts are counts. Throws <see cref="InvariantException"/>. Takes time with the number of reservations and
    /// sessions.
    /// </summary>
    public void CheckInvariants()
    {
        var held = new Dictionary<Grain, Spend>(ReferenceEqualityComparer.Instance);
        foreach ((SessionGrain session, Spend spend) in _reservations.SumBySession())
        {
            foreach (Grain grain in session.Path)
            {
                Spend sum = held.GetValueOrDefault(grain);
                held[grain] = new Spend(
                    checked(sum.CostNanos + spend.CostNanos), checked(sum.Tokens + spend.Tokens));
            }
        }

        Invariant.Holds(_sessions.Values.Count(session => session.IsOpen) == OpenSessions);
        Invariant.Holds(_sessions.Values.Sum(session => session.OpenHolds) == OpenReservations);
        Invariant.Holds(
            _sessions.Values.Sum(session => session.OpenSubagents)
            == _sessions.Values.Where(session => session.IsOpen).Sum(session => (long)session.Depth));
        foreach (Grain grain in _grains.Values.Concat(_sessions.Values))
        {
            Spend sum = held.GetValueOrDefault(grain);
            foreach (Budget window in grain.Windows)
            {
                Invariant.Holds(window.HeldNanos == sum.CostNanos);
                Invariant.Holds(window.HeldTokens == sum.Tokens);
                Invariant.Holds(window.SettledNanos <= window.LifetimeNanos);
                Invariant.Holds(window.OverrunNanos <= window.SettledNanos);
            }
        }
    }

    private static SessionState ToState(SessionGrain session) => new()
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
        Budget = session.Budget.ToState(),
        Steps = session.Steps,
        ToolCalls = session.ToolCalls,
        Refused = session.Refused,
        Subagents = session.Subagents,
        Ending = session.Ending,
        SuspendedBy = session.SuspendedBy,
        Breakers = session.BreakerCounts?.ToState(),
    };

    private void FromState(TenantState state)
    {
        Sequence = state.Sequence;
        LogTimeNanos = state.LogTimeNanos;
        Requests.Restore(state.Requests);
        var books =
            state.PriceBooks.ToDictionary(
                book => book.Version, book => new PriceBook(book.Version, book.Prices, book.Skus, book.Tools));
        if (state.Catalog is not null)
        {
            Catalog = new CatalogModel(state.Catalog, books[state.Catalog.PriceVersion]);
            ApplyCatalog.Apply(this, state.Catalog);
        }

        foreach (BudgetState budget in state.Grains)
        {
            Grain grain = GetOrAdd(budget.Grain, NewGrain);
            Budget? window = grain.FindWindow(budget.Window);
            Invariant.Holds(window is not null);
            window!.Restore(budget);
            SetBudgetDeadlines(window);
        }

        foreach (AgentState agent in state.Agents)
            ((AgentGrain)GrainOf(agent.Agent)).Standing = StandingOf(agent.Standing);
        if (state.Credentials is not null)
        {
            foreach (CredentialState credential in state.Credentials.Credentials) Add(new CredentialRecord(credential));
            foreach (RevokedTokenState token in state.Credentials.RevokedTokens)
                Add(new RevokedToken(token.TokenId, token.ExpireNanos));
        }

        foreach (SessionState session in state.Sessions) Restore(session, books);
        foreach (ReservationState reservation in state.Reservations)
            Restore(reservation, books[reservation.PriceVersion]);
    }

    private void Restore(SessionState state, IReadOnlyDictionary<long, PriceBook> books)
    {
        SessionGrain session = Open.NewSession(this, state.Number, state.Spender, state.Opened, state.OpenNanos);
        session.Restore(state, books);
        AddSession(session);
        if (state.ForgetNanos != 0) _retention.Set(session.RetentionDeadline, state.ForgetNanos);
        else if (!session.IsOpen) _deadlines.Set(session.Deadline, session.GraceEndNanos);
        else _deadlines.Set(session.Deadline, session.Ending is null ? session.ExpireNanos : LogTimeNanos);
    }

    private void Restore(ReservationState state, PriceBook book)
    {
        bool isKnown = _sessions.TryGetValue(state.Session, out SessionGrain? session);
        Invariant.Holds(isKnown);
        var reservation = new Reservation(state, session!, book);
        _reservations.Add(reservation);
        if (book.Version != Catalog.Book.Version)
        {
            if (!_olderBooks.TryGetValue(book.Version, out BookInUse? inUse))
                _olderBooks.Add(book.Version, inUse = new BookInUse(book));
            inUse.Reservations++;
        }

        foreach (Grain grain in session!.Path) grain.RestoreHold(reservation.Held);
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

    private static Grain NewGrain(string name)
    {
        if (name.StartsWith(Names.BusinessUnitPrefix, StringComparison.Ordinal)) return new BusinessUnitGrain(name);
        if (name.StartsWith(Names.UseCasePrefix, StringComparison.Ordinal)) return new UseCaseGrain(name);
        Invariant.Holds(name.StartsWith(Names.AgentPrefix, StringComparison.Ordinal));
        return new AgentGrain(name);
    }
}
