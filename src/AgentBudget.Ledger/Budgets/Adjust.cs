using AgentBudget.Ledger.Agents;
using AgentBudget.Ledger.BusinessUnits;
using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Requests;
using AgentBudget.Ledger.Sessions;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Ledger.UseCases;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Budgets;

/// <summary>
/// Credits and debits: the only records beside late commits that lower what is settled. An account moves by the sum of
/// the lines that name it: up as overrun, which makes no room, or down, at most by all that it ever settled.
/// </summary>
internal static class Adjust
{
    /// <summary>
    /// Reservations that can be adjusted in a tenant's life: each is remembered, so that none is credited twice.
    /// </summary>
    internal const int ReservationsMax = 100_000;

    public static Answer Handle(TenantLedger ledger, AdjustSpendCommand command)
    {
        AdjustSpendRequest request = command.Request;
        AskedRequest asked = new ContentHash(Operation.AdjustSpend)
            .Add(request.Grain)
            .Add(command.Reservation?.Number ?? 0)
            .Add(request.Amount)
            .Add(request.Tokens)
            .Add(request.Reason)
            .Of(Principals.OfActor(command.Actor), request.RequestId);
        if (ledger.TryAnswer(asked, out Answer again)) return again;
        if (ledger.Catalog.CurrencyFault(request.Amount, "amount") is { } currencyFault)
            return new Answer(Outcome.CurrencyInvalid, Faults: [currencyFault]);

        var amount = new Spend(request.Amount is null ? 0 : MoneyMath.ToNanos(request.Amount), request.Tokens);
        var adjusted = new SpendAdjusted { Reason = request.Reason };
        AdjustmentLine? line = command.Reservation is { } reservation
            ? LineOf(ledger, reservation, adjusted)
            : LineOf(ledger, request.Grain);
        if (line is null) return new Answer(Outcome.GrainNotFound);
        if (command.Reservation is { } of && !ledger.MayAdjust(of.Number, ReservationsMax))
        {
            return new Answer(
                Outcome.BoundReached, Faults: [new Fault("reservation_id", $"{ReservationsMax} were adjusted")]);
        }

        (line.Nanos, line.Tokens) = (amount.CostNanos, amount.Tokens);
        adjusted.Lines.Add(line);
        bool isWithin = command.Reservation is null
            || (amount.CostNanos >= -adjusted.SettledNanos && amount.Tokens >= -adjusted.SettledTokens);
        Answer? refused = isWithin ? Check(ledger, adjusted) : new Answer(Outcome.AdjustmentTooLarge);
        if (refused is { } refusal) return refusal;

        Account shown = command.Reservation is null
            ? AccountOf(ledger, line.Grains[0])
            : AccountOf(ledger, line.Spender.UseCase);
        adjusted.Before = Queries.ToMessage(shown, ledger.Catalog.Currency);
        LedgerEvent ledgerEvent = Record(ledger, asked, command.Actor, adjusted);
        adjusted.After = Queries.ToMessage(shown, ledger.Catalog.Currency);
        return new Answer(Outcome.Done, ledgerEvent);
    }

    public static Answer Handle(TenantLedger ledger, RerateSpendCommand command)
    {
        RerateSpendRequest request = command.Request;
        AskedRequest asked = new ContentHash(Operation.RerateSpend)
            .Add(request.StartTime)
            .Add(request.EndTime)
            .Add(request.PriceVersion)
            .Add(request.Reason)
            .Of(Principals.OfActor(command.Actor), request.RequestId);
        if (ledger.TryAnswer(asked, out Answer again)) return again;
        if (request.PriceVersion < 1 || request.PriceVersion > ledger.Catalog.Book.Version)
            return new Answer(Outcome.PriceVersionNotFound);
        if (command.Rating.LastRerating != ledger.LastRerating) return new Answer(Outcome.ReratingOutdated);

        var adjusted = new SpendAdjusted
        {
            Reason = request.Reason,
            Rerating = new Rerating
            {
                StartTime = request.StartTime,
                EndTime = request.EndTime,
                PriceVersion = request.PriceVersion,
                Charges = command.Rating.Charges,
                Unrated = command.Rating.Unrated,
            },
        };
        foreach (RatedSpend rated in command.Rating.Differences)
        {
            if (PathLine(ledger, rated.Spender, rated.Model) is not { } line) continue;
            line.Nanos = rated.DifferenceNanos;
            line.SettledNanos = rated.SettledNanos;
            adjusted.Lines.Add(line);
        }

        if (Check(ledger, adjusted) is { } refusal) return refusal;
        return new Answer(Outcome.Done, Record(ledger, asked, command.Actor, adjusted));
    }

    public static void Apply(TenantLedger ledger, LedgerEvent ledgerEvent)
    {
        SpendAdjusted adjusted = ledgerEvent.SpendAdjusted;
        foreach ((Account account, Spend up, Spend down) in MovesOf(ledger, adjusted))
        {
            if (down != default) account.Lower(down);
            // What nobody asked the caps about is overrun.
            if (up != default) account.Settle(unheld: default, up, overrun: up, ledger);
        }

        ledger.MarkNotified(adjusted.TiersCrossed);
        if (adjusted.Reservation > 0)
        {
            AdjustmentLine line = adjusted.Lines[0];
            ledger.AddAdjustment(adjusted.Reservation, line.Nanos, line.Tokens);
        }

        if (adjusted.Rerating is not null) ledger.LastRerating = ledgerEvent.Sequence;
    }

