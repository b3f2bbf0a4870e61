using AgentBudget.Ledger.Agents;
using AgentBudget.Ledger.Budgets;
using AgentBudget.Ledger.Sessions;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;
using Dispute = AgentBudget.Ledger.Disputes.Dispute;
using Reservation = AgentBudget.Ledger.Reservations.Reservation;

namespace AgentBudget.Ledger;

// Accounts that are parts of others: their budgets on models, and of each user.
public sealed partial class TenantLedger
{
    /// <summary>Budgets of users that a tenant remembers, some 2 KiB each.</summary>
    public const int UserBudgetsMax = 100_000;

    /// <summary>
    /// Of these, what one agent brings at most: whoever names users without end leaves room for the users of others.
    /// </summary>
    public const int UserBudgetsOfOneMax = UserBudgetsMax / 4;

    /// <summary>Budgets of users in memory.</summary>
    internal int KnownUserBudgets { get; private set; }

    /// <summary>Whether the catalog limits the users of an account.</summary>
    internal bool LimitsUsers => _accounts.Values.Any(account => !account.UserLimits.IsEmpty);

    /// <summary>
    /// The user's budgets with the accounts of a path, from the nearest on; those that are not there yet are made.
    /// </summary>
    internal UserAccount[] UsersOf(Spender spender, Func<string, string, PeriodBounds> boundsOf)
    {
        if (spender.OnBehalfOf.Length == 0) return [];
        List<UserAccount>? users = null;
        foreach (Account owner in (Account[])[AccountOf(spender.Agent), .. SharedOf(spender)])
        {
            if (owner.UserLimits.Of(spender.OnBehalfOf).Count == 0) continue;
            string name = Names.User(owner.Name, spender.OnBehalfOf);
            if (!_accounts.TryGetValue(name, out Account? account)) account = AddUser(name, owner, spender);
            if (!account.IsInCatalog) Configure((UserAccount)account, boundsOf);
            (users ??= []).Add((UserAccount)account);
        }

        return users is null ? [] : [.. users];
    }

    /// <summary>The names of the user's budgets with the accounts of a path, and their windows.</summary>
    internal IEnumerable<(string Name, IReadOnlyList<Protocol.V1.Budget> Windows)> UserWindowsOf(Spender spender)
    {
        foreach (Account owner in (Account[])[AccountOf(spender.Agent), .. SharedOf(spender)])
        {
            IReadOnlyList<Protocol.V1.Budget> windows = owner.UserLimits.Of(spender.OnBehalfOf);
            if (windows.Count > 0) yield return (Names.User(owner.Name, spender.OnBehalfOf), windows);
        }
    }

    /// <summary>
    /// A catalog was applied or patched: budgets of users become as it says, and paths of sessions lead over those that
    /// there are.
    /// </summary>
    /// <param name="boundsOf">The period of a user's window.</param>
    /// <param name="isConcerned">Whether the users of an account are looked at.</param>
    /// <param name="sessions">The sessions that are looked at, in the order of their opening.</param>
    internal void ConfigureUsers(
        Func<string, string, PeriodBounds> boundsOf,
        Func<Account, bool> isConcerned,
        Func<IEnumerable<SessionAccount>> sessions)
    {
        UserAccount[] users = [.. _accounts.Values.OfType<UserAccount>().Where(user => isConcerned(user.Of))];
        foreach (UserAccount user in users)
        {
            // Its account may have been removed and be there again.
            bool isLimited = user.Of.IsInCatalog && user.Of.UserLimits.Of(user.User).Count > 0;
            if (isLimited) Configure(user, boundsOf);
            else user.IsInCatalog = false;
        }

        if (users.Length == 0 && !LimitsUsers) return;
        foreach (SessionAccount session in sessions()) LeadOver(session, UsersOf(session.Spender, boundsOf));
    }

    /// <summary>A budget on models is new: it counts what is held and in dispute.</summary>
    internal void Adopt(ModelAccount family)
    {
        foreach (SessionAccount session in _sessions.Values)
        {
            if (session.OpenHolds == 0 || !session.Families.Contains(family)) continue;
            foreach (Reservation held in _reservations.Of(session))
            {
                if (family.Counts(held.Model)) family.RestoreHold(held.Held);
            }
        }

        AdoptDisputes(family);
    }

