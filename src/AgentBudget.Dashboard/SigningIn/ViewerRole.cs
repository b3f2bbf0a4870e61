namespace AgentBudget.Dashboard.SigningIn;

/// <summary>
/// What a credential says that it is for. It decides what is offered on a page; what is answered, the API decides.
/// </summary>
internal enum ViewerRole
{
    /// <summary>An agent's: its own sessions.</summary>
    Agent,

    /// <summary>An orchestrator's: sessions of every agent.</summary>
    Orchestrator,

    /// <summary>An owner's: spend and sessions of its use cases.</summary>
    Owner,

    /// <summary>Finance: budgets, spend and reports.</summary>
    Finance,

    /// <summary>An auditor's: everything, to read.</summary>
    Auditor,

    /// <summary>An administrator's, or the operator's key: everything.</summary>
    Admin,
}

/// <summary>What each role is offered: as the API's policy has it.</summary>
internal static class ViewerRights
{
    /// <summary>The role of a credential by how it begins; null for one that looks at no page.</summary>
    internal static ViewerRole? RoleOf(string credential) => credential.Split('_', 2)[0] switch
    {
        "aba" => ViewerRole.Agent,
        "abo" => ViewerRole.Orchestrator,
        "abw" => ViewerRole.Owner,
        "abf" => ViewerRole.Finance,
        "abu" => ViewerRole.Auditor,
        "abk" => ViewerRole.Admin,
        _ => null,
    };

    internal static bool ReadsSpend(this ViewerRole role) =>
        role is ViewerRole.Owner or ViewerRole.Finance or ViewerRole.Auditor or ViewerRole.Admin;

    internal static bool ReadsCatalog(this ViewerRole role) =>
        role is ViewerRole.Finance or ViewerRole.Auditor or ViewerRole.Admin;

    internal static bool ReadsSessions(this ViewerRole role) => role is not ViewerRole.Finance;

    internal static bool Audits(this ViewerRole role) => role is ViewerRole.Auditor or ViewerRole.Admin;

    internal static bool ChangesBudgets(this ViewerRole role) => role is ViewerRole.Finance or ViewerRole.Admin;

    internal static bool SuspendsSessions(this ViewerRole role) =>
        role is ViewerRole.Admin or ViewerRole.Orchestrator or ViewerRole.Owner;

    internal static bool ResumesSessions(this ViewerRole role) => role is ViewerRole.Admin or ViewerRole.Owner;

    internal static bool RevokesSessions(this ViewerRole role) =>
        role is ViewerRole.Admin or ViewerRole.Agent or ViewerRole.Orchestrator or ViewerRole.Owner;

    internal static bool ChangesAgents(this ViewerRole role) => role is ViewerRole.Admin;

    /// <summary>What stands out, belongs together and could be saved, and files for finance.</summary>
    internal static bool ReadsFindings(this ViewerRole role) =>
        role is ViewerRole.Finance or ViewerRole.Auditor or ViewerRole.Admin;

    internal static bool ReadsNotices(this ViewerRole role) =>
        role is ViewerRole.Finance or ViewerRole.Auditor or ViewerRole.Admin;

    internal static bool ChangesNotices(this ViewerRole role) => role is ViewerRole.Finance or ViewerRole.Admin;
}
