using AgentBudget.Cli.Connecting;

namespace AgentBudget.Cli.Run;

/// <summary>
/// What a command that runs on a budget finds in its environment: the gateway as its provider, and its session's token
/// as its key. Keys of providers and our own credential do not reach it.
/// </summary>
internal static class ChildEnvironment
{
    internal const string GatewayVariable = "AGENTBUDGET_GATEWAY";
    internal const string DefaultGateway = "http://127.0.0.1:7072";

    /// <summary>Names that would lead past the gateway.</summary>
    private static readonly string[] Withheld =
    [
        GlobalOptions.CredentialFileVariable, GlobalOptions.ProfileVariable, ProfileStore.FolderVariable,
        "ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "GOOGLE_API_KEY", "AZURE_OPENAI_API_KEY",
        "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY",
    ];

    public static void Fill(
        IDictionary<string, string?> variables,
        Uri gateway,
        string server,
        string session,
        string token,
        string tokenFile)
    {
        foreach (string name in Withheld) variables.Remove(name);
        string root = gateway.AbsoluteUri.TrimEnd('/');
        variables["OPENAI_BASE_URL"] = $"{root}/v1";
        variables["OPENAI_API_KEY"] = token;
        variables["ANTHROPIC_BASE_URL"] = root; // Its clients add /v1 themselves.
        variables["ANTHROPIC_AUTH_TOKEN"] = token;
        variables["GOOGLE_GEMINI_BASE_URL"] = root;
        variables["GEMINI_API_KEY"] = token;
        variables["AGENTBUDGET_MCP_URL"] = $"{root}/mcp";
        variables["AGENTBUDGET_SERVER"] = server;
        variables["AGENTBUDGET_SESSION"] = session;
        variables["AGENTBUDGET_SESSION_TOKEN"] = token;
        variables["AGENTBUDGET_SESSION_TOKEN_FILE"] = tokenFile;
    }
}
