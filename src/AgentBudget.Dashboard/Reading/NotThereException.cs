namespace AgentBudget.Dashboard.Reading;

/// <summary>What a page is of is not there, or not for whoever looks.</summary>
internal sealed class NotThereException(string message) : Exception(message);
