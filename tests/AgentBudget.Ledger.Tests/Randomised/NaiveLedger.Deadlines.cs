namespace AgentBudget.Ledger.Tests.Randomised;

// What the ledger does by itself.
internal sealed partial class NaiveLedger
{
    private enum Due
    {
        PeriodEnd,
        ExtensionEnd,
        HoldExpiry,
        Refusals,
        Session,
    }

    /// <summary>Everything that is due, one at a time, by time, then kind, then number or name.</summary>
    public void HandleDeadlines(long now)
    {
        while (true)
        {
            if (!IsAnythingDue(now)) return;
            var due = new List<(long Time, Due Kind, long Number, string Name, Action<long> Handle)>();
            foreach (NaiveAccount account in Accounts.Values)
            {
                for (int place = 0; place < account.Windows.Length; place++)
                {
                    NaiveAccount window = account.Windows[place];
                    if (End(window) is { } end)
                        due.Add((end, Due.PeriodEnd, place, account.Name, time => EndPeriod(window, time)));
                    if (window.ExtensionEnd is { } over)
                        due.Add((over, Due.ExtensionEnd, place, account.Name, time => EndExtension(window, time)));
                }
            }

            foreach (NaiveHold hold in Holds.Where(hold => hold.State == "Held"))
                due.Add((hold.Expire, Due.HoldExpiry, hold.Number, "", time => Expire(hold, time)));
            foreach (NaiveSession session in Sessions.Where(session => session.Window.Due is not null))
            {
                due.Add((session.Window.Due!.Value, Due.Refusals, session.Number, "",
                    time => Tell(session, time, mayTrip: true)));
            }

            foreach (NaiveSession session in Sessions.Where(session => session.Forget is null))
            {
                long time = session.IsOpen ? session.Expire : session.GraceEnd!.Value;
                due.Add((time, Due.Session, -session.Number, "", at => EndOrClose(session, at)));
            }

            due.RemoveAll(deadline => deadline.Time > now);
            (long Time, Due Kind, long Number, string Name, Action<long> Handle) first = due
                .OrderBy(deadline => deadline.Time)
                .ThenBy(deadline => deadline.Kind)
                .ThenBy(deadline => deadline.Number)
                .ThenBy(deadline => deadline.Name, StringComparer.Ordinal)
                .First();
            first.Handle(first.Time);
        }
    }

    private bool IsAnythingDue(long now) =>
        Accounts.Values.SelectMany(account => account.Windows).Any(
            window => End(window) <= now || window.ExtensionEnd <= now)
        || Holds.Any(hold => hold.State == "Held" && hold.Expire <= now)
        || Sessions.Any(session => session.Window.Due <= now)
        || Sessions.Any(session => session.Forget is null
            && (session.IsOpen ? session.Expire : session.GraceEnd) <= now);

    // When something leaves a window: a calendar one at its end, a rolling one once its oldest step is its length ago.
    private long? End(NaiveAccount window)
    {
        if (window.Step is not { } step) return window.PeriodEnd;
        return ChargesOf(window).FirstOrDefault() is { } oldest ? ((oldest.Time / step) + 1 + 24) * step : null;
    }

    private void EndPeriod(NaiveAccount window, long now)
    {
        if (window.Step is { } step)
        {
            Move(window, step, now);
            return;
        }

        decimal nanos = window.PlainNanos is { } limit ? window.CarryNanos(limit - Settled(window)) : 0;
        decimal tokens = window.PlainTokens is { } most ? window.CarryTokens(most - SettledTokens(window)) : 0;
        Emit(
            now,
            $"period {window.Name} {window.Window} {Settled(window)} {SettledTokens(window)} {nanos} {tokens}");
        (window.CarriedNanos, window.CarriedTokens) = (nanos, tokens);
        window.PeriodEnd = NextEnd(window, now);
        window.FirstCharge = Charges.Count;
        window.Notified.Clear();
        if (window.ExtensionEnd is not null) return;
        window.ExtensionNanos = window.ExtensionTokens = 0;
    }

    private void Move(NaiveAccount window, long step, long now)
    {
        long oldest = ChargesOf(window).First().Time / step;
        NaiveCharge[] leaving = [.. ChargesOf(window).TakeWhile(charge => charge.Time / step == oldest)];
        window.FirstCharge = Charges.LastIndexOf(leaving[^1]) + 1;
        ForgetNotices(window);
        Emit(
            now,
            $"moved {window.Name} {window.Window} {leaving.Sum(charge => charge.Nanos)} "
                + $"{leaving.Sum(charge => charge.Tokens)} {leaving.Sum(charge => charge.OverrunNanos)}");
    }

    private void EndExtension(NaiveAccount account, long now)
    {
        account.ExtensionNanos = account.ExtensionTokens = 0;
        account.ExtensionEnd = null;
        ForgetNotices(account);
        Emit(now, $"extension {account.Name} {account.Window}");
    }

    private void Expire(NaiveHold hold, long now)
    {
        if (hold.IsCharged)
        {
            Settle(hold, hold.Nanos, hold.Tokens, hold.Model, isFinal: true, now);
            (hold.State, hold.Forget, hold.SettledAt) = ("Charged", now + (30 * Day), null);
            return;
        }

        Emit(now, $"expired r{hold.Number} {hold.Nanos} {hold.Tokens}", hold.Session);
        GiveBack(hold, "Expired", now);
    }

    private void EndOrClose(NaiveSession session, long now)
    {
        Tell(session, now, mayTrip: false);
        if (session.IsOpen)
        {
            End(session, "Expired", now);
            return;
        }

        NaiveHold[] open = [.. Holds.Where(hold => hold.Session == session && hold.State == "Held")];
        string released = string.Join(',', open.Select(hold => hold.Number));
        Emit(
            now,
            $"closed s{session.Number} [{released}] {open.Sum(hold => hold.Nanos)} "
                + $"{open.Sum(hold => hold.Tokens)} {Settled(session.Grain)} {session.Steps} {session.Refused}",
            session);
        foreach (NaiveHold hold in open) GiveBack(hold, "Released", now);
        session.Forget = now + Day;
    }
}
