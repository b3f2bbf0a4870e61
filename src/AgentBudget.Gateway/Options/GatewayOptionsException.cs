namespace AgentBudget.Gateway.Options;

/// <summary>The gateway's options are wrong; the message says which and what would be right.</summary>
public sealed class GatewayOptionsException(string message) : Exception(message);