    private static LedgerEvent Record(
        TenantLedger ledger, in AskedRequest asked, string actor, SpendAdjusted adjusted)
    {
        foreach ((Account account, Spend up, _) in MovesOf(ledger, adjusted))
        {
            if (up != default) account.AddCrossings(up, adjusted.TiersCrossed);
        }

        LedgerEvent ledgerEvent = asked.NewEvent(actor);
        ledgerEvent.SpendAdjusted = adjusted;
        ledger.Emit(ledgerEvent);
        return ledgerEvent;
    }

    // Nothing is credited beyond what was settled, on any account.
    private static Answer? Check(TenantLedger ledger, SpendAdjusted adjusted)
    {
        foreach ((Account account, _, Spend down) in MovesOf(ledger, adjusted))
        {
            if (down.CostNanos > account.Window.LifetimeNanos || down.Tokens > account.Window.LifetimeTokens)
                return new Answer(Outcome.AdjustmentTooLarge);
        }

        return null;
    }

    // How far each account moves, up or down: lines that name it together. In the order in which they are first named.
    private static List<(Account Account, Spend Up, Spend Down)> MovesOf(TenantLedger ledger, SpendAdjusted adjusted)
    {
        var sums = new Dictionary<string, (Int128 Nanos, Int128 Tokens)>(StringComparer.Ordinal);
        List<string> names = [];
        foreach (AdjustmentLine line in adjusted.Lines)
        {
            foreach (string name in line.Grains)
            {
                if (!sums.TryGetValue(name, out (Int128 Nanos, Int128 Tokens) sum)) names.Add(name);
                sums[name] = (sum.Nanos + line.Nanos, sum.Tokens + line.Tokens);
            }
        }

        return [.. names.Select(name => (AccountOf(ledger, name), Above(sums[name], 1), Above(sums[name], -1)))];
    }

    private static Spend Above((Int128 Nanos, Int128 Tokens) sum, int sign) => new(
        (long)Int128.Clamp(sign * sum.Nanos, 0, long.MaxValue),
        (long)Int128.Clamp(sign * sum.Tokens, 0, long.MaxValue));

    private static Account AccountOf(TenantLedger ledger, string name) =>
        Names.TryParseSession(name, out _) ? ledger.SessionOf(name) : ledger.AccountOf(name);

    // A reservation's line: the path of its session while that is in memory, and of the accounts afterwards.
    private static AdjustmentLine? LineOf(
        TenantLedger ledger, AdjustedReservation reservation, SpendAdjusted adjusted)
    {
        Spend before = ledger.AdjustmentOf(reservation.Number);
        adjusted.Reservation = reservation.Number;
        adjusted.SettleTime = reservation.SettleTime;
        adjusted.SettledNanos = reservation.SettledNanos + before.CostNanos;
        adjusted.SettledTokens = reservation.SettledTokens + before.Tokens;
        bool isSession = Names.TryParseSession(reservation.Spender.Session, out long number);
        return isSession && ledger.FindInMemory(number) is { } session
            ? LineOf(session, reservation.Model)
            : PathLine(ledger, reservation.Spender, reservation.Model);
    }

    private static AdjustmentLine? PathLine(TenantLedger ledger, Spender spender, string model)
    {
        var line = new AdjustmentLine { Spender = WithoutUser(spender), Model = model };
        List<string> parts = [];
        foreach (string name in (string[])[spender.Agent, spender.UseCase, spender.BusinessUnit, ledger.Tenant.Name])
        {
            if (!ledger.Accounts.TryGetValue(name, out Account? account)) continue;
            line.Grains.Add(name);
            string user = Names.User(name, spender.OnBehalfOf);
            if (spender.OnBehalfOf.Length > 0 && ledger.Accounts.ContainsKey(user)) parts.Add(user);
            parts.AddRange(account.Families.Where(family => family.Counts(model)).Select(family => family.Name));
        }

        line.Grains.Add(parts);

        // Without its use case and business unit in memory there is nothing that it could be booked on.
        return ledger.Accounts.ContainsKey(spender.UseCase) ? line : null;
    }

    private static AdjustmentLine? LineOf(TenantLedger ledger, string name)
    {
        if (Names.TryParseSession(name, out long number))
            return ledger.FindSession(number) is { } session ? LineOf(session, model: "") : null;
        if (!ledger.Accounts.TryGetValue(name, out Account? account) || !account.IsInCatalog) return null;
        var spender = new Spender();
        // A part moves what it is a part of.
        List<string> grains = ReferenceEquals(account.Of, account) ? [account.Name] : [account.Name, account.Of.Name];
        switch (account.Of)
        {
            case AgentAccount:
                spender.Agent = account.Of.Name;
                break;
            case UseCaseAccount useCase:
                spender.UseCase = account.Of.Name;
                spender.BusinessUnit = Names.BusinessUnitPrefix + useCase.Model.BusinessUnit;
                grains.Add(spender.BusinessUnit);
                break;
            case BusinessUnitAccount:
                spender.BusinessUnit = account.Of.Name;
                break;
        }

        if (account.Of is not TenantAccount) grains.Add(ledger.Tenant.Name);
        return new AdjustmentLine { Spender = spender, Grains = { grains } };
    }

    private static AdjustmentLine LineOf(SessionAccount session, string model)
    {
        var line = new AdjustmentLine { Spender = WithoutUser(session.Spender), Model = model };
        foreach (Account account in session.PathOf(model)) line.Grains.Add(account.Name);
        return line;
    }

    // A correction is read by who may not read whom the work was for.
    private static Spender WithoutUser(Spender spender)
    {
        Spender copy = spender.Clone();
        copy.OnBehalfOf = "";
        return copy;
    }
}
