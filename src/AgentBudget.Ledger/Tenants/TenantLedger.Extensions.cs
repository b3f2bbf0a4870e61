using AgentBudget.Ledger.Approvals;
using AgentBudget.Ledger.Requests;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger;

// Requests for more than a budget has: they wait in the queue of deadlines, and their answers in that of memory.
public sealed partial class TenantLedger
{
    /// <summary>Requests that wait, or whose answer is not yet forgotten, the oldest first.</summary>
    internal IEnumerable<ExtensionAsked> KnownExtensions =>
        Extensions.All.Values.Where(asked => !IsForgotten(asked.RetentionDeadline));

    /// <summary>The request with this name; null if it never was or its answer is forgotten.</summary>
    internal ExtensionAsked? FindExtension(string name)
    {
        if (!Names.TryParseExtensionRequest(name, out long number)) return null;
        ExtensionAsked? asked = Extensions.All.GetValueOrDefault(number);
        return asked is not null && !IsForgotten(asked.RetentionDeadline) ? asked : null;
    }

    /// <summary>It waits for its answer, or has one that is not yet forgotten.</summary>
    internal void Add(ExtensionAsked asked)
    {
        Extensions.Add(asked);
        if (asked.IsPending) _deadlines.Set(asked.Deadline, LogTime.FromTimestamp(asked.Asked.AnswerByTime));
        else Retain(asked);
    }

    /// <summary>It is answered.</summary>
    internal void Decide(ExtensionAsked asked, ExtensionDecided decided, string decidedBy)
    {
        asked.Decide(decided, decidedBy, LogTimeNanos);
        _deadlines.Remove(asked.Deadline);
        Retain(asked);
    }

    private void Retain(ExtensionAsked asked) =>
        _retention.Set(asked.RetentionDeadline, asked.DecideNanos + RequestLog.RetentionNanos);
}
