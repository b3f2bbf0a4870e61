namespace AgentBudget.Silo.Options;

/// <summary>An option is wrong; the message is a sentence that says which and what would be right.</summary>
internal sealed class OptionsException(string message) : Exception(message);
