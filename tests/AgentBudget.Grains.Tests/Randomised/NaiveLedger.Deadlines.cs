namespace AgentBudget.Grains.Tests.Randomised;

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
            foreach (NaiveGrain grain in Grains.Values)
            {
                if (grain.PeriodEnd is { } end)
                    due.Add((end, Due.PeriodEnd, 0, grain.Name, time => EndPeriod(grain, time)));
                if (grain.ExtensionEnd is { } over)
                    due.Add((over, Due.ExtensionEnd, 0, grain.Name, time => EndExtension(grain, time)));
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
        Grains.Values.Any(grain => grain.PeriodEnd <= now || grain.ExtensionEnd <= now)
        || Holds.Any(hold => hold.State == "Held" && hold.Expire <= now)
        || Sessions.Any(session => session.Window.Due <= now)
        || Sessions.Any(session => session.Forget is null
            && (session.IsOpen ? session.Expire : session.GraceEnd) <= now);

    private void EndPeriod(NaiveGrain grain, long now)
    {
        Emit(now, $"period {grain.Name} {Settled(grain.Name)} {SettledTokens(grain.Name)}");
        grain.PeriodEnd = NextMidnight(now);
        grain.FirstCharge = Charges.Count;
        grain.Notified.Clear();
        if (grain.ExtensionEnd is not null) return;
        grain.ExtensionNanos = grain.ExtensionTokens = 0;
    }

    private void EndExtension(NaiveGrain grain, long now)
    {
        grain.ExtensionNanos = grain.ExtensionTokens = 0;
        grain.ExtensionEnd = null;
        ForgetNotices(grain);
        Emit(now, $"extension {grain.Name}");
    }

    private void Expire(NaiveHold hold, long now)
    {
        if (hold.IsCharged)
        {
            Settle(hold, hold.Nanos, hold.Tokens, hold.Model, isFinal: true, now);
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
                + $"{open.Sum(hold => hold.Tokens)} {Settled(session.Grain.Name)} {session.Steps} {session.Refused}",
            session);
        foreach (NaiveHold hold in open) GiveBack(hold, "Released", now);
        session.Forget = now + Day;
    }
}
