using System.Runtime.CompilerServices;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Grains.Abstractions.Entities;

/// <summary>Follows one session by its tenant's ledger.</summary>
public static class SessionWatch
{
    /// <summary>
    /// How long changes of a busy tenant are gathered before the session is looked at again. Its end is told within a
    /// second, whatever its tenant does.
    /// </summary>
    internal static readonly TimeSpan GatherTime = TimeSpan.FromMilliseconds(200);

    /// <summary>See <see cref="ISessionGrain.Watch"/>.</summary>
    public static async IAsyncEnumerable<Reply> FollowSessionAsync(
        this ITenantHost host,
        string tenant,
        long session,
        TimeProvider time,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(host);
        // Looked at after this sequence, so nothing that comes behind it is missed.
        long seen = await host.DurableSequenceAsync(tenant, cancellationToken);
        Reply told = await LookAsync(host, tenant, session);
        yield return told;
        await using IAsyncEnumerator<IReadOnlyList<LedgerEvent>> batches =
            host.WatchAsync(tenant, seen + 1, cancellationToken).GetAsyncEnumerator(cancellationToken);
        while (IsLive(told))
        {
            if (!await batches.MoveNextAsync())
            {
                yield return new Reply(default, TenantFault.NotReady, "the service is stopping");
                yield break;
            }

            if (batches.Current[^1].Sequence <= seen) continue;
            await Task.Delay(GatherTime, time, cancellationToken);
            seen = await host.DurableSequenceAsync(tenant, cancellationToken);
            Reply now = await LookAsync(host, tenant, session);
            if (!Equals(now.Answer.View, told.Answer.View) || !IsLive(now)) yield return now;
            told = now;
        }
    }

    private static async ValueTask<Reply> LookAsync(ITenantHost host, string tenant, long session)
    {
        Reply found = await host.AskAsync(tenant, new SessionQuery(session));
        if (found.Answer.View is not GetSessionResponse { Session: { } state }) return found;
        WatchSessionResponse now = new() { Session = state };
        if (IsLive(state))
        {
            Reply balance = await host.AskAsync(tenant, new BalanceQuery(session, ""));
            if (balance.Answer.View is not GetBalanceResponse left) return balance;
            now.Grains.Add(left.Grains);
        }

        return new Reply(new Answer(Ledger.Outcome.Done, View: now));
    }

    private static bool IsLive(Reply reply) =>
        reply.Answer.View is WatchSessionResponse { Session: { } session } && IsLive(session);

    private static bool IsLive(Session session) =>
        session.State is Session.Types.State.Open or Session.Types.State.Suspended;
}
