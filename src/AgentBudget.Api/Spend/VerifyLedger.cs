using System.Collections.Concurrent;
using AgentBudget.Api.Errors;
using AgentBudget.Audit;
using AgentBudget.Identity;
using AgentBudget.Protocol.V1;
using AgentBudget.Storage;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Api.Spend;

/// <summary>
/// VerifyLedger: the ledger against an independent model and against what was signed. It reads from the store, page by
/// page between commits, and asks nothing of the tenant's turn loop.
/// </summary>
internal sealed class VerifyLedger(ApiContext context, ILedgerStore store, CheckpointKey key)
{
    /// <summary>One a day for a quarter; a hash covers all before it, so the last one says most.</summary>
    internal const int CheckpointsMax = 100;

    private readonly CheckpointVerifier _verifier = key.ToVerifier();

    // A verification works a core and has memory of its own, so there is one at a time. A tenant has one of its own to
    // wait for and no more: others wait for it once, however often it asks.
    private readonly ConcurrentDictionary<string, byte> _asking = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();
    private Task _last = Task.CompletedTask;

    internal async ValueTask<VerifyLedgerResponse> HandleAsync(VerifyLedgerRequest request, ApiCall call)
    {
        string tenant = context.Callers.TenantOf(call);
        VerifyScope scope = ScopeOf(request, tenant);
        // A tenant whose ledger is damaged is served no more, and is the one that somebody wants verified.
        if (!context.Host.Tenants.Contains(tenant, StringComparer.Ordinal))
            throw ApiErrors.TenantNotFound();
        if (!_asking.TryAdd(tenant, 0))
            throw ErrorMap.Of(Outcome.BoundReached);
        try
        {
            return ViewOf(await VerifyInTurnAsync(tenant, scope, call.Cancellation));
        }
        catch (StoreException fault)
        {
            throw ErrorMap.Of(fault);
        }
        finally
        {
            _asking.TryRemove(tenant, out _);
        }
    }

    // Behind those that asked before, in their order.
    private async Task<AuditReport> VerifyInTurnAsync(
        string tenant, VerifyScope scope, CancellationToken cancellationToken)
    {
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Task before;
        lock (_gate)
        {
            before = _last;
            _last = done.Task;
        }

        try
        {
            await before.WaitAsync(cancellationToken);
            return await LedgerVerifier.VerifyAsync(store, tenant, scope, progress: null, cancellationToken);
        }
        finally
        {
            // Who leaves the line early leaves its place to those before it.
            _ = before.ContinueWith(
                _ => done.SetResult(), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }
    }

    private VerifyScope ScopeOf(VerifyLedgerRequest request, string tenant)
    {
        FieldFaults faults = default;
        if (request.LastSequence < 0)
            faults.Add("last_sequence", "must not be negative");
        if (request.Checkpoints.Count > CheckpointsMax)
            faults.Add("checkpoints", $"must be at most {CheckpointsMax}");
        faults.ThrowIfAny();
        long last = request.LastSequence == 0 ? long.MaxValue : request.LastSequence;
        List<LedgerCheckpoint> checkpoints = [];
        for (int index = 0; index < request.Checkpoints.Count; index++)
        {
            // Another tenant's says no more than one that nobody signed.
            bool isOurs = _verifier.TryRead(request.Checkpoints[index], out LedgerCheckpoint? checkpoint)
                && checkpoint.Tenant == tenant;
            if (!isOurs)
                faults.Add($"checkpoints[{index}]", "must be a checkpoint of this ledger that this service signed");
            else if (checkpoint!.Sequence > last)
                faults.Add($"checkpoints[{index}]", "must not be after last_sequence");
            else
                checkpoints.Add(checkpoint);
        }

        faults.ThrowIfAny();
        return new VerifyScope { LastEvent = last, Checkpoints = checkpoints };
    }

    private static VerifyLedgerResponse ViewOf(AuditReport report)
    {
        VerifyLedgerResponse view = new()
        {
            Clean = report.IsClean,
            Sequence = report.Events,
            Hash = report.HeadHash,
            FindingsFound = report.FindingsFound,
        };
        view.Findings.AddRange(report.Findings.Select(finding => new LedgerFinding
        {
            Rule = finding.Rule.Id,
            Fact = finding.Rule.Fact,
            Sequence = finding.Sequence,
            Group = finding.Group,
            Sentence = finding.Sentence,
        }));
        view.Checkpoints.AddRange(report.Checkpoints);
        return view;
    }
}
