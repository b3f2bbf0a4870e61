namespace AgentBudget.Storage;

/// <summary>
/// The store could not do it: not reachable, not readable, closed, or not to be trusted. The message says what and
/// where in one sentence. What was to be written may or may not have been.
/// </summary>
public sealed class StoreException(string message, Exception? inner = null) : Exception(message, inner);
