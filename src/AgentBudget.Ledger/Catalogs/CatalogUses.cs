using AgentBudget.Ledger.Sessions;
using AgentBudget.Ledger.Tenants;

namespace AgentBudget.Ledger.Catalogs;

/// <summary>What open sessions, holds and credentials refer to, and a catalog or a patch would remove.</summary>
internal static class CatalogUses
{
    // Sessions named in a fault; the rest are counted.
    private const int SessionsNamedMax = 3;

    /// <summary>A fault for each account that is used and not kept.</summary>
    public static List<Fault> Of(TenantLedger ledger, Func<string, bool> isKept)
    {
        var users = new SortedDictionary<string, List<SessionAccount>>(StringComparer.Ordinal);
        foreach (SessionAccount session in ledger.Sessions.Values)
        {
            if (!session.IsOpen && session.OpenHolds == 0) continue;
            foreach (Account account in session.Path[1..])
            {
                bool isWhole = account is not SessionAccount and not UserAccount;
                if (!isWhole || isKept(account.Name)) continue;
                if (!users.TryGetValue(account.Name, out List<SessionAccount>? sessions))
                    users[account.Name] = sessions = [];
                sessions.Add(session);
            }
        }

        return [.. users.Select(user => InUse(user.Key, user.Value)), .. FindWithCredentials(ledger, isKept)];
    }

    // Who leaves takes the keys along: an agent is decommissioned first, an owner's credential revoked.
    private static IEnumerable<Fault> FindWithCredentials(TenantLedger ledger, Func<string, bool> isKept) =>
        ledger.Credentials.All
            .Where(credential => credential.IsLive(ledger.Now))
            .SelectMany(credential => credential.Holds.Select(account => (Account: account, credential.Number)))
            .Where(held => !isKept(held.Account))
            .GroupBy(held => held.Account, held => held.Number, StringComparer.Ordinal)
            .OrderBy(held => held.Key, StringComparer.Ordinal)
            .Select(held => new Fault(
                held.Key,
                $"is removed, but {held.Count()} live credentials refer to it ({Names.Credential(held.Min())} first): "
                + "decommission the agent, or revoke them"));

    private static Fault InUse(string account, List<SessionAccount> sessions)
    {
        int holds = sessions.Sum(session => session.OpenHolds);
        string named = string.Join(", ", sessions.OrderBy(s => s.Number).Take(SessionsNamedMax).Select(s => s.Name));
        string more = sessions.Count > SessionsNamedMax ? $" and {sessions.Count - SessionsNamedMax} more" : "";
        return new Fault(
            account,
            $"is removed, but {sessions.Count} sessions with {holds} open holds refer to it ({named}{more}): "
            + "end them first");
    }
}