    /// <summary>The accounts that usage in dispute stands beside: those that others share, and parts of them.</summary>
    internal List<Account> SharedOf(Dispute dispute)
    {
        List<Account> shared = [.. SharedOf(dispute.Spender)];
        foreach (Account owner in SharedOf(dispute.Spender))
        {
            if (dispute.Spender.OnBehalfOf.Length > 0
                && _accounts.TryGetValue(Names.User(owner.Name, dispute.Spender.OnBehalfOf), out Account? user))
            {
                shared.Add(user);
            }

            shared.AddRange(owner.Families.Where(dispute.Concerns));
        }

        return shared;
    }

    /// <summary>The model of a hold; empty for one that is held no longer, or of items alone.</summary>
    internal string HeldModelOf(long number) =>
        _reservations.TryGet(number, out Reservation held) ? held.Model : "";

    /// <summary>The agent of usage in dispute, and the parts of it that were charged.</summary>
    internal List<Account> AgentsOf(Dispute dispute)
    {
        Account agent = AccountOf(dispute.Spender.Agent);
        List<Account> agents = [agent, .. agent.Families.Where(dispute.Concerns)];
        bool hasUser = dispute.Spender.OnBehalfOf.Length > 0;
        if (hasUser && _accounts.TryGetValue(Names.User(agent.Name, dispute.Spender.OnBehalfOf), out Account? user))
            agents.Add(user);
        return agents;
    }

    private UserAccount AddUser(string name, Account owner, Spender spender)
    {
        var account = new UserAccount(name, owner, spender.OnBehalfOf);
        account.Open((AgentAccount)AccountOf(spender.Agent));
        _accounts.Add(name, account);
        KnownUserBudgets++;
        AdoptDisputes(account);
        return account;
    }

    private void Configure(UserAccount user, Func<string, string, PeriodBounds> boundsOf)
    {
        user.IsInCatalog = true;
        RemoveBudgetDeadlines(user);
        user.Configure(
            user.Of.UserLimits.Of(user.User),
            TierLadder.Default,
            window => boundsOf(user.Name, window),
            LogTimeNanos);
        foreach (Window window in user.Windows) SetBudgetDeadlines(window);
    }

    private void AdoptDisputes(Account part)
    {
        foreach (Dispute dispute in _disputes.Values.Where(dispute => SharedOf(dispute).Contains(part)))
        {
            part.Sessions++;
            foreach (Window window in part.Windows) window.StartDispute(dispute.Disputed);
        }
    }

    private void LeadOver(SessionAccount session, UserAccount[] users)
    {
        if (session.Users.AsSpan().SequenceEqual(users)) return;
        foreach (UserAccount left in session.Users.Except(users))
        {
            foreach (Reservation held in _reservations.Of(session)) left.Unhold(held.Held);
            left.Sessions--;
            DropIfUnused(left);
        }

        foreach (UserAccount entered in users.Except(session.Users))
        {
            foreach (Reservation held in _reservations.Of(session)) entered.RestoreHold(held.Held);
            Enter(entered);
        }

        session.LeadOver(users);
    }

    private void Enter(Account account)
    {
        account.Sessions++;
        if (account is UserAccount user) _retention.Remove(user.RetentionDeadline);
    }

    // What nobody works for is kept a while, and as long as it counts something.
    private void DropIfUnused(UserAccount user)
    {
        if (user.Sessions > 0) return;
        if (user.IsInCatalog) _retention.Set(user.RetentionDeadline, LogTimeNanos + UserAccount.RetentionNanos);
        else Drop(user);
    }

    private void Forget(UserAccount user)
    {
        if (user.CountsAnything) _retention.Set(user.RetentionDeadline, LogTimeNanos + UserAccount.RetentionNanos);
        else Drop(user);
    }

    private void Drop(UserAccount user)
    {
        _retention.Remove(user.RetentionDeadline);
        RemoveBudgetDeadlines(user);
        if (!_accounts.Remove(user.Name)) return;
        KnownUserBudgets--;
        user.Close();
    }
}
