using AgentBudget.Ledger;
using AgentBudget.Protocol.Notifier.V1;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Notifications.Books;

/// <summary>
/// What one endpoint's record may hold, so that it fits a row of the smallest store (64 KiB), and how it is shown.
/// </summary>
internal static class BookRules
{
    /// <summary>Endpoints of one tenant: as many as a person sets up by hand.</summary>
    internal const int EndpointsMax = 16;

    /// <summary>Notices that wait. Beyond it the ledger itself is where they wait, by position.</summary>
    internal const int OutboxBytesMax = 20 * 1024;

    /// <summary>Notices that were given up; the oldest are dropped.</summary>
    internal const int DeadBytesMax = 14 * 1024;

    /// <summary>Deliveries that are remembered after they ended.</summary>
    internal const int LogMax = 50;

    /// <summary>Acts that are remembered so that a repeated request has no second effect.</summary>
    internal const int ActsMax = 32;

    /// <summary>Removed endpoints that are remembered likewise.</summary>
    internal const int RemovedMax = 64;

    /// <summary>Credentials whose end was told, for as long as they are about to end.</summary>
    internal const int ToldMax = 256;

    public static bool HasRoom(EndpointBook book) =>
        book.Outbox.Sum(waiting => waiting.CalculateSize()) < OutboxBytesMax;

    /// <summary>Gives a notice up. Dropped are the oldest of those that were.</summary>
    public static void Bury(EndpointBook book, WaitingNotice dead)
    {
        book.Dead.Add(dead);
        while (book.Dead.Count > 1 && book.Dead.Sum(buried => buried.CalculateSize()) > DeadBytesMax)
        {
            book.Dead.RemoveAt(0);
            book.DeadDropped++;
        }
    }

    public static void Log(EndpointBook book, Delivery ended)
    {
        book.Log.Add(ended);
        while (book.Log.Count > LogMax) book.Log.RemoveAt(0);
    }

    public static void NoteAct(EndpointBook book, long sequence)
    {
        book.Acts.Add(sequence);
        while (book.Acts.Count > ActsMax) book.Acts.RemoveAt(0);
    }

    public static Delivery DeliveryOf(EndpointBook book, WaitingNotice waiting, DeliveryState state) => new()
    {
        Delivery_ = waiting.Notice.Id,
        Endpoint = Names.NotificationEndpoint(book.Number),
        Kind = waiting.Notice.Kind,
        Subject = waiting.Notice.Subject,
        Time = waiting.Notice.Time,
        State = state,
        Attempts = waiting.Attempts,
        AttemptTime = TimeOf(waiting.AttemptMs),
        NextAttemptTime = state == DeliveryState.Waiting ? TimeOf(Math.Max(waiting.NextMs, book.SlowUntilMs)) : null,
        Status = waiting.Status,
        Error = waiting.Error,
    };

    public static NotificationEndpoint EndpointOf(EndpointBook book, DateTimeOffset now) => new()
    {
        Endpoint = Names.NotificationEndpoint(book.Number),
        Kind = book.Kind,
        Target = EndpointTarget.Of(book),
        Filter = book.Filter,
        Disabled = book.Disabled,
        DisabledReason = book.DisabledReason,
        CreateTime = TimeOf(book.CreateMs),
        CreatedBy = book.CreatedBy,
        Position = book.Position,
        Waiting = book.Outbox.Count,
        DeadLetters = book.Dead.Count,
        DeadLettersDropped = book.DeadDropped,
        FormerSecretEndTime = book.FormerUntilMs > now.ToUnixTimeMilliseconds() ? TimeOf(book.FormerUntilMs) : null,
    };

    private static Timestamp? TimeOf(long unixMs) => unixMs == 0
        ? null
        : Timestamp.FromDateTimeOffset(DateTimeOffset.FromUnixTimeMilliseconds(unixMs));
}
