using AgentBudget.Ledger;
using AgentBudget.Notifications.Books;
using AgentBudget.Notifications.Notices;
using AgentBudget.Protocol.Notifier.V1;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Notifications;

/// <summary>
/// Brings an endpoint's record forward over the ledger, as long as its outbox has room: what does not fit waits in the
/// ledger, and nothing is lost however long a receiver is away.
/// </summary>
internal sealed class EndpointFold(ILedgerSource source, TimeProvider time)
{
    /// <summary>How often credentials are looked at that are about to end.</summary>
    internal static readonly TimeSpan CredentialLook = TimeSpan.FromHours(1);

    // How many days before its end a credential is told of.
    private static readonly int[] DaysBefore = [1, 7];

    private NoticeMaker? _maker;
    private DateTimeOffset _credentialsDue = DateTimeOffset.MinValue;

    /// <summary>Folds one page, or what time alone brings about where there is none; false for nothing done.</summary>
    public async Task<bool> StepAsync(EndpointBook book, long head, CancellationToken cancellationToken)
    {
        if (book.Disabled || !BookRules.HasRoom(book)) return false;
        NoticeMaker maker = await MakerAsync();
        IReadOnlyList<LedgerEvent> events = book.Position < head
            ? await source.ReadAsync(book.Position + 1, head, cancellationToken)
            : [];
        if (events.Count == 0) return await PassTimeAsync(book, maker);
        foreach (LedgerEvent told in events)
        {
            if (!BookRules.HasRoom(book)) break;
            foreach (Notice rest in RefusalWindows.End(book, told.Time.ToDateTimeOffset())) Outbox.Add(book, rest);
            foreach (Notice notice in maker.Of(told)) await TakeAsync(book, notice);
            book.Position = told.Sequence;
        }

        return true;
    }

    /// <summary>When time alone brings something about.</summary>
    public DateTimeOffset NextTime(EndpointBook book)
    {
        if (book.Disabled || !BookRules.HasRoom(book)) return DateTimeOffset.MaxValue;
        return RefusalWindows.NextEnd(book) is { } end && end < _credentialsDue ? end : _credentialsDue;
    }

    /// <summary>The notice that tries an endpoint.</summary>
    public async Task<Notice> TestAsync(long sequence, long number) =>
        (await MakerAsync()).Test(sequence, Names.NotificationEndpoint(number), time.GetUtcNow());

    /// <summary>Makes a notice again that was delivered, from its event; null where the event does not say it.
    /// </summary>
    public async Task<Notice?> MakeAgainAsync(string id)
    {
        string[] parts = id.Split('_');
        if (parts.Length != 4 || parts[1] != source.Tenant || !long.TryParse(parts[2], out long sequence)) return null;
        if (sequence < 1 || sequence > await source.HeadAsync()) return null;
        NoticeMaker maker = await MakerAsync();
        IReadOnlyList<LedgerEvent> events = await source.ReadAsync(sequence, sequence, CancellationToken.None);
        return events.Count == 0 || events[0].Sequence != sequence
            ? null
            : maker.Of(events[0]).FirstOrDefault(notice => notice.Id == id && notice.Subject.Length > 0);
    }

    private async Task<NoticeMaker> MakerAsync() =>
        _maker ??= new NoticeMaker(source.Tenant, await source.CurrencyAsync());

    private async Task TakeAsync(EndpointBook book, Notice notice)
    {
        if (notice.BusinessUnit.Length == 0 && NoticeRules.AsksForUnits(book.Filter) && notice.Grain.Length > 0)
            notice.BusinessUnit = await source.UnitOfAsync(notice.Grain);
        if (notice.Kind == NoticeKind.BudgetExhausted)
        {
            // Refusals that were counted together belong to one that passed.
            if (notice.Grain.Length > 0 && !NoticeRules.Lets(book.Filter, notice)) return;
            foreach (Notice told in RefusalWindows.Take(book, notice)) Outbox.Add(book, told);
        }
        else if (NoticeRules.Lets(book.Filter, notice))
        {
            Outbox.Add(book, notice);
        }
    }

    private async Task<bool> PassTimeAsync(EndpointBook book, NoticeMaker maker)
    {
        DateTimeOffset now = time.GetUtcNow();
        int before = book.Outbox.Count;
        foreach (Notice rest in RefusalWindows.End(book, now)) Outbox.Add(book, rest);
        if (now >= _credentialsDue)
        {
            await LookAtCredentialsAsync(book, maker, now);
            _credentialsDue = now + CredentialLook;
        }

        return book.Outbox.Count > before;
    }

    private async Task LookAtCredentialsAsync(EndpointBook book, NoticeMaker maker, DateTimeOffset now)
    {
        HashSet<long> ending = [];
        foreach (Credential credential in await source.ExpiringCredentialsAsync())
        {
            TimeSpan left = credential.ExpireTime.ToDateTimeOffset() - now;
            int days = Array.Find(DaysBefore, before => left <= TimeSpan.FromDays(before));
            if (days == 0 || !Names.TryParseCredential(credential.Credential_, out long number)) continue;
            ending.Add(number);
            if (book.Told.Any(told => told.Number == number && told.Days <= days)) continue;
            if (!BookRules.HasRoom(book)) return;
            Notice notice = maker.Expiring(credential, number, days, now);
            book.Told.Add(new CredentialTold { Number = number, Days = days });
            await TakeAsync(book, notice);
        }

        for (int index = book.Told.Count - 1; index >= 0; index--)
        {
            if (!ending.Contains(book.Told[index].Number)) book.Told.RemoveAt(index);
        }

        while (book.Told.Count > BookRules.ToldMax) book.Told.RemoveAt(0);
    }
}
