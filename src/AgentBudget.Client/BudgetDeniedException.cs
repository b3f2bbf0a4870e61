using AgentBudget.Protocol.V1;

namespace AgentBudget.Client;

/// <summary>
/// The budget refused a call that was about to be made. Thrown by what stands in front of a call
/// (<see cref="BudgetScope.EnsureAllowed"/>, <see cref="BudgetHttpHandler"/>, <see cref="BudgetChatClient"/>), where no
/// answer could say so.
/// </summary>
public sealed class BudgetDeniedException : Exception
{
    /// <summary>Makes the exception of a refusal.</summary>
    /// <param name="denial">Why, in numbers.</param>
    public BudgetDeniedException(Denial denial)
        : base(SentenceOf(denial)) =>
        Denial = denial;

    /// <summary>Why, in numbers: the reason, the account that refused, and a model that would fit.</summary>
    public Denial Denial { get; }

    private static string SentenceOf(Denial denial)
    {
        ArgumentNullException.ThrowIfNull(denial);
        return denial.Message.Length > 0 ? denial.Message : $"The budget of {denial.Grain} refused: {denial.Reason}.";
    }
}
