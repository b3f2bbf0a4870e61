namespace AgentBudget.Runtime;

/// <summary>What an activation needs of whoever hosts it: a thread now and then, and an ear.</summary>
public interface IActivationHost
{
    /// <summary>
    /// Runs this soon, and not inside of the call. Asked again only once it has run, so that steps of an activation
    /// never overlap. Any thread.
    /// </summary>
    void RunSoon(IThreadPoolWorkItem step);

    /// <summary>
    /// Events up to a sequence are durable, or were found so when the tenant was loaded. On a step: takes no time.
    /// </summary>
    void Published(long durableSequence);

    /// <summary>
    /// The activation has ended and answers nothing more but that it is not ready; another may be made. On a step.
    /// </summary>
    void Ended();
}
