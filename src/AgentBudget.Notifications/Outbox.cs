using AgentBudget.Notifications.Books;
using AgentBudget.Notifications.Sending;
using AgentBudget.Protocol.Notifier.V1;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Notifications;

/// <summary>
/// What waits for an endpoint, and what an attempt makes of it. Of one subject only the first notice is tried, so none
/// overtakes another.
///
///   WAITING ── 2xx ──────────────────────────────► DELIVERED
///      ├────── anything else ────────────────────► WAITING, later
///      ├────── anything else, the tenth time ────► DEAD
///      └────── 410 ──────────────────────────────► WAITING, and the endpoint is switched off
/// </summary>
internal static class Outbox
{
    /// <summary>Adds a notice that is to be sent, unless it waits already.</summary>
    public static void Add(EndpointBook book, Notice notice)
    {
        if (Find(book.Outbox, notice.Id) is null) book.Outbox.Add(new WaitingNotice { Notice = notice });
    }

    /// <summary>What may be tried now, in order: the first of each subject.</summary>
    public static IReadOnlyList<WaitingNotice> Due(EndpointBook book, DateTimeOffset now, int most)
    {
        if (book.Disabled || book.SlowUntilMs > now.ToUnixTimeMilliseconds()) return [];
        return [.. Firsts(book).Where(first => first.NextMs <= now.ToUnixTimeMilliseconds()).Take(most)];
    }

    /// <summary>When something may be tried next; null for nothing that waits.</summary>
    public static DateTimeOffset? NextTime(EndpointBook book)
    {
        if (book.Disabled || book.Outbox.Count == 0) return null;
        long next = Math.Max(book.SlowUntilMs, Firsts(book).Min(first => first.NextMs));
        return DateTimeOffset.FromUnixTimeMilliseconds(next);
    }

    /// <summary>Notes how an attempt ended; answers how it is counted.</summary>
    public static string Apply(EndpointBook book, string id, SendResult result, DateTimeOffset now)
    {
        if (Find(book.Outbox, id) is not { } waiting) return result.IsTaken ? "taken" : "failed";
        waiting.Attempts++;
        waiting.AttemptMs = now.ToUnixTimeMilliseconds();
        waiting.Status = result.Status;
        waiting.Error = result.Error;
        if (result.IsTaken)
        {
            book.Outbox.Remove(waiting);
            BookRules.Log(book, BookRules.DeliveryOf(book, waiting, DeliveryState.Delivered));
            return "taken";
        }

        if (result.IsGone)
        {
            book.Disabled = true;
            book.DisabledReason = "its receiver answered 410 (Gone)";
        }

        if (result.IsSlow) book.SlowUntilMs = (now + SlowTime(result)).ToUnixTimeMilliseconds();
        if (RetrySchedule.WaitAfter(id, waiting.Attempts, result.RetryAfter) is { } wait)
        {
            waiting.NextMs = (now + wait).ToUnixTimeMilliseconds();
            return "failed";
        }

        book.Outbox.Remove(waiting);
        BookRules.Bury(book, waiting);
        return "given_up";
    }

    /// <summary>Begins everything that waits again, as after a receiver was mended.</summary>
    public static void Restart(EndpointBook book)
    {
        book.SlowUntilMs = 0;
        foreach (WaitingNotice waiting in book.Outbox) waiting.NextMs = 0;
    }

    /// <summary>
    /// Begins one delivery again, or all dead letters where none is named: dead letters in their order, behind what
    /// waits. Answers how many; 0 for one that is not known here.
    /// </summary>
    public static int Replay(EndpointBook book, string id)
    {
        if (id.Length > 0 && Find(book.Outbox, id) is { } waiting)
        {
            waiting.NextMs = 0;
            return 1;
        }

        WaitingNotice[] again = [.. book.Dead.Where(dead => id.Length == 0 || dead.Notice.Id == id)];
        foreach (WaitingNotice dead in again)
        {
            book.Dead.Remove(dead);
            Add(book, dead.Notice);
        }

        return again.Length;
    }

    private static IEnumerable<WaitingNotice> Firsts(EndpointBook book) =>
        book.Outbox.DistinctBy(waiting => waiting.Notice.Subject, StringComparer.Ordinal);

    private static WaitingNotice? Find(IEnumerable<WaitingNotice> among, string id) =>
        among.FirstOrDefault(waiting => waiting.Notice.Id == id);

    private static TimeSpan SlowTime(SendResult result) =>
        result.RetryAfter is not { } asked || asked < RetrySchedule.SlowTime ? RetrySchedule.SlowTime
        : asked < RetrySchedule.RetryAfterMax ? asked
        : RetrySchedule.RetryAfterMax;
}
