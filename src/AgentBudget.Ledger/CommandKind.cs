namespace AgentBudget.Ledger;

/// <summary>What a command needs of whoever carries it.</summary>
public enum CommandKind
{
    /// <summary>Decides something new; the first to be turned away.</summary>
    Decision,

    /// <summary>
    /// Settles or gives back an existing hold: has room of its own, since what was spent must be recorded.
    /// </summary>
    Settlement,

    /// <summary>Changes nothing.</summary>
    Query,
}

/// <summary>Tells the kinds of commands apart.</summary>
public static class CommandKinds
{
    /// <summary>The kind of a command.</summary>
    public static CommandKind Of(Command command) => command switch
    {
        CommitCommand or ReleaseCommand => CommandKind.Settlement,
        BalanceQuery or SessionQuery or SessionsQuery or CatalogQuery or SpendSnapshotQuery or CredentialQuery
            or DisputesQuery or ExtensionRequestQuery or ExtensionRequestsQuery
            or CredentialsQuery or CredentialBookQuery => CommandKind.Query,
        _ => CommandKind.Decision,
    };
}
