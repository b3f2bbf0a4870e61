using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.Snapshot.V1;

namespace AgentBudget.Ledger.Requests;

/// <summary>
/// Requests that were answered, a log for each principal: the same id of two principals is two requests, and neither
/// learns of the other's. A session's logs live as long as the session is known; the tenant's own forget by log time.
/// </summary>
internal sealed class RequestLogs
{
    // Most sessions have one principal.
    private string _first = "";
    private RequestLog? _log;
    private Dictionary<string, RequestLog>? _others;

    /// <summary>
    /// Whether the request was handled before: with the same content, the answer is that of the event it made; with
    /// other content, the key was reused. A request that a former release answered without saying whose it was is
    /// whoever's asks with the same id.
    /// </summary>
    public bool TryAnswer(in AskedRequest asked, long forgetBeforeNanos, out Answer answer)
    {
        answer = default;
        if (_log is null) return false;
        RequestKey key = RequestKey.For(asked.Operation, asked.Id);
        AnsweredRequest found = default;
        bool isKnown = Find(asked.Principal)?.TryFind(key, forgetBeforeNanos, out found) == true
            || (Find("")?.TryFind(key, forgetBeforeNanos, out found) == true && found.Content.IsFingerprint);
        if (!isKnown) return false;
        answer = asked.Is(found.Content)
            ? new Answer(Outcome.Done, DuplicateOf: found.Sequence)
            : new Answer(Outcome.KeyReused);
        return true;
    }

    /// <summary>Whether a hold was settled whose principal this one may settle for; null asks for any.</summary>
    public bool WasSettled(long reservation, string? asker)
    {
        RequestKey key = RequestKey.For(Operation.Settled, reservation);
        if (_log is null) return false;
        if (MaySettle(_first) && _log.TryFind(key, long.MinValue, out _)) return true;
        if (_others is null) return false;
        foreach ((string holder, RequestLog log) in _others)
        {
            if (MaySettle(holder) && log.TryFind(key, long.MinValue, out _)) return true;
        }

        return false;

        bool MaySettle(string holder) => asker is null || Principals.MaySettle(asker, holder);
    }

    /// <summary>Remembers a request of a principal; as <see cref="RequestLog.Add"/>.</summary>
    public void Add(
        string principal,
        in RequestKey key,
        in ContentSha content,
        long sequence,
        long timeNanos,
        long forgetBeforeNanos) =>
        GetOrAdd(principal, forgetBeforeNanos).Add(key, content, sequence, timeNanos, forgetBeforeNanos);

    /// <summary>The logs that hold something, by principal.</summary>
    public IReadOnlyList<TakenRequests> Take(long forgetBeforeNanos)
    {
        var taken = new List<TakenRequests>();
        if (_log is not null) taken.Add(new TakenRequests(_first, _log.Take(forgetBeforeNanos)));
        if (_others is not null)
        {
            foreach ((string principal, RequestLog log) in _others)
                taken.Add(new TakenRequests(principal, log.Take(forgetBeforeNanos)));
        }

        taken.RemoveAll(requests => requests.Answered.Length == 0);
        taken.Sort((left, right) => string.CompareOrdinal(left.Principal, right.Principal));
        return taken;
    }

    /// <summary>Takes back what <see cref="Take"/> gave, or what a former release stored without principals.</summary>
    public void Restore(IEnumerable<RequestLogState> states, RequestLogState? former)
    {
        foreach (RequestLogState state in states) GetOrAdd(state.Principal, long.MinValue).Restore(state);
        if (former is { Entries.Length: > 0 }) GetOrAdd("", long.MinValue).RestoreFormer(former);
    }

    private RequestLog? Find(string principal)
    {
        if (_first == principal) return _log;
        return _others?.GetValueOrDefault(principal);
    }

    private RequestLog GetOrAdd(string principal, long forgetBeforeNanos)
    {
        if (Find(principal) is { } log) return log;
        if (_log is null)
        {
            _first = principal;
            return _log = new RequestLog();
        }

        // Principals come and go; those whose requests are all forgotten leave when the next one comes.
        _others ??= new Dictionary<string, RequestLog>(StringComparer.Ordinal);
        foreach ((string other, RequestLog forgotten) in _others)
        {
            if (forgotten.Take(forgetBeforeNanos).Length == 0) _others.Remove(other);
        }

        var added = new RequestLog();
        _others.Add(principal, added);
        return added;
    }
}

/// <summary>Requests of one principal, as a snapshot takes them.</summary>
internal readonly record struct TakenRequests(string Principal, ReadOnlyMemory<AnsweredRequest> Answered)
{
    public RequestLogState ToState() =>
        new() { Principal = Principal, Answered = StructBytes<AnsweredRequest>.Of(Answered) };
}
