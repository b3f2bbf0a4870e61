using AgentBudget.Ledger.Agents;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tenants;

/// <summary>
/// The budget of one user with an account of the catalog. It is there from the user's first session on, and is
/// forgotten a time after the last.
/// </summary>
internal sealed class UserAccount : Account
{
    /// <summary>
    /// After its last session it is kept this long (32 days), so that a period that is changed counts a month of it.
    /// </summary>
    internal const long RetentionNanos = 32 * 24 * LogTime.NanosPerHour;

    public UserAccount(string name, Account of, string user)
        : base(name, Reason.UserBudget)
    {
        Of = of;
        User = user;
        RetentionDeadline = new Deadline(DeadlineKind.Retention, this, number: 0, name);
    }

    /// <summary>The account whose spend for the user it counts.</summary>
    public override Account Of { get; }

    public string User { get; }

    public Deadline RetentionDeadline { get; }

    /// <summary>The agent whose session it was made for, whose share it takes; null where that is not known.</summary>
    public AgentAccount? OpenedBy { get; private set; }

    /// <summary>It takes a share of an agent's.</summary>
    public void Open(AgentAccount agent)
    {
        Invariant.Holds(OpenedBy is null);
        OpenedBy = agent;
        agent.KnownUserBudgets++;
    }

    /// <summary>It is forgotten.</summary>
    public void Close()
    {
        if (OpenedBy is { } agent) agent.KnownUserBudgets--;
    }

    /// <summary>Something of it would be lost if it were forgotten.</summary>
    public bool CountsAnything
    {
        get
        {
            foreach (Budgets.Window window in Windows)
            {
                bool isPlain = window is
                {
                    ExtensionNanos: 0, ExtensionTokens: 0, CarriedNanos: 0, CarriedTokens: 0, NotifiedPercent: 0,
                };
                if (!isPlain || window.ExposureNanos != 0 || window.ExposureTokens != 0) return true;
            }

            return false;
        }
    }
}
