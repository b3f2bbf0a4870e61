namespace AgentBudget.Gateway.Server;

/// <summary>How the process ends (the numbers are those of sysexits).</summary>
internal static class ExitCodes
{
    /// <summary>A clean stop.</summary>
    internal const int Ok = 0;

    /// <summary>Bad usage or configuration.</summary>
    internal const int Usage = 64;

    /// <summary>The silo refuses the gateway's credential.</summary>
    internal const int NotPermitted = 77;
}
